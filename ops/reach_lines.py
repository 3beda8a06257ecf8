"""What agents reach, in Markdown: by template, what is gravest first and long lists last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from components import boundary
from ops import coder_agents, namespace_changes, network, past_policy
from ops.markdown import clip, code, plain, some, visible
from ops.reach import Opened, TemplateReach

# Hosts of one template that stand above the fold.
_HOSTS: Final = 20
# Of what stays reached of one of them.
_PARTS: Final = 3
_OPENS: Final = "newly reached"
_CLOSES: Final = "no longer reached"
_NOT_KNOWN: Final = (
    "- whether the emergency switch has a firewall off, and whether the rules are others than its "
    "are then, is **not known**: the deployed stack does not record it; read the rules whole"
)


def weight(line: str, parent: str) -> int:
    """Return how heavy a line is: the heaviest are left out first, lists of hosts before all."""
    if not line.startswith(" "):
        return 0
    if _OPENS in parent:
        if line.startswith("  - **every host**"):
            return 1
        return 2 if "; ⚠️ " in line else 3
    return 4 if _CLOSES in parent or "closes" in parent else 1


def reach_lines(reaches: Iterable[TemplateReach]) -> list[str]:
    """Return in Markdown what agents reach newly and no longer, what is gravest first."""
    return [
        line
        for place, (names, reach) in enumerate(_told(reaches))
        for line in (*([""] if place else []), f"**{names}**", "", *_reach(reach))
    ]


def _told(reaches: Iterable[TemplateReach]) -> list[tuple[str, TemplateReach]]:
    """Return every change of reach once, with the names of all templates that it holds for."""
    found: dict[tuple[str, ...], tuple[list[str], TemplateReach]] = {}
    for reach in reaches:
        if reach.changed:
            key = (*_reach(reach), *_hosts(reach))
            found.setdefault(key, ([], reach))[0].append(code(reach.template))
    return [(", ".join(names), reach) for names, reach in found.values()]


def _reach(reach: TemplateReach) -> list[str]:
    if not reach.after:
        return ["- the template goes; its agents reach nothing"]
    return [
        *reach.release.lines(),
        *_firewall(reach),
        *past_policy.changed(reach),
        *coder_agents.lines(reach),
        *network.lines(reach.network, reach.by_name, reach.moved_to),
        *namespace_changes.reach_lines(reach),
        *_rules(reach),
    ]


def _firewall(reach: TemplateReach) -> list[str]:
    if reach.new is None:
        if reach.before and reach.old is None:
            return []
        was = "the firewall is **removed**" if reach.before else "new, **without a firewall**"
        return [f"- {was}: agents reach **every host**"]
    lines = []
    if not reach.before:
        lines.append(f"- new, confined by {len(reach.new)} rules")
    elif reach.old is None:
        lines.append(f"- **confined from now on** by {len(reach.new)} rules; every host before")
    return [*lines, *(f"- {told}" for told in reach.grade_words)]


def _rules(reach: TemplateReach) -> list[str]:
    """Return what the rules open and close: long lists, so they come last."""
    when = (
        "once the firewall is on again"
        if reach.new is None
        else "against the rules that were switched off"
    )
    return [
        *[_NOT_KNOWN] * reach.off_unknown,
        *_listed(_OPENS, map(_opened, reach.opened)),
        *_listed(_CLOSES, (_closed(each, reach) for each in reach.comparison.closed)),
        *_listed(f"⚠️ {_OPENS} {when}", map(_opened, reach.opened_while_off)),
        *_listed(f"{_CLOSES} {when}", (_closed(each, reach) for each in reach.while_off.closed)),
    ]


def _listed(title: str, hosts: Iterable[str]) -> list[str]:
    found = list(hosts)
    if not found:
        return []
    more = [f"  - and {len(found) - _HOSTS} more, listed below"] if len(found) > _HOSTS else []
    return [f"- {title} ({len(found)}):", *(f"  - {each}" for each in found[:_HOSTS]), *more]


def _opened(each: Opened) -> str:
    return (
        _host(each.found)
        + (f"; because: {code(each.reason.rstrip('.'))}" if each.reason else "")
        + (f"; ⚠️ {each.risk}" if each.why else "")
    )


def _closed(found: boundary.Reach, reach: TemplateReach) -> str:
    stays = reach.stays(found)
    return _host(found) + (f"; of it **stays reached**: {_several(stays, _host)}" if stays else "")


def _several(found: Sequence[boundary.Reach], show: Callable[[boundary.Reach], str]) -> str:
    more = f" and {len(found) - _PARTS} more" if len(found) > _PARTS else ""
    return "; ".join(map(show, found[:_PARTS])) + more


def _host(found: boundary.Reach) -> str:
    methods = "all methods" if "*" in found.methods else some(found.methods, plain)
    paths = "all paths" if "*" in found.paths else some(found.paths, code)
    return f"{'**every host**' if found.host == '*' else code(found.host)}: {methods}, {paths}"


def every_host(reaches: Iterable[TemplateReach]) -> list[str]:
    """Return the hosts of every change that is too long to be listed above."""
    return [
        line
        for names, reach in _told(reaches)
        if max(map(len, _changes(reach))) > _HOSTS
        for line in (f"# {names.replace('`', '')}", *_hosts(reach))
    ]


def _hosts(reach: TemplateReach) -> list[str]:
    opened, closed, opened_while_off, closed_while_off = _changes(reach)
    found = [f"+ {each}" for each in (*opened, *opened_while_off)]
    for each in (*closed, *closed_while_off):
        stays = reach.stays(each)
        found.append(f"- {each}" + (f"; stays: {_several(stays, str)}" if stays else ""))
    return [clip(visible(line)) for line in found]


def _changes(reach: TemplateReach) -> Sequence[Sequence[boundary.Reach]]:
    return (
        [each.found for each in reach.opened],
        reach.comparison.closed,
        [each.found for each in reach.opened_while_off],
        reach.while_off.closed,
    )
