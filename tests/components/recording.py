"""Runs a component on Pulumi's mocks and records what it registers."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks, resource, stack
from pulumi.runtime.proto.source_pb2 import StackTrace

Declared = Mapping[str, pulumi.Output[Any]]


class Recorder(mocks.Mocks):
    """Answers each registration with its inputs, and `outputs` beside them by type."""

    def __init__(self, outputs: Mapping[str, Mapping[str, Any]]) -> None:
        self.outputs = outputs
        self.registered: list[mocks.MockResourceArgs] = []

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.registered.append(args)
        return f"{args.name}-id", {**args.inputs, **self.outputs.get(args.typ, {})}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        return {}, None

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the inputs of every resource of a kind such as `ConfigMap`."""
        return [args.inputs for args in self.registered if args.typ.endswith(f":{kind}")]


def record(
    program: Callable[[], Declared | Awaitable[Declared]],
    outputs: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[Recorder, dict[str, Any]]:
    """Run a program; return what it registered and the values of the outputs it returned."""
    recorder = Recorder(outputs or {})
    values: dict[str, Any] = {}

    async def run() -> None:
        mocks.set_mocks(recorder, project="firewalled-coder", stack="test")

        async def main() -> None:
            declared = program()
            outputs = await declared if inspect.isawaitable(declared) else declared
            for name, output in outputs.items():
                output.apply(lambda value, name=name: values.__setitem__(name, value))

        await stack.run_pulumi_func(main)

    with pytest.MonkeyPatch.context() as patch:
        # Where in a program each resource was made the mocks do not ask, and it takes a tenth.
        patch.setattr(resource, "_get_stack_trace", StackTrace)
        asyncio.run(run())
    return recorder, values
