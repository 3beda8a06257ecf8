"""What a package has to be to serve resources of the stack `local`: the contract of a provider.

A package is a `Provider`. The engine dials one connection for each provider of a stack, and
calls about resources carry no name of the provider they are for, so a `Provider` object belongs
to a connection: two stacks, or two providers of one stack, never see each other's settings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import grpc
from pulumi.runtime.proto import provider_pb2

from local.providers.wire import Properties, has_unknown, plain

ENGINE_KEYS: Final = frozenset(("__internal", "version", "pluginDownloadURL", "parameterization"))
"""Options of a provider that are the engine's own."""


class ProviderError(Exception):
    """A call cannot be answered; the message goes to the user as it is.

    Args:
        message: what is wrong and what would be right, free of secrets.
        code: the class of the failure in the protocol.
    """

    def __init__(
        self, message: str, code: grpc.StatusCode = grpc.StatusCode.FAILED_PRECONDITION
    ) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Call:
    """What a call is about."""

    urn: str
    type: str
    name: str
    id: str = ""
    preview: bool = False
    ignore_changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checked:
    """Inputs as they will be stored, and what is wrong: pairs of property path and reason."""

    inputs: Properties
    failures: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PropertyChange:
    """One property that differs: kind is "add", "delete" or "update"."""

    kind: str
    replace: bool = False


@dataclass(frozen=True)
class Difference:
    """How new inputs differ from the old: property paths to changes.

    `of_inputs` says that the paths are those of inputs, which is what an update shows. `detailed`
    says that the engine is told the paths; Pulumi's bridge tells it no more than the first step.
    """

    changes: Mapping[str, PropertyChange] = field(default_factory=dict)
    of_inputs: bool = True
    detailed: bool = True


@dataclass(frozen=True)
class Resource:
    """An object as found or made: identity, outputs and, when read, the inputs it stands for."""

    id: str
    state: Properties
    inputs: Properties | None = None


class Provider:
    """One package, for one connection of the engine. Subclasses override what they support.

    Every method may raise ProviderError. Methods run in several threads at once.
    """

    name: ClassVar[str]
    """Name of the plugin, for example "random"."""
    version: ClassVar[str]
    """Version of the plugin whose place is taken."""
    bridged: ClassVar[bool] = False
    """Whether that plugin is a provider of Terraform's behind Pulumi's bridge: it takes secrets as
    plain values and leaves the comparison of options to the engine."""

    def __init__(self, root: Path) -> None:
        self.root = root
        """Directory that paths in inputs are relative to: that of Pulumi.yaml."""
        self.warn: Callable[[str, str], None] = lambda urn, message: None
        """Show the user a warning about the resource with the URN."""

    def parameterize(self, request: provider_pb2.ParameterizeRequest) -> tuple[str, str]:
        """Become the package the request describes; return its name and version."""
        raise ProviderError(
            f"the {self.name} provider takes no parameters", grpc.StatusCode.UNIMPLEMENTED
        )

    def schema(self) -> Mapping[str, Any]:
        """The package's schema."""
        return {"name": self.name, "version": self.version}

    def check_config(self, old: Properties, new: Properties) -> Checked:
        """Validate the provider's own options."""
        return Checked(new)

    def diff_config(self, old: Properties, new: Properties) -> Difference:
        """Compare the provider's own options; a replacement replaces all its resources."""
        return Difference(compare(old, new))

    def diff_options(
        self, old: Properties, state: Properties, new: Properties
    ) -> Difference | None:
        """Compare the options for the engine; None leaves it to the engine, which knows the state.

        The version that the engine adds to the options of its own accord is not always the same
        where no language host tells it of the packages: that alone is no change.
        """
        found = self.diff_config(old, new)
        return None if self.bridged and (found.changes or state == new) else found

    def configure(self, config: Properties) -> None:
        """Take the provider's options."""

    def check(self, call: Call, old: Properties, new: Properties) -> Checked:
        """Validate and complete inputs."""
        raise NotImplementedError

    def diff(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Difference:
        """Compare inputs with what is there."""
        raise NotImplementedError

    def create(self, call: Call, new: Properties) -> Resource:
        """Make the object, or with `call.preview` say what would be made."""
        raise NotImplementedError

    def read(self, call: Call, inputs: Properties, state: Properties) -> Resource | None:
        """Find the object; None if it is gone. Without inputs and state it is an import."""
        raise NotImplementedError

    def update(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Properties:
        """Change the object, or with `call.preview` say what it would become; return outputs."""
        raise NotImplementedError

    def delete(self, call: Call, old_inputs: Properties, state: Properties) -> None:
        """Remove the object; one that is gone already is no error."""
        raise NotImplementedError

    def invoke(self, token: str, args: Properties) -> Properties:
        """Answer a function of the package."""
        raise ProviderError(
            f"the local {self.name} provider does not serve the function {token}",
            grpc.StatusCode.UNIMPLEMENTED,
        )

    def cancel(self) -> None:
        """End waiting calls soon: the user interrupted the update."""

    def close(self) -> None:
        """Give up connections; no further call will come."""


def compare(
    old: Mapping[str, Any], new: Mapping[str, Any], *, replace: bool = False
) -> dict[str, PropertyChange]:
    """The top-level properties that differ, secrets compared by their values.

    Args:
        old: inputs of the last update.
        new: inputs of this one; an UNKNOWN differs from everything.
        replace: whether a change needs a new object.
    """
    changes: dict[str, PropertyChange] = {}
    for name in sorted({*old, *new} - ENGINE_KEYS):
        if name not in new:
            changes[name] = PropertyChange("delete", replace)
        elif name not in old:
            changes[name] = PropertyChange("add", replace)
        elif has_unknown(new[name]) or plain(old[name]) != plain(new[name]):
            changes[name] = PropertyChange("update", replace)
    return changes
