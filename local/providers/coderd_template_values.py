"""What a template's settings may be, and when two of them are the same."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from local.providers.coderd_client import Json
from local.providers.coderd_schema import Failures
from local.providers.wire import UNKNOWN, has_unknown

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SETS: Final = frozenset(
    {
        *("autoStartPermittedDaysOfWeeks", "daysOfWeeks"),
        *("groups", "users", "tfVars", "provisionerTags"),
    }
)


def asked_again(inputs: Any, found: Any) -> Any:
    """The inputs of a program as they would be to ask for what was found: the same keys."""
    if isinstance(inputs, Mapping) and isinstance(found, Mapping):
        return {key: asked_again(each, found[key]) for key, each in inputs.items() if key in found}
    if isinstance(inputs, list) and isinstance(found, list) and len(inputs) == len(found):
        return [asked_again(one, other) for one, other in zip(inputs, found, strict=True)]
    return found


def worth_asking(found: Any) -> Any:
    """The inputs of a program that the bridge makes of an import: what is not empty."""
    kept = {key: each for key, each in found.items() if key != "id"}
    return {
        key: worth_asking(each) if isinstance(each, dict) else each
        for key, each in kept.items()
        if each not in ("", 0, False, [], {})
    }


def same(one: Any, other: Any, key: str = "") -> bool:
    """Whether two values are the same to Terraform; what is not known yet is never."""
    if has_unknown(one) or has_unknown(other):
        return False
    return bool(_ordered(one, key) == _ordered(other, key))


def _ordered(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        # By key, since a protobuf map has no order and what is sorted below goes by its text.
        return {
            inner: _ordered(each, inner)
            for inner, each in sorted(value.items())
            if each is not None
        }
    if isinstance(value, list):
        items = [_ordered(each, "") for each in value]
        return sorted(items, key=repr) if key in _SETS else items
    return value


def listed(value: Any) -> Sequence[Any]:
    """Return a list as it is; what is not known yet is one entry of which nothing is known."""
    return value if isinstance(value, list) else [UNKNOWN]


def check_days(given: Mapping[str, Any]) -> Failures:
    """Return what is wrong with the days of the week that inputs name."""
    requirement = given.get("autoStopRequirement")
    lists = {"autoStartPermittedDaysOfWeeks": given.get("autoStartPermittedDaysOfWeeks")}
    if isinstance(requirement, Mapping):
        lists["autoStopRequirement.daysOfWeeks"] = requirement.get("daysOfWeeks")
    return [
        (path, f"{day!r} is not one of {', '.join(DAYS)}")
        for path, days in lists.items()
        if isinstance(days, list)
        for day in days
        if day is not UNKNOWN and day not in DAYS
    ]


def check_roles(acl: Any) -> Failures:
    """Return what is wrong with the roles of an access list."""
    if not isinstance(acl, Mapping):
        return []
    return [
        (f"acl.{kind}[{at}].role", f"{entry.get('role')!r} is not one of admin, use")
        for kind in ("groups", "users")
        if isinstance(acl.get(kind), list)
        for at, entry in enumerate(acl[kind])
        if isinstance(entry, Mapping) and entry.get("role") not in ("admin", "use", UNKNOWN)
    ]


def acl_of(body: Json) -> dict[str, list[dict[str, str]]]:
    """Return an access list as inputs have it, of coderd's answer."""
    return {
        kind: sorted(
            ({"id": item["id"], "role": item["role"]} for item in body[key]),
            key=lambda item: str(item["id"]),
        )
        for kind, key in (("groups", "group"), ("users", "users"))
    }
