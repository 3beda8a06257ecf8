"""What has changed since a verification, as far as that is known without another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ops.verification.catalogue import CATALOGUE
from ops.verification.evidence import Evidence

_LONGEST: Final = 200

Facts = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Now:
    """What there is now.

    Attributes:
        commit: of the checkout; empty without git.
        dirty: whether the checkout differs from it.
        release: of Coder.
        url: Coder's.
        versions: as of `Evidence`, of its templates and those of the stack.
        mcp_servers: as of `Evidence`, of its servers and those of the stack.
    """

    commit: str
    dirty: bool
    release: str
    url: str
    versions: Facts
    mcp_servers: Facts | None


@dataclass(frozen=True)
class Since:
    """What a comparison comes to, as lines for people.

    Attributes:
        changed: what is otherwise.
        compared: what was compared.
        not_compared: what was not.
    """

    changed: list[str] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """Everything."""
        return [
            f"compared: {'; '.join(self.compared)}",
            f"not compared: {'; '.join(self.not_compared)}",
            *(self.changed or ["nothing of what is compared has changed since"]),
        ]


def compare(before: Evidence, now: Now) -> Since:
    """Return what has changed since evidence was made."""
    found = Since()
    _checkout(found, before, now)
    for key, there in (("URL", now.url), ("release", now.release)):
        if key == "URL" and before.stood_in:
            # A stand-in listens where there is a free port.
            continue
        found.compared.append(f"Coder's {key}")
        if (old := before.coder.get(key, "none")) != there:
            found.changed.append(f"Coder's {key}: {old} → {there}")
    _templates(found, before, now)
    _servers(found, before, now)
    if came := sorted(CATALOGUE.keys() - before.catalogue.keys()):
        found.not_compared.append(f"checks that the evidence does not know: {', '.join(came)}")
    found.not_compared.append(
        "what was seen in workspaces, of the cluster, GitLab, Grafana, its data sources and the "
        "MCP servers themselves, and what is not the stack's: verify the stack again"
    )
    return found


def _checkout(found: Since, before: Evidence, now: Now) -> None:
    found.compared.append("the checkout's commit")
    if now.commit != before.commit:
        old, new = before.commit[:12] or "none", now.commit[:12] or "none"
        found.changed.append(f"the checkout: {old} → {new}")
    for dirty, when in ((before.dirty, "then"), (now.dirty, "now")):
        if dirty:
            found.not_compared.append(f"the checkout's uncommitted changes of {when}")


def _templates(found: Since, before: Evidence, now: Now) -> None:
    first = before.format == 1
    left = [name for name in before.left_out.templates if name in now.versions]
    names = sorted({*before.versions, *now.versions} - {*left})
    seen = "version and policy" if first else "version, policy and agents_allowed"
    if names:
        found.compared.append(f"{seen} of {_named('template', names)}")
    if left:
        found.not_compared.append(f"{_named('template', left)}, which the evidence leaves out")
    if first:
        found.not_compared.append("agents_allowed, which evidence of this format does not have")
    for name in names:
        old, new = before.versions.get(name), now.versions.get(name)
        if first and new is not None:
            new = {key: value for key, value in new.items() if key != "agents_allowed"}
        found.changed.extend(_otherwise(f"template {name}", old, new))


def _servers(found: Since, before: Evidence, now: Now) -> None:
    if before.mcp_servers is None:
        found.not_compared.append("MCP servers, which the evidence does not have")
        return
    if now.mcp_servers is None:
        if before.mcp_servers:
            found.changed.append("MCP servers: Coder does not list them to this token now")
        return
    names = sorted({*before.mcp_servers, *now.mcp_servers})
    if names:
        found.compared.append(f"address, tools and login of {_named('MCP server', names)}")
    for name in names:
        old, new = before.mcp_servers.get(name), now.mcp_servers.get(name)
        if old and "url" not in old and new and "url" in new:
            found.not_compared.append(f"what Coder hid of MCP server {name} then")
            new = {key: value for key, value in new.items() if key in old}
        hidden = new is not None and "url" not in new
        found.changed.extend(_otherwise(f"MCP server {name}", old, new, hidden=hidden))


def _otherwise(
    what: str, old: Mapping[str, str] | None, new: Mapping[str, str] | None, *, hidden: bool = False
) -> Iterator[str]:
    if old is None or new is None:
        yield f"{what} is {'gone' if new is None else 'new'}"
        return
    none = "hidden from this token" if hidden else "none"
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            yield f"{what}: {key} {_cut(old.get(key, 'none'))} → {_cut(new.get(key, none))}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _named(one: str, names: list[str]) -> str:
    return f"{one if len(names) == 1 else f'{one}s'} {', '.join(names)}"
