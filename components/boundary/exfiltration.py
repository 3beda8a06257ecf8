"""Which allowed rules reach hosts where anyone may publish or receive data, with a grade.

The grade is that of the worst host reached:

| grade | what the policy reaches |
|---|---|
| A | nothing of the table |
| B | only such hosts by GET, HEAD or OPTIONS: data can leave in a URL, a byte at a time |
| C | telemetry: the vendor receives, and an account of one's own can read |
| D | code hosts and package registries: anyone may publish under an account |
| E | object storage and paste hosts: anyone may receive, without review |
| F | every host |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from components.boundary.coverage import overlaps_host
from components.boundary.policy import Policy, PolicyRule

Grade = Literal["A", "B", "C", "D", "E", "F"]

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Sink:
    """A host pattern where anyone may publish or receive data."""

    host: str
    grade: Grade
    why: str


SINKS: tuple[Sink, ...] = (
    Sink("*.amazonaws.com", "E", "anyone's S3 bucket receives uploads"),
    Sink("*.cloudfront.net", "E", "anyone's distribution, with anyone's server behind it"),
    Sink("storage.googleapis.com", "E", "anyone's bucket receives uploads"),
    Sink("*.googleapis.com", "E", "APIs of anyone's Google Cloud project, storage among them"),
    Sink("*.blob.core.windows.net", "E", "anyone's Azure storage account receives uploads"),
    Sink("gist.github.com", "E", "anyone may paste"),
    Sink("pastebin.com", "E", "anyone may paste"),
    Sink("transfer.sh", "E", "anyone may upload"),
    Sink("github.com", "D", "anyone may push to a repository"),
    Sink("api.github.com", "D", "anyone may write issues, gists and files by the API"),
    Sink("gitlab.com", "D", "anyone may push to a repository"),
    Sink("bitbucket.org", "D", "anyone may push to a repository"),
    Sink("api.bitbucket.org", "D", "anyone may write by the API"),
    Sink("registry.gitlab.com", "D", "anyone may push an image"),
    Sink("registry-1.docker.io", "D", "anyone may push an image"),
    Sink("ghcr.io", "D", "anyone may push an image"),
    Sink("quay.io", "D", "anyone may push an image"),
    Sink("registry.npmjs.org", "D", "anyone may publish a package"),
    Sink("upload.pypi.org", "D", "anyone may publish a package"),
    Sink("rubygems.org", "D", "anyone may publish a gem"),
    Sink("crates.io", "D", "anyone may publish a crate"),
    Sink("api.nuget.org", "D", "anyone may publish a package"),
    Sink("*.sourceforge.net", "D", "anyone may publish files"),
    Sink("packagecloud.io", "D", "anyone may publish a package"),
    Sink("launchpad.net", "D", "anyone may publish a package"),
    Sink("*.sentry.io", "C", "anyone's project receives events"),
    Sink("http-intake.logs.datadoghq.com", "C", "anyone's account receives logs"),
    Sink("http-intake.logs.us5.datadoghq.com", "C", "anyone's account receives logs"),
    Sink("api.statsig.com", "C", "anyone's project receives events"),
)


@dataclass(frozen=True)
class Entry:
    """A rule that reaches such hosts, with the grade it costs and the reasons."""

    rule: PolicyRule
    grade: Grade
    hosts: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Report:
    """The entries, worst first, and the grade of the policy."""

    grade: Grade
    entries: tuple[Entry, ...]


def exfiltration_report(policy: Policy) -> Report:
    """Return the report of `policy` by the table SINKS."""
    entries = [entry for rule in policy if (entry := _entry(rule)) is not None]
    entries.sort(key=lambda entry: entry.grade, reverse=True)
    return Report(entries[0].grade if entries else "A", tuple(entries))


def _entry(policy_rule: PolicyRule) -> Entry | None:
    rule = policy_rule.rule
    reading = bool(rule.methods) and set(rule.methods) <= _READING
    if rule.any_host:
        return Entry(policy_rule, "B" if reading else "F", ("*",), "every host there is")
    reached = [sink for sink in SINKS if overlaps_host(rule.labels, sink.host.split("."))]
    if not reached:
        return None
    worst = max(reached, key=lambda sink: sink.grade)
    return Entry(
        policy_rule,
        "B" if reading else worst.grade,
        tuple(sink.host for sink in reached),
        "read only, but data can leave in a URL" if reading else worst.why,
    )
