"""Which allowed rules reach hosts where anyone may publish or receive data, with a grade.

The grade is that of the worst host reached:

| grade | what the policy reaches |
|---|---|
| A | nothing of the table |
| B | only such hosts by GET, HEAD or OPTIONS: data can leave in a URL, a byte at a time |
| C | telemetry and models: the vendor receives, and an account of one's own can read |
| D | code hosts and package registries: anyone may publish under an account |
| E | object storage, paste, messages, tunnels: anyone may receive, without review |
| F | the hosts of G by GET, HEAD or OPTIONS: anyone's server receives what stands in URLs |
| G | every host, or every one below a suffix such as `com`, where anyone registers one |
| H | Coder's API, the cluster's or the node's credentials: an agent can leave the firewall |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Final, Literal, cast

from components.boundary.catalogue import CATALOGUE
from components.boundary.coverage import Part, overlaps_host, parts
from components.boundary.leaving import READING, leaving, secrets
from components.boundary.names import open_labels
from components.boundary.numbers import SERVICES
from components.boundary.older import as_decided
from components.boundary.own import Own
from components.boundary.policy import Policy, PolicyRule
from components.boundary.rule import WILDCARD, Rule

Grade = Literal["A", "B", "C", "D", "E", "F", "G", "H"]

WORST: Final[Grade] = "H"
"""The grade of a policy that an agent can leave; no stack accepts it unasked."""

# A fetch names what it wants in the body; a push is git-receive-pack.
_FETCH = "git-upload-pack"
# Only where git itself answers: any other server receives the whole of what is sent there.
_FORGES: Final = (
    *("github.com", "gitlab.com", "bitbucket.org", "dev.azure.com", "codeberg.org"),
    *("git.sr.ht", "huggingface.co"),
)

BELOW: Final = "a host below the rule's"

RUNNERS: Final = "what is pushed there runs on its CI runners, which stand outside the firewall"


@dataclass(frozen=True)
class Sink:
    """A host pattern where anyone may publish or receive data."""

    host: str
    grade: Grade
    why: str

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Those of its host."""
        return tuple(self.host.split("."))


# Grade, why, and the hosts for which that is so.
_TABLE: tuple[tuple[Grade, str, str], ...] = (
    (
        "E",
        "anyone's bucket receives uploads",
        "*.amazonaws.com storage.googleapis.com *.r2.cloudflarestorage.com "
        "*.digitaloceanspaces.com *.backblazeb2.com",
    ),
    (
        "E",
        "APIs of anyone's Google Cloud project, storage among them",
        "*.googleapis.com",
    ),
    (
        "E",
        "anyone's storage account receives uploads",
        "*.blob.core.windows.net",
    ),
    (
        "E",
        "anyone's distribution, with anyone's server behind it",
        "*.cloudfront.net *.azureedge.net",
    ),
    (
        "E",
        "anyone's program answers there",
        "*.workers.dev *.vercel.app *.netlify.app *.herokuapp.com *.azurewebsites.net *.run.app",
    ),
    (
        "E",
        "a tunnel to anyone's machine",
        "*.ngrok.io *.ngrok.app *.ngrok-free.app *.trycloudflare.com",
    ),
    (
        "E",
        "anyone may paste",
        "gist.github.com pastebin.com paste.ubuntu.com dpaste.org paste.rs rentry.co",
    ),
    (
        "E",
        "anyone may upload",
        "transfer.sh 0x0.st file.io catbox.moe content.dropboxapi.com",
    ),
    (
        "E",
        "anyone may read what is sent to an address made on the spot",
        "webhook.site *.webhook.site *.requestcatcher.com *.beeceptor.com *.pipedream.net "
        "*.interact.sh *.oastify.com",
    ),
    (
        "E",
        "a name for anyone's address",
        " ".join(sorted(f"*.{'.'.join(each)}" for each in SERVICES)),
    ),
    (
        "E",
        "anyone's name server is asked what stands in a query",
        "dns.google cloudflare-dns.com one.one.one.one dns.quad9.net doh.opendns.com "
        "dns.nextdns.io",
    ),
    (
        "E",
        "anyone's channel receives messages and files",
        "hooks.slack.com slack.com discord.com api.telegram.org",
    ),
    (
        "D",
        "anyone may push to a repository",
        " ".join(_FORGES),
    ),
    (
        "D",
        "anyone may write issues, gists and files by the API",
        "api.github.com",
    ),
    (
        "D",
        "anyone may write by the API",
        "api.bitbucket.org hub.docker.com",
    ),
    (
        "D",
        "anyone may push an image",
        "registry.gitlab.com registry-1.docker.io index.docker.io ghcr.io quay.io "
        "gcr.io *.gcr.io *.pkg.dev",
    ),
    (
        "D",
        "anyone may publish a package",
        "registry.npmjs.org upload.pypi.org test.pypi.org api.nuget.org www.nuget.org "
        "packagist.org pub.dev hex.pm packagecloud.io *.packagecloud.io launchpad.net",
    ),
    (
        "D",
        "anyone may publish a gem",
        "rubygems.org",
    ),
    (
        "D",
        "anyone may publish a crate",
        "crates.io",
    ),
    (
        "D",
        "anyone may publish files",
        "*.sourceforge.net",
    ),
    (
        "C",
        "anyone's project receives events",
        "*.sentry.io api.statsig.com",
    ),
    (
        "C",
        "anyone's account receives logs",
        "http-intake.logs.datadoghq.com http-intake.logs.us5.datadoghq.com",
    ),
    (
        "C",
        "anyone's account receives prompts and files",
        "api.anthropic.com claude.ai api.openai.com",
    ),
)

SINKS: tuple[Sink, ...] = tuple(
    Sink(host, grade, why) for grade, why, hosts in _TABLE for host in hosts.split()
)

# The last two labels of every sink are names, so most of the table need not be looked at.
_BY_DOMAIN: dict[tuple[str, ...], list[Sink]] = {}
for _sink in SINKS:
    _BY_DOMAIN.setdefault(_sink.labels[-2:], []).append(_sink)


@dataclass(frozen=True)
class Entry:
    """A rule that reaches such hosts, with the grade it costs and the reasons."""

    rule: PolicyRule
    grade: Grade
    hosts: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Note:
    """What a rule opens that no grade tells."""

    rule: PolicyRule
    why: str


@dataclass(frozen=True)
class Report:
    """The grade of a policy, the entries that cost it, worst first, and notes besides."""

    grade: Grade
    entries: tuple[Entry, ...]
    notes: tuple[Note, ...] = ()

    def excess(self, highest: Grade) -> str:
        """Return why the grade is worse than the `highest` accepted, empty when it is not."""
        if self.grade <= highest:
            return ""
        worst = self.entries[0]
        said = f"the policy's exfiltration grade is {self.grade}, by rule {worst.rule.rule.text!r}"
        leaves = "; an agent can leave the firewall" if self.grade == WORST else ""
        return f"{said} of group {worst.rule.group} ({worst.why}){leaves}"


def exfiltration_report(
    policy: Policy, own: Own | None = None, release: str | None = None
) -> Report:
    """Return the report of `policy` by the table SINKS and what it opens of the own hosts.

    Args:
        policy: the policy.
        own: adds to the hosts that the policy's groups name.
        release: of Boundary that decides; one may let hosts below a rule's through too.
    """
    decided = as_decided(policy, release)
    return _report(policy, decided, Own.named_by(policy) | (own or Own()))


# Settings are held to their grade, and reviews show it again: of the same policies.
@lru_cache(maxsize=64)
def _report(policy: Policy, decided: Policy, hosts: Own) -> Report:
    stated = set(policy)
    by_rule: dict[tuple[str, str], Entry] = {}
    notes: dict[tuple[str, str], Note] = {}
    for rule in decided:
        below = rule not in stated
        entry = _entry(rule, hosts, below=below)
        # What is below a rule's own host is told as that rule's.
        key = (rule.group, rule.rule.text)
        if entry is not None and (key not in by_rule or by_rule[key].grade < entry.grade):
            by_rule[key] = entry
        if why := _noted(rule.rule, hosts, entry):
            notes.setdefault(key, Note(rule, why))
    entries = sorted(by_rule.values(), key=lambda entry: entry.grade, reverse=True)
    return Report(entries[0].grade if entries else "A", tuple(entries), tuple(notes.values()))


def _folded(rule: Rule) -> Rule:
    """Return a rule by which upper case stands for lower: servers take either.

    Programs send hosts in lower case; an agent that wants out sends what the rule matches.
    """
    labels = tuple(label.lower() for label in rule.labels)
    return rule if labels == rule.labels else replace(rule, labels=labels)


def _entry(policy_rule: PolicyRule, own: Own, *, below: bool = False) -> Entry | None:
    found = _judged(policy_rule, own, below=below)
    return replace(found, why=f"{found.why} ({BELOW})") if found and below else found


def _judged(policy_rule: PolicyRule, own: Own, *, below: bool) -> Entry | None:
    rule = _folded(policy_rule.rule)
    reading = all(_reads(part, own) for part in parts(rule))
    # Every host is Coder's too, whatever its name.
    coder = own.coder or frozenset({"coder"} if rule.any_host else ())
    known = own if coder == own.coder else replace(own, coder=coder)
    way = next(filter(None, (leaving(part, known) for part in parts(rule))), "")
    if way:
        return Entry(policy_rule, WORST, (rule.host,), way)
    if rule.any_host:
        why = "anyone's server receives what stands in a URL" if reading else "every host there is"
        return Entry(policy_rule, "F" if reading else "G", (WILDCARD,), why)
    # The hosts of the catalogue's wildcards are known, and the list of suffixes takes a moment.
    stated = below or policy_rule.group not in CATALOGUE
    if stated and (anyones := _anyones(rule.labels)):
        grade, suffix = anyones
        why = f"anyone may register a host below {suffix}"
        read: Grade = "F" if grade == "G" else "B"
        return Entry(policy_rule, read if reading else grade, (rule.host,), why)
    reached = _reached(rule.labels)
    if not reached:
        return None
    worst = max(reached, key=lambda sink: sink.grade)
    return Entry(
        policy_rule,
        "B" if reading else worst.grade,
        tuple(sink.host for sink in reached),
        "read only, but data can leave in a URL" if reading else worst.why,
    )


def _reads(part: Part, own: Own) -> bool:
    """Whether a part only fetches: anybody's server receives what git sends it."""
    if part.method in READING:
        return True
    fetches = part.method == "POST" and part.path[-1:] == (_FETCH,)
    return fetches and (".".join(part.host) in _FORGES or ".".join(part.host) in own.gitlab)


def _noted(rule: Rule, own: Own, entry: Entry | None) -> str:
    folded = _folded(rule)
    found = parts(folded)
    if any(folded.matches_host(host.split(".")) for host in own.gitlab) and not all(
        part.method in READING or (part.method == "POST" and part.path[-1:] == (_FETCH,))
        for part in found
    ):
        return RUNNERS
    if entry is not None and entry.grade == WORST:
        return ""
    return next(filter(None, (secrets(part, own) for part in found)), "")


@lru_cache(maxsize=1024)
def _anyones(labels: tuple[str, ...]) -> tuple[Grade, str] | None:
    """Return what a wildcard over hosts that anyone registers costs, and below which name."""
    if WILDCARD not in labels:
        return None
    host = ".".join(labels)
    for grade, domains in (("G", True), ("E", False)):
        named = open_labels(host, domains=domains)
        if WILDCARD in labels[-named:]:
            return cast("Grade", grade), ".".join(labels[1 - named :])
    return None


# A review grades the same hosts several times: of the policy before, after, and of what opens.
@lru_cache(maxsize=16_384)
def _reached(labels: tuple[str, ...]) -> tuple[Sink, ...]:
    domain = labels[-2:]
    there = SINKS if len(domain) < 2 or WILDCARD in domain else _BY_DOMAIN.get(domain, ())
    return tuple(sink for sink in there if overlaps_host(labels, sink.labels))
