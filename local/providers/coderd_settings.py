"""Properties of a resource that coderd keeps one for one: what is wanted against what is there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from local.providers.base import Call, Checked, Difference, PropertyChange, Resource
from local.providers.coderd_client import Client
from local.providers.wire import UNKNOWN, Properties, has_unknown, hide_like, plain

KEPT: Final = object()
"""Default of a property that is left as coderd has it when the program does not set it."""


@dataclass(frozen=True)
class Setting:
    """A property: its name in coderd's API, and what holds when the program does not set it.

    `unordered` says that a list is a set. `of_api` and `to_api` convert values where they differ.
    """

    api: str
    default: Any = KEPT
    unordered: bool = False
    of_api: Callable[[Any], Any] = lambda value: value
    to_api: Callable[[Any], Any] = lambda value: value

    def same(self, one: Any, other: Any) -> bool:
        """Whether two known values mean the same."""
        return bool(self._comparable(one) == self._comparable(other))

    def _comparable(self, value: Any) -> Any:
        value = plain(value)
        if self.unordered and isinstance(value, list):
            return sorted(map(repr, value))
        return value


Settings = Mapping[str, Setting]


def wanted(settings: Settings, inputs: Properties, state: Mapping[str, Any]) -> Properties:
    """Every property as it should become; UNKNOWN where only coderd will say."""
    return {
        name: inputs[name]
        if name in inputs
        else setting.default
        if setting.default is not KEPT
        else state.get(name, UNKNOWN)
        for name, setting in settings.items()
    }


def shown(settings: Settings, body: Mapping[str, Any]) -> Properties:
    """The properties in an answer of coderd."""
    return {
        name: setting.of_api(body[setting.api])
        for name, setting in settings.items()
        if body.get(setting.api) is not None
    }


def request(settings: Settings, values: Mapping[str, Any]) -> dict[str, Any]:
    """Known properties as coderd takes them."""
    return {
        setting.api: setting.to_api(plain(values[name]))
        for name, setting in settings.items()
        if name in values and values[name] is not UNKNOWN
    }


def differing(
    settings: Settings, inputs: Properties, state: Mapping[str, Any]
) -> dict[str, PropertyChange]:
    """The properties that are not as they should be."""
    changes: dict[str, PropertyChange] = {}
    for name, value in wanted(settings, inputs, state).items():
        if name not in state:
            if name in inputs:
                changes[name] = PropertyChange("add")
        elif has_unknown(value):
            if name in inputs:
                changes[name] = PropertyChange("update")
        elif not settings[name].same(value, state[name]):
            changes[name] = PropertyChange("update" if name in inputs else "delete")
    return changes


def as_found(settings: Settings, inputs: Properties, state: Mapping[str, Any]) -> Properties:
    """The inputs of a program that would ask for what was found, but for properties it leaves."""
    found = {
        name: state[name]
        if name in state and not settings[name].same(value, state[name])
        else value
        for name, value in inputs.items()
        if name in settings
    }
    return {**inputs, **hide_like(found, inputs)}


def not_default(settings: Settings, state: Mapping[str, Any]) -> Properties:
    """The inputs of a program for a resource that it does not know yet."""
    return {
        name: state[name]
        for name, setting in settings.items()
        if name in state
        and (setting.default is KEPT or not setting.same(state[name], setting.default))
    }


class ResourceContext(Protocol):
    """What a kind of resource needs of its provider."""

    def client(self) -> Client:
        """The deployment's REST API."""

    def features(self) -> Mapping[str, Any]:
        """The features of the deployment's licence by name."""

    def organization(self, inputs: Mapping[str, Any]) -> str:
        """Id of the organization that inputs name, or of the default one."""


class Kind(Protocol):
    """One type of resource. The methods are those of `Provider`."""

    def check(self, call: Call, old: Properties, new: Properties) -> Checked:
        """Validate and complete inputs, which fit the schema."""

    def diff(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Difference:
        """Compare inputs with what is there."""

    def create(self, call: Call, new: Properties) -> Resource:
        """Make the object."""

    def read(self, call: Call, inputs: Properties, state: Properties) -> Resource | None:
        """Find the object."""

    def update(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Properties:
        """Change the object."""

    def delete(self, call: Call, old_inputs: Properties, state: Properties) -> None:
        """Remove the object."""
