"""What a preview changes of what holds an agent beside the rules: its pod, jail and credentials."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.workspace_template.values import GIT_CREDENTIALS
from ops.changes import Step
from ops.markdown import code
from ops.pod_security import pod_security_changes
from ops.template_changes import Registered
from ops.tokens import NAMESPACE_PATCH, TEMPLATE

_NO: Final = "no"
_UNSET: Final = "unset"
# From the strictest to the widest.
_SHARED_WITH: Final = ("owner", "organization", "authenticated", "public")
_JAILS: Final = ("landjail", "nsjail")
_SWITCH: Final = ("false", "true")
# By a variable of the template: what it is called, its values from the strictest on, the value of
# a template that does not say, and what a wider one means.
_VARIABLES: Final = {
    "git_credentials": (
        "Git credentials",
        _SWITCH,
        str(GIT_CREDENTIALS).lower(),
        "agents get their owner's GitLab token and ssh key",
    ),
    "no_user_namespace": (
        "capability SYS_ADMIN",
        _SWITCH,
        "false",
        "pods get the capability SYS_ADMIN",
    ),
    "seccomp_unconfined": ("seccomp switched off", _SWITCH, "false", "pods run without seccomp"),
    "jail_type": ("jail", _JAILS, "landjail", "pods get the capability NET_ADMIN"),
    "use_kubeconfig": ("the provisioner's own kubeconfig", (), "false", ""),
}
_PORTS: Final = "ports are shared more widely"
# What the template's own variables tell already.
_TOLD: Final = frozenset({"jail_type", "no_user_namespace"})
_DNS: Final = "use_real_dns"
_LOGIN: Final = "gitlab_external_auth_id"
_OTHER: Final = "agents get the credential of another login"
_SET_ANEW: Final = "the emergency switch is set anew"
_REAL_DNS: Final = "the jail looks names up outside: DNS queries can carry data out"


@dataclass(frozen=True)
class WallChange:
    """One wall that is another afterwards.

    Attributes:
        of: the template, or the namespace.
        what: the wall.
        old: how it is now; empty for a template that is new.
        new: how it is afterwards.
        warning: what the change lets through, empty if nothing.
    """

    of: str
    what: str
    old: str
    new: str
    warning: str = ""


def wall_changes(
    steps: Iterable[Step],
    old: Mapping[str, Registered],
    new: Mapping[str, Registered],
    policies: Mapping[str, object | None],
) -> tuple[WallChange, ...]:
    """Return what changes; of a template that is new, what lets more through than the strictest.

    Args:
        steps: what the engine would do.
        old: what each template registered at the last update.
        new: the same by the settings.
        policies: the policy of each template by the last update, None without a firewall.
    """
    found: list[WallChange] = []
    for name, registered in new.items():
        if name not in old or (name in policies and policies[name] is None):
            found += _of_new_boundary(name, registered.boundary)
        if name in old:
            found += _of_boundary(name, old[name].boundary, registered.boundary)
            found += _of_switch(name, old[name].switched_off, registered.switched_off)
    for step in steps:
        if step.type == TEMPLATE and step.new:
            found += _of_template(step) if step.old else _of_new(step)
        elif step.type == NAMESPACE_PATCH:
            found += _of_namespace(step)
    return tuple(found)


def wall_lines(changes: Iterable[WallChange]) -> list[str]:
    """Return a line of Markdown for each."""
    return [
        f"- {'⚠️ ' if each.warning else ''}{code(each.of)}: "
        f"{f'{each.what} {code(each.old)} → ' if each.old else f'newly {each.what} '}"
        f"{code(each.new)}{f': **{each.warning}**' if each.warning else ''}"
        for each in changes
    ]


def wall_warnings(changes: Iterable[WallChange]) -> tuple[str, ...]:
    """Return what the headline says, each once."""
    return tuple(dict.fromkeys(each.warning for each in changes if each.warning))


def _of_template(step: Step) -> Iterator[WallChange]:
    name = str(step.new.get("name") or step.name)
    old, new = _variables(step.old), _variables(step.new)
    if old is not None and new is not None:
        for variable, (what, order, unsaid, warning) in _VARIABLES.items():
            # Where the firewall goes or comes there is no other jail: that is told as what it is.
            if variable == "jail_type" and variable not in old.keys() & new.keys():
                continue
            before, after = old.get(variable, unsaid), new.get(variable, unsaid)
            if before != after:
                wider = _is_wider(before, after, order)
                yield WallChange(name, what, before, after, warning if wider else "")
        before, after = old.get(_LOGIN, ""), new.get(_LOGIN, "")
        if before and after and before != after:
            # Where agents get none, people log in there all the same.
            given = new.get("git_credentials", str(GIT_CREDENTIALS).lower()) == "true"
            yield WallChange(name, "GitLab's external login", before, after, _OTHER * given)
    before, after = (str(x.get("maxPortShareLevel") or _UNSET) for x in (step.old, step.new))
    if before != after:
        # Where Coder is licensed for it, a template that never said has `owner`.
        wider = _is_wider("owner" if before == _UNSET else before, after, _SHARED_WITH)
        yield WallChange(name, "ports shared with", before, after, _PORTS if wider else "")
    before, after = _tags(step.old), _tags(step.new)
    if before != after:
        yield WallChange(name, "tags of its provisioners", before, after)


def _of_new(step: Step) -> Iterator[WallChange]:
    name = str(step.new.get("name") or step.name)
    new = _variables(step.new) or {}
    for variable, (what, order, unsaid, warning) in _VARIABLES.items():
        value = new.get(variable, unsaid)
        if new and order and _is_wider(order[0], value, order):
            yield WallChange(name, what, "", value, warning)
    ports = str(step.new.get("maxPortShareLevel") or _UNSET)
    if _is_wider(_SHARED_WITH[0], ports, _SHARED_WITH):
        yield WallChange(name, "ports shared with", "", ports, _PORTS)


def _of_new_boundary(name: str, new: Mapping[str, str]) -> Iterator[WallChange]:
    if new.get(_DNS) == "true":
        yield WallChange(name, f"Boundary's {_DNS}", "", "true", _REAL_DNS)


def _of_switch(name: str, old: str, new: str) -> Iterator[WallChange]:
    """Yield that the emergency switch, which stays off, is set anew."""
    if old and new and old != new:
        yield WallChange(name, "firewall switched off:", old, new, _SET_ANEW)


def _of_boundary(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[WallChange]:
    """Yield Boundary's settings that differ, where both are recorded."""
    if not old or not new:
        return
    for key in sorted((old.keys() | new.keys()) - _TOLD):
        before, after = old.get(key, _UNSET), new.get(key, _UNSET)
        if before != after:
            warning = _REAL_DNS if key == _DNS and after == "true" else ""
            yield WallChange(name, f"Boundary's {key}", before, after, warning)


def _tags(inputs: Mapping[str, Any]) -> str:
    pairs = _pairs(inputs, "provisionerTags")
    return ", ".join(f"{name}={value}" for name, value in sorted((pairs or {}).items())) or _NO


def _of_namespace(step: Step) -> Iterator[WallChange]:
    metadata = (step.new or step.old).get("metadata") or {}
    for each in pod_security_changes(step):
        yield WallChange(str(metadata.get("name", "")), *each)


def _variables(inputs: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the variables of a template's version by name; None if they are not known."""
    return _pairs(inputs, "tfVars")


def _pairs(inputs: Mapping[str, Any], of: str) -> dict[str, str] | None:
    versions = inputs.get("versions")
    version = versions[-1] if isinstance(versions, list) and versions else None
    pairs = version.get(of) if isinstance(version, Mapping) else None
    if not isinstance(pairs, list) or not all(isinstance(each, Mapping) for each in pairs):
        return None
    return {str(each.get("name")): str(each.get("value")) for each in pairs}


def _is_wider(old: str, new: str, order: tuple[str, ...]) -> bool:
    """Whether `new` lets more through; what is not in the order is not judged."""
    return old in order and new in order and order.index(new) > order.index(old)
