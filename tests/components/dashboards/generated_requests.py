"""Requests of agents as the audit log holds them, generated from a seed."""

import json
import random
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from components.dashboards.logql import NO_DOMAIN

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
END = START + timedelta(hours=6)


@dataclass(frozen=True)
class Request:
    """One request of an agent, and the line coderd wrote about it."""

    time: datetime
    decision: str
    method: str
    url: str
    domain: str
    path: str
    owner: str
    workspace: str
    template: str
    version: str

    @property
    def rule(self) -> str:
        """The rule that allowed it, if one did."""
        if self.decision == "deny":
            return ""
        if self.domain == NO_DOMAIN:
            return "domain=pypi.org" if "pypi" in self.url else "domain=github.com"
        return str(rule_of(self.domain, self.version))

    @property
    def line(self) -> str:
        """The line as Go's JSON encoder writes it: non-ASCII as it is, <, > and & escaped."""
        fields = {
            "agent_name": "main",
            "decision": self.decision,
            "event_time": self.time.isoformat(),
            "http_method": self.method,
            "http_url": self.url,
            "owner": self.owner,
            "template_id": self.template,
            "template_version_id": self.version,
            "workspace_id": workspace_id(self.owner, self.workspace),
            "workspace_name": self.workspace,
        }
        if self.rule:
            fields["matched_rule"] = self.rule
        return log_line("boundary_request", time=self.time, **fields)


def workspace_id(owner: str, name: str) -> str:
    """Return the id of a workspace."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{owner}/{name}"))


def log_line(
    message: str,
    *,
    time: datetime = START,
    level: str = "INFO",
    caller: str = "coderd/agentapi/boundary_logs.go:102",
    loggers: tuple[str, ...] = ("coderd", "agentrpc"),
    **fields: str,
) -> str:
    """Return a line of coderd's JSON log."""
    text = json.dumps(
        {
            "ts": time.isoformat().replace("+00:00", "Z"),
            "level": level,
            "msg": message,
            "caller": caller,
            "logger_names": loggers,
            "fields": fields,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


URLS = (
    # (url, domain, path): what a reader of the URL would say they are.
    ("https://pypi.org/simple/requests/", "pypi.org", "/simple/requests/"),
    (
        "https://github.com/coder/coder.git/info/refs?service=git",
        "github.com",
        "/coder/coder.git/info/refs",
    ),
    ("http://registry.npmjs.org:8080/left-pad", "registry.npmjs.org", "/left-pad"),
    ("https://example.com", "example.com", ""),
    ("https://example.com?next=https://evil.example/a", "example.com", ""),
    ("https://user:p@ss@git.example.com/a'b\"c`d", "git.example.com", "/a'b\"c`d"),
    ("https://bücher.example/日本/🚀?x=<a&b>", "bücher.example", "/日本/🚀"),
    ("https://[2001:db8::1]:443/v6", "[2001:db8::1]", "/v6"),
    (
        "https://api.anthropic.com/v1/messages/count_tokens",
        "api.anthropic.com",
        "/v1/messages/count_tokens",
    ),
    ("https://api.anthropic.com/v1/messages", "api.anthropic.com", "/v1/messages"),
    (
        "https://files.pythonhosted.org:443/a.whl",
        "files.pythonhosted.org",
        "/a.whl",
    ),
    ("https://proxy.golang.org/github.com/x/@v/list", "proxy.golang.org", "/github.com/x/@v/list"),
    ("https://api.github.com?next=https://evil.example/a", "api.github.com", ""),
    ("https://crates.io/日本/🚀?x=<a&b>", "crates.io", "/日本/🚀"),
    # From here on asked for in the range alone.
    ("https://example.com/boundary_request#top", "example.com", "/boundary_request"),
    ("https://a.b.c.example.net/x/../%2e%2e/y", "a.b.c.example.net", "/x/../%2e%2e/y"),
    ("wss://dev.usgov.example/api/v2/rpc\\back", "dev.usgov.example", "/api/v2/rpc\\back"),
)
FRESH = ("https://paste.example.org/upload", "paste.example.org", "/upload")
"""Asked for, and denied, in the last two hours alone."""
UNADDRESSED = (
    # (target, path, decision): of v0.9.0's proxy, asked with `Host: evil.example`.
    ("pypi.org:/api/v2/users/me/keys/tokens", "/api/v2/users/me/keys/tokens", "allow"),
    ("x:@github.com/a?b=c", "/a", "allow"),
    ("github.com:443/a", "/a", "allow"),
    ("http:/evil.example/", "/evil.example/", "deny"),
    ("https:///p", "/p", "deny"),
)
"""Targets that name no host which the request goes to, at the end of the range."""
TEMPLATES = {
    "11111111-aaaa-4000-8000-000000000001": ("v1-aaaa", "v2-bbbb"),
    "22222222-bbbb-4000-8000-000000000002": ("v9-cccc",),
}
"""The templates with a firewall and their versions: of no other is there a line."""
ALLOWED = frozenset(
    {
        *("api.anthropic.com", "api.github.com", "crates.io", "files.pythonhosted.org"),
        *("github.com", "proxy.golang.org", "pypi.org"),
    }
)
"""Those of the domains that the policy of stack dev allows, each by a rule of its own."""
LOST = {"v2-bbbb": frozenset({"files.pythonhosted.org", "github.com", "pypi.org"})}
"""What a version's policy no longer allows: what a bad policy update looks like."""
_USUAL = (*URLS[:-3], *(each for each in URLS if each[1] in ALLOWED))
"""What is asked for at any time; an agent asks for what it gets more often."""


def rule_of(domain: str, version: str = "") -> str | None:
    """Return the rule by which a template's version allows a domain; None if none does."""
    return f"domain={domain}" if domain in ALLOWED - LOST.get(version, frozenset()) else None


def requests(seed: int = 7, count: int = 900) -> list[Request]:
    """Return requests over the range, and over the three days before it."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        url, domain, path = rng.choice(_USUAL if number % 3 else URLS)
        template = rng.choice(list(TEMPLATES))
        version = rng.choice(TEMPLATES[template])
        before = number % 3 == 1
        span = -3 * 86_400_000 if before else int((END - START).total_seconds() * 1000)
        offset = rng.randrange(span, -1) if before else rng.randrange(1, span)
        made.append(
            Request(
                time=START + timedelta(milliseconds=offset),
                decision="allow" if rule_of(domain, version) else "deny",
                method=rng.choice(["GET", "POST", "PUT"]),
                url=url,
                domain=domain,
                path=path,
                owner=rng.choice(["ada", "o'brien", "zoë.k+1"]),
                workspace=rng.choice(["dev", "review-7"]),
                template=template,
                version=version,
            )
        )
    url, domain, path = FRESH
    made += [
        replace(
            made[number],
            time=END - timedelta(minutes=rng.randrange(1, 120)),
            decision="deny",
            method="POST",
            url=url,
            domain=domain,
            path=path,
        )
        for number in range(5)
    ]
    made += [
        replace(
            made[number],
            time=END - timedelta(minutes=number + 1),
            decision=decision,
            method="POST",
            url=target,
            domain=NO_DOMAIN,
            path=path,
        )
        for number, (target, path, decision) in enumerate(UNADDRESSED)
    ]
    return sorted(made, key=lambda request: request.time)
