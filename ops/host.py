"""Runs the program of another checkout on the engine, in a process of its own.

`python host.py ANSWERS`, with that checkout first on PYTHONPATH: a line of JSON on standard input
names the stack, each one after it is an operation, and file descriptor ANSWERS gets a line for
each. It needs of the checkout only `__main__.py`, so that a commit of any age can be run; hence it
imports nothing of ops but interrupts.py beside it, and the modules of two commits never meet in one
process.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import gc
import importlib.util
import io
import json
import os
import runpy
import sys
from collections.abc import Iterator
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf import empty_pb2
from pulumi import automation
from pulumi.automation import _server, _stack
from pulumi.automation._stack import StackInitMode  # its public makers make no subclass
from pulumi.runtime import resource as registering
from pulumi.runtime import settings as runtime
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    language_pb2,
    plugin_pb2,
    source_pb2,
)

if TYPE_CHECKING or __package__:
    from ops import interrupts
else:
    # The checkout that runs may have an `ops` of its own, without this module.
    _spec = importlib.util.spec_from_file_location(
        "interrupts", Path(__file__).with_name("interrupts.py")
    )
    interrupts = importlib.util.module_from_spec(_spec)
    sys.modules["interrupts"] = interrupts
    _spec.loader.exec_module(interrupts)

# A channel to an engine shares nothing with one to an engine that had the same port and is gone:
# gRPC has channels to one address share a connection, and waits before it tries a failed one again.
_GRPC_CHANNEL_OPTIONS.append(("grpc.use_local_subchannel_pool", 1))

# Of each resource the SDK tells where in the program it is declared, by a walk over the stack: a
# tenth of a preview's time in Python, and a sixth of a state, in which it names folders of whoever
# ran the update. Nobody reads it.
registering._get_stack_trace = source_pb2.StackTrace

# Packages of providers, as far as this program's commits have any.
_PACKAGES = ("pulumi_kubernetes", "pulumi_random", "pulumi_coderd")
# Resources whose outputs say what reviews need, of ops/deployed.py.
_SAYING = (
    "pulumi:pulumi:Stack",
    "firewalledcoder:index:WorkspaceTemplate",
    "firewalledcoder:index:CoderdEnv",
    "firewalledcoder:index:Alerts",
    "firewalledcoder:index:WorkspaceNetworkPolicy",
)


class _Server(_server.LanguageServer):
    """What tells the engine about the program, as Pulumi's own language host does.

    From the packages that a program needs the engine takes the version of a parameterized one's
    provider. Told of none, it writes another into the state of a new stack than it wants ever
    after (pulumi 3.259, pkg/resource/deploy/source_eval.go), and every preview shows an update.
    """

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        """Return the packages that are installed beside this program."""
        return language_pb2.GetRequiredPackagesResponse(packages=list(_packages()))


# The Automation API takes no other: it makes one by this name.
_stack.LanguageServer = _Server  # type: ignore[attr-defined]


def _packages() -> Iterator[plugin_pb2.PackageDependency]:
    for name in _PACKAGES:
        found = find_spec(name)
        if found is None or found.origin is None:
            continue
        plugin = json.loads(Path(found.origin).with_name("pulumi-plugin.json").read_text())
        inner = plugin.get("parameterization")
        yield plugin_pb2.PackageDependency(
            name=plugin["name"],
            kind="resource",
            version=plugin["version"],
            parameterization=plugin_pb2.PackageParameterization(
                name=inner["name"],
                version=inner["version"],
                value=base64.b64decode(inner["value"]),
            )
            if inner
            else None,
        )


class _Engine:
    """The engine as a program reports to it, less what is of no use to anybody.

    The SDK tells of every step of every resource, each time in a call that it waits for, and the
    engine drops what it hears: messages for debugging show with --debug, which is never asked for
    here. The calls were two fifths of a preview.
    """

    def __init__(self, stub: engine_pb2_grpc.EngineStub) -> None:
        self._stub = stub

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stub, name)

    def Log(self, request: engine_pb2.LogRequest, **options: Any) -> Any:
        """Pass a message on, except one for debugging."""
        if request.severity == engine_pb2.DEBUG:
            return empty_pb2.Empty()
        return self._stub.Log(request, **options)


class _Done:
    """What an operation did; the engine is asked for it when somebody wants to know.

    Then it tells of the stack's last one, so it is to be asked before the next.
    """

    def __init__(self, stack: Stack, stdout: str, stderr: str) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self._stack = stack

    @cached_property
    def summary(self) -> automation.UpdateSummary:
        """What the engine keeps of the operation."""
        kept = self._stack.info()
        if kept is None:
            raise LookupError(f"stack {self._stack.name} has no update")
        return kept


class _UpResult(_Done, automation.UpResult):  # type: ignore[override]
    @cached_property
    def outputs(self) -> automation.OutputMap:  # type: ignore[override]
        """The stack's outputs."""
        return self._stack.outputs()


class _RefreshResult(_Done, automation.RefreshResult):  # type: ignore[override]
    pass


class _DestroyResult(_Done, automation.DestroyResult):  # type: ignore[override]
    pass


class Stack(automation.Stack):
    """A stack that runs the engine once for an operation, and decrypts no setting to tell of it."""

    _running = False

    def up(self, *arguments: Any, **options: Any) -> automation.UpResult:
        """Bring the stack up; arguments and errors as in the Automation API."""
        with self._once():
            done = super().up(*arguments, **options)
        return _UpResult(self, done.stdout, done.stderr)

    def refresh(self, *arguments: Any, **options: Any) -> automation.RefreshResult:
        """Read everything back into the state; arguments and errors as in the Automation API."""
        with self._once():
            done = super().refresh(*arguments, **options)
        return _RefreshResult(self, done.stdout, done.stderr)

    def destroy(self, *arguments: Any, **options: Any) -> automation.DestroyResult:
        """Delete everything; arguments and errors as in the Automation API."""
        with self._once():
            done = super().destroy(*arguments, **options)
        return _DestroyResult(self, done.stdout, done.stderr)

    @contextlib.contextmanager
    def _once(self) -> Iterator[None]:
        self._running = True
        try:
            yield
        finally:
            self._running = False

    def outputs(self) -> automation.OutputMap:
        """Return the outputs."""
        return {} if self._running else super().outputs()

    def export_stack(self) -> automation.Deployment:
        """Return the state; its secrets stay encrypted, for which no passphrase is worked on."""
        run = self._run_pulumi_cmd_sync(["stack", "export"])
        return automation.Deployment(**json.loads(run.stdout))

    def info(self, show_secrets: bool = False) -> automation.UpdateSummary | None:
        """Return the last update; its secret settings stay encrypted."""
        later: Any = object()
        return later if self._running else super().info(show_secrets=False)


def run_program(root: Path, work_dir: Path) -> None:
    """Run the `__main__.py` of the checkout at `root`, for a project at `work_dir`."""
    # A language host would tell the program where its project is; in process we do.
    runtime.SETTINGS.root_directory = str(work_dir)
    without_debugging()
    runpy.run_path(str(root / "__main__.py"), run_name="__main__")


def without_debugging() -> None:
    """Send the engine no message for debugging from the program that now runs."""
    if runtime.SETTINGS.engine is not None:
        runtime.SETTINGS.engine = _Engine(runtime.SETTINGS.engine)


class KnownWorkspace(automation.LocalWorkspace):
    """A workspace whose stack is known to be there, and not asked for.

    Nor is any the chosen one, for every command names its own.
    """

    def select_stack(self, stack_name: str) -> None:
        """Do nothing: the stack is there, and who asks has looked."""


def select(request: dict[str, Any]) -> Stack:
    """Return the stack whose program is at `root` and whose project is at `work_dir`."""
    workspace = KnownWorkspace(
        work_dir=request["work_dir"],
        program=lambda: run_program(Path(request["root"]), Path(request["work_dir"])),
        pulumi_command=interrupts.EngineCommand(request["pulumi"], request["release"]),
        env_vars=request["variables"],
    )
    return Stack(request["stack"], workspace, StackInitMode.SELECT)


def run(stack: Stack, request: dict[str, Any]) -> dict[str, Any]:
    """Preview or apply; return the steps, outputs by URN, and errors as (URN, message).

    When it was interrupted, that alone.
    """
    steps: list[dict[str, Any]] = []
    outputs: list[tuple[str, Any]] = []
    said: list[tuple[str, str]] = []

    def on_event(event: automation.events.EngineEvent) -> None:
        if event.resource_pre_event:
            steps.append(_step(event.resource_pre_event.metadata))
        elif event.res_outputs_event:
            step = event.res_outputs_event.metadata
            if step.type in _SAYING and step.new and step.new.outputs:
                outputs.append((step.urn, step.new.outputs))
        elif event.diagnostic_event and event.diagnostic_event.severity == "error":
            said.append((event.diagnostic_event.urn or "", event.diagnostic_event.message))

    options: dict[str, Any] = {
        "on_event": on_event,
        "target": request["target"] or None,
        "plan": request["plan"],
    }
    errors: list[tuple[str, str]] = []
    try:
        if request["operation"] == "up":
            stack.up(
                message=request["message"],
                on_output=_pass_on,
                show_secrets=False,
                suppress_outputs=True,
                **options,
            )
        else:
            stack.preview(**options)
    except automation.CommandError as problem:
        errors = said or [("", str(problem))]
    except interrupts.CommandInterrupted as interrupt:
        return {"interrupted": True, "killed": interrupt.killed}
    return {"steps": steps, "outputs": outputs, "errors": errors}


def _step(metadata: Any) -> dict[str, Any]:
    return {
        "op": getattr(metadata.op, "value", metadata.op),
        "urn": metadata.urn,
        "type": metadata.type,
        "diffs": list(metadata.diffs or ()),
        "details": {
            path: each.diff_kind.value for path, each in (metadata.detailed_diff or {}).items()
        },
        **{
            side: {"inputs": state.inputs, "outputs": state.outputs} if state else None
            for side, state in (("old", metadata.old), ("new", metadata.new))
        },
    }


def _pass_on(text: str) -> None:
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def main() -> None:
    """Answer every operation that is asked for, until standard input ends."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As ops/streams.py has it, which this process cannot load.
        sys.stdout.reconfigure(errors="replace")
    with (
        contextlib.suppress(interrupts.CommandInterrupted),
        interrupts.INTERRUPTS.handled(),
        os.fdopen(int(sys.argv[1]), "w", encoding="utf-8") as answers,
    ):
        stack = select(json.loads(sys.stdin.readline()))
        for line in sys.stdin:
            answers.write(json.dumps(run(stack, json.loads(line))) + "\n")
            answers.flush()


if __name__ == "__main__":
    # As ops/startup.py has it: to look for garbage among what a program loads, which stays, takes
    # a third of its start.
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    main()
