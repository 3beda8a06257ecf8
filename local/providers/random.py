"""The package `random`: values made once and kept, until an input of theirs changes.

Inputs, checks and outputs follow pulumi-random 4.21 and the Terraform provider it is made from
(hashicorp/terraform-provider-random 3.7). One difference: a `seed` gives the same result every
time, but not the one that Go's generator would give.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from local.providers.base import (
    Call,
    Checked,
    Difference,
    Provider,
    ProviderError,
    Resource,
    compare,
)
from local.providers.random_kinds import KINDS, Failures, RandomKind
from local.providers.wire import UNKNOWN, Properties, Secret, has_unknown, plain, secret


class RandomProvider(Provider):
    """Serves all resource types of pulumi-random."""

    name: ClassVar[str] = "random"
    version: ClassVar[str] = "4.21.4"
    bridged: ClassVar[bool] = True

    def check(self, call: Call, old: Properties, new: Properties) -> Checked:
        """Validate inputs as the real provider does, all problems at once."""
        kind = _kind(call)
        failures: Failures = []
        inputs: Properties = {}
        for name, value in new.items():
            if name.startswith("__"):
                continue
            if name not in kind.inputs:
                failures.append((name, f"{_label(call)} has no input {name}"))
            elif plain(value) is not None:
                inputs[name] = self._typed(kind, name, value, failures)
        failures += [(name, "is required") for name in kind.required if name not in inputs]
        if not failures:
            failures += kind.check(_complete(kind, inputs))
        return Checked(inputs, tuple(failures))

    def diff(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Difference:
        """Any other input makes a new value: nothing of these types changes in place."""
        kind = _kind(call)
        old = _complete(
            kind, {name: old_inputs[name] for name in old_inputs if name in kind.inputs}
        )
        changes = compare(old, _complete(kind, new), replace=True)
        counting = {name: changes[name] for name in changes if _counts(name, call)}
        return Difference(counting, detailed=False)

    def create(self, call: Call, new: Properties) -> Resource:
        """Make a value; in a preview everything made is unknown."""
        kind = _kind(call)
        inputs = _complete(kind, new)
        if call.preview or has_unknown(new):
            foreseen = dict.fromkeys(kind.outputs, UNKNOWN)
            return Resource("", self._state(kind, UNKNOWN, inputs, foreseen))
        id, outputs = kind.make(plain(inputs))
        return Resource(id, self._state(kind, id, inputs, outputs))

    def read(self, call: Call, inputs: Properties, state: Properties) -> Resource | None:
        """What is kept in the state is all there is; an import computes it from the id."""
        kind = _kind(call)
        if state and all(name in state for name in kind.outputs):
            # The engine sends secrets as plain values and wants them back as secrets.
            return Resource(call.id, self._state(kind, call.id, {}, state), inputs)
        loaded, id, outputs = kind.load(call.id)
        return Resource(id, self._state(kind, id, _complete(kind, loaded), outputs), loaded)

    def update(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Properties:
        """Only reached when every change is ignored: the value stays."""
        kind = _kind(call)
        outputs = {name: state[name] for name in kind.outputs if name in state}
        return self._state(kind, call.id, _complete(kind, new), outputs)

    def delete(self, call: Call, old_inputs: Properties, state: Properties) -> None:
        """Nothing exists outside of the state."""

    @staticmethod
    def _typed(kind: RandomKind, name: str, value: Any, failures: Failures) -> Any:
        wanted = kind.inputs[name]
        bare = value.value if isinstance(value, Secret) else value
        if bare is UNKNOWN:
            return value
        try:
            typed = _convert(bare, wanted)
        except (TypeError, ValueError):
            failures.append((name, f"must be a {_TYPE_NAMES[wanted]}"))
            return value
        least = kind.minimum.get(name)
        if least is not None and typed < least:
            failures.append((name, f"must be at least {least}, but is {typed}"))
        return secret(typed) if isinstance(value, Secret) else typed

    @staticmethod
    def _state(
        kind: RandomKind, id: Any, inputs: Properties, outputs: Mapping[str, Any]
    ) -> Properties:
        state = {**inputs, **outputs, "id": id}
        if id is not UNKNOWN:
            state |= {name: secret(state[name]) for name in kind.secret & state.keys()}
            if kind.schema_version:
                state["__meta"] = f'{{"schema_version":"{kind.schema_version}"}}'
        return state


_TYPE_NAMES: Final = {
    int: "whole number",
    bool: "boolean",
    str: "string",
    dict: "map",
    list: "list",
}


def _convert(value: Any, wanted: type) -> Any:
    if wanted is int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise TypeError
        return int(value)
    if wanted is bool and isinstance(value, str):
        return {"true": True, "false": False}[value] if value in ("true", "false") else int(value)
    if not isinstance(value, wanted):
        raise TypeError
    return value


def _kind(call: Call) -> RandomKind:
    try:
        return KINDS[call.type]
    except KeyError:
        raise ProviderError(f"the random provider has no resource type {call.type}") from None


def _label(call: Call) -> str:
    return call.type.rpartition(":")[2]


def _complete(kind: RandomKind, inputs: Mapping[str, Any]) -> Properties:
    complete = {**kind.defaults, **inputs}
    # `number` is the older name of `numeric`; whichever the program gives holds.
    if "number" in inputs and "numeric" not in inputs:
        complete["numeric"] = inputs["number"]
    elif "numeric" in kind.inputs:
        complete["number"] = complete["numeric"]
    return complete


def _counts(name: str, call: Call) -> bool:
    return name not in call.ignore_changes
