"""What a preview changes of MCP servers: which tools agents get and lose, and where they ask."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ops.changes import UNKNOWN, Change, Step
from ops.markdown import code
from ops.mcp_asking import EXPLAINED, asking
from ops.mcp_kept import before, kept
from ops.tokens import MCP_SERVER
from ops.told import Told

Shown = Callable[[Iterable[Change]], list[str]]
"""Returns values that differ as lines."""

_ALLOWED: Final = "toolAllowLists"
_DENIED: Final = "toolDenyLists"
_EXPLAINED: Final = frozenset({"url", "enabled"}) | EXPLAINED


@dataclass(frozen=True)
class Tools:
    """Tools of a server: those named, or with `every` all but those named."""

    names: frozenset[str] = frozenset()
    every: bool = False

    def __bool__(self) -> bool:
        """Whether there is one."""
        return self.every or bool(self.names)

    def without(self, other: Tools) -> Tools:
        """Return those that `other` has not."""
        if not self.every:
            rest = self.names & other.names if other.every else self.names - other.names
            return Tools(rest)
        if other.every:
            return Tools(other.names - self.names)
        return Tools(self.names | other.names, every=True)

    def __str__(self) -> str:
        """The tools in Markdown."""
        named = ", ".join(map(code, sorted(self.names)))
        if not self.every:
            return named
        return f"**every tool** of the server{f' but {named}' if named else ''}"


@dataclass(frozen=True)
class ServerChange:
    """What a step changes of one MCP server.

    Attributes:
        step: the engine's.
        gained: tools that agents may call newly.
        lost: tools that they may call no longer.
        known: whether the update alone tells which tools there are.
        moved: its address before and after, where an existing one changes.
        asking: what else is another of how it is asked.
    """

    step: Step
    gained: Tools
    lost: Tools
    known: bool = True
    moved: tuple[str, str] | None = None
    asking: tuple[Told, ...] = ()

    @property
    def name(self) -> str:
        """Its id in Coder."""
        return str((self.step.new or self.step.old).get("slug") or self.step.name)


def server_change(step: Step) -> ServerChange:
    """Return what a step on an MCP server means for agents."""
    if step.op == "same":
        left = tuple(dict.fromkeys(kept(step).values()))
        return ServerChange(step, Tools(), Tools(), asking=left)
    had = before(step)
    old = _tools(had)
    new = _tools({} if step.op == "delete" else step.new)
    was, becomes = (str(inputs.get("url", "")) for inputs in (had, step.new))
    stays = step.op not in {"create", "delete"}
    moved = (was, becomes) if stays and was != becomes else None
    if old is None or new is None:
        return ServerChange(step, Tools(), Tools(), False, moved, asking(step))
    return ServerChange(step, new.without(old), old.without(new), True, moved, asking(step))


def server_changes(steps: Iterable[Step]) -> tuple[ServerChange, ...]:
    """Return the changes of servers among steps; of one that stays, what Coder keeps."""
    servers = (step for step in steps if step.type == MCP_SERVER)
    return tuple(server_change(step) for step in servers if step.op != "same" or kept(step))


def server_warnings(changes: Collection[ServerChange]) -> tuple[str, ...]:
    """Return what must not be overlooked of the changes, in words for the headline."""
    more = any(each.gained or not each.known for each in changes)
    moved = any(each.moved for each in changes)
    said = {"agents get more MCP tools": more, "an MCP server has another address": moved}
    asked = dict.fromkeys(part.warning for each in changes for part in each.asking)
    return (*(warning for warning, holds in said.items() if holds), *filter(None, asked))


def server_lines(change: ServerChange, shown: Shown) -> list[str]:
    """Return the change as lines of Markdown."""
    step, name = change.step, code(change.name)
    if step.op == "delete":
        return [f"- {name}: **deleted**", *_tool_lines(change)]
    asked = [each.line for each in change.asking]
    if step.op == "create":
        made = f"- {name}: created, {code(str(step.new.get('url', '')))}"
        return [made, *_tool_lines(change), *asked]
    if step.op == "same":
        return [f"- {name}", *asked]
    head = f"- {name}: **replaced**" if step.op == "replace" else f"- {name}"
    lines = _tool_lines(change)
    if change.moved:
        was, becomes = map(code, change.moved)
        lines.append(
            f"  - ⚠️ **another address**: {was} → {becomes}; what agents ask, and what proves who "
            "asks, goes there"
        )
    lines += asked
    if before(step).get("enabled") != step.new.get("enabled"):
        lines.append(f"  - {'in use' if step.new.get('enabled') else 'switched off'} from now on")
    left = kept(step)
    rest = [each for each in step.changes if not (_is_explained(each.path) or each.path in left)]
    lines += [f"  {line}" for line in shown(rest)]
    if not lines and step.op != "replace":
        lines = [f"  - {code(path)}" for path in step.touched]
    return [head, *lines]


def terminal_lines(changes: Iterable[ServerChange]) -> list[str]:
    """Return the tools that agents got, and what Coder keeps, as lines for a terminal."""
    lines = []
    for each in changes:
        told = [f"agents get {named(each.gained)}"] if each.gained else []
        left = dict.fromkeys(kept(each.step).values())
        told += [part.words.replace("**", "") for part in left]
        lines += [f"MCP server {each.name}: {words}" for words in told]
    return lines


def server_drift(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the tools that somebody gave or took away in Coder, as lines for a terminal.

    Args:
        old: the server by the provider's record.
        new: the same as it was read back.
    """
    was, found = _tools(old), _tools(new)
    if was is None or found is None:
        return []
    told = (
        (was.without(found), "agents have no longer: {}; an update gives them back"),
        (found.without(was), "agents have newly: {}; an update takes them away"),
    )
    return [words.format(named(tools)) for tools, words in told if tools]


def named(tools: Tools) -> str:
    """Return tools as words for a terminal."""
    names = ", ".join(sorted(tools.names))
    if not tools.every:
        return names
    return f"every tool{f' but {names}' if names else ''}"


def server_json(change: ServerChange) -> dict[str, Any]:
    """Return the change as plain data."""
    return {
        "name": change.name,
        "op": change.step.op,
        "known": change.known,
        "gained": _tools_json(change.gained),
        "lost": _tools_json(change.lost),
        "address": change.moved and {"before": change.moved[0], "after": change.moved[1]},
        "warnings": [each.warning for each in change.asking if each.warning],
    }


def _tools(inputs: Mapping[str, Any]) -> Tools | None:
    """Return what agents may call by a server's inputs, None while that is not known."""
    if not inputs or inputs.get("enabled") is False:
        return Tools()
    allowed, denied = (inputs.get(key) or () for key in (_ALLOWED, _DENIED))
    if UNKNOWN in (allowed, denied):
        return None
    if not allowed:
        return Tools(frozenset(map(str, denied)), every=True)
    return Tools(frozenset(map(str, allowed)) - frozenset(map(str, denied)))


def _tool_lines(change: ServerChange) -> list[str]:
    if not change.known:
        return ["  - ⚠️ which tools agents get is known after the update"]
    lines = []
    for word, tools in (("⚠️ agents **get**", change.gained), ("agents lose", change.lost)):
        if tools:
            count = "" if tools.every else f" ({len(tools.names)})"
            lines.append(f"  - {word}{count}: {tools}")
    return lines


def _is_explained(path: str) -> bool:
    return path in _EXPLAINED or path.startswith((_ALLOWED, _DENIED))


def _tools_json(tools: Tools) -> dict[str, Any]:
    key = "everyToolBut" if tools.every else "tools"
    return {key: sorted(tools.names)}
