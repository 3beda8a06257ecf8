"""Runs the program on the Pulumi engine, through the Automation API.

The program is the same `__main__.py` that `pulumi up` runs, in this process. For the stack
`local` the engine gets its providers, cluster and coderd from `local/`; for every other stack it
uses what the operator's environment names, as the command line would.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi import automation
from pulumi.automation._stack import StackInitMode  # its public makers make no subclass

from components.boundary.credentials import HIDDEN
from components.errors import OperatorError
from components.settings import stored
from components.settings.problems import SettingsError, refuse
from ops import backend, diagnostics, host, interrupts, kept_files, project, secrets_key, stacks

Progress = Callable[[str], None]

# An engine that gives up hangs up on the program, whose server then logs a traceback for it; what
# went wrong is in the engine's own messages.
logging.getLogger("grpc._server").setLevel(logging.CRITICAL)


@dataclass
class Session:
    """A stack that is ready to run, and where its project is."""

    stack: automation.Stack
    work_dir: Path


class _Workspace(automation.LocalWorkspace):
    """A workspace whose secret outputs stay encrypted, `[secret]` in their place.

    Nothing here needs one, and to decrypt them takes one more run of the engine.
    """

    def stack_outputs(self, stack_name: str) -> automation.OutputMap:
        """Return the outputs of a stack."""
        run = self._run_pulumi_cmd_sync(["stack", "output", "--json", "--stack", stack_name])
        return {
            key: automation.OutputValue(value=value, secret=value == HIDDEN)
            for key, value in json.loads(run.stdout).items()
        }


class _KnownWorkspace(host.KnownWorkspace, _Workspace):
    pass


class _Stack(host.Stack):
    """A stack of which a command is told once what it has told already, or what files tell."""

    _told: tuple[bytes | None, dict[tuple[str, bool], automation.ConfigValue]] = (None, {})

    def history(
        self, page_size: int | None = None, page: int | None = None, show_secrets: bool = True
    ) -> list[automation.UpdateSummary]:
        """Return the updates; arguments and errors as in the Automation API."""
        kept = None if show_secrets else kept_files.history(self, page_size, page)
        return super().history(page_size, page, show_secrets) if kept is None else kept

    def export_stack(self) -> automation.Deployment:
        """Return the state; its secrets stay encrypted."""
        kept = kept_files.deployment(self)
        return super().export_stack() if kept is None else automation.Deployment(**kept)

    def get_config(self, key: str, *, path: bool = False) -> automation.ConfigValue:
        """Return a setting, decrypted once for as long as the stack's file stays as it is."""
        file = stored.file_of(self.name, Path(self.workspace.work_dir))
        now = file.read_bytes() if file.is_file() else b""
        if now != self._told[0]:
            self._told = (now, {})
        told = self._told[1]
        if (key, path) not in told:
            told[key, path] = super().get_config(key, path=path)
        return told[key, path]


def program(work_dir: Path, root: Path = project.ROOT) -> Callable[[], None]:
    """Return the program of the checkout at `root`, for a project at `work_dir`.

    It refuses what is wrong with the stack's file at `root`, whose secrets and stray keys the
    local environment leaves out of the copy that the engine reads.
    """

    def run() -> None:
        stack = pulumi.get_stack()
        try:
            refuse(stack, stored.in_file(stack, root))
        except SettingsError as error:
            raise pulumi.RunError(str(error)) from None
        host.run_program(root, work_dir)

    return run if work_dir != root else lambda: host.run_program(root, work_dir)


@contextmanager
def session(
    name: str,
    progress: Progress,
    *,
    root: Path = project.ROOT,
    state: Path | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Iterator[Session]:
    """Make stack `name` ready to run for as long as the context lasts.

    Args:
        name: name of the stack.
        progress: told what is being started, line by line.
        root: the checkout.
        state: state directory of the local environment; other stacks run there when given,
            which is how tests bring dev and usgov up.
        changes: settings put over the stack's own, local environment only.

    Raises OperatorError for an unknown stack, one that the backend has not (but of the local
    environment's, which are made here), an engine that is not there,
    a lock of the stack, secrets that the engine cannot read, and
    interrupts.CommandInterrupted when the command is asked to end, once the engine has ended.
    """
    if name not in stacks.names(root):
        raise OperatorError(f"no stack {name!r}; there are {', '.join(stacks.names(root))}")
    try:
        with interrupts.INTERRUPTS.handled():
            if name == project.LOCAL or state is not None:
                with _local(name, progress, root, state, changes) as ready:
                    yield ready
            else:
                yield Session(_there(name, root, _command(progress)), root)
    except interrupts.CommandInterrupted as interrupt:
        interrupt.stack = name
        raise
    except automation.ConcurrentUpdateError as error:
        raise OperatorError(diagnostics.locked(str(error), name)) from None
    except automation.CommandError as error:
        if said := secrets_key.told(str(error), name):
            raise OperatorError(said) from None
        raise


@contextmanager
def _local(
    name: str,
    progress: Progress,
    root: Path,
    state: Path | None,
    changes: Mapping[str, Any] | None,
) -> Iterator[Session]:
    # Other stacks need none of it.
    from local.environment import SECRETS_PROVIDER, Environment  # noqa: PLC0415

    command = _command(progress)
    environment = Environment(root, state)
    with _tools():
        environment.start(progress)
    missing = environment.prepare(name, changes)
    with environment.serving() as variables:
        known = environment.has_stack(name)
        stack = _select(
            name,
            environment.workspace,
            root,
            command,
            variables,
            known=known,
            secrets=SECRETS_PROVIDER,
        )
        if missing:
            stack.set_all_config(
                {
                    f"{project.PROJECT}:{path}": automation.ConfigValue(value, secret=True)
                    for path, value in missing.items()
                },
                path=True,
            )
        yield Session(stack, environment.workspace)


def _command(progress: Progress) -> automation.PulumiCommand:
    from toolchain import engine  # noqa: PLC0415

    with _tools():
        binary = engine.find(progress)
        return _engine(root_of(binary), engine.release(binary))


@contextmanager
def _tools() -> Iterator[None]:
    """Have a tool that cannot be built be told as what it is."""
    from toolchain.tools import ToolError  # noqa: PLC0415

    try:
        yield
    except ToolError as error:
        raise OperatorError(str(error)) from None


def root_of(binary: Path) -> str | None:
    """Return by what the Automation API finds an engine: a root's bin/pulumi, or that on PATH."""
    return str(binary.parent.parent) if binary.parent.name == "bin" else None


@functools.cache
def _engine(root: str | None, release: str) -> automation.PulumiCommand:
    return interrupts.EngineCommand(root=root, release=release)


def _there(name: str, root: Path, command: automation.PulumiCommand) -> automation.Stack:
    """Return a stack that an operator has made; raises backend.NoStackError.

    None is made here: whoever makes one says who keeps its secrets, and the engine writes that
    into the stack's committed file.
    """
    try:
        # Where the files say that it is there, it is not asked for.
        return _select(name, root, root, command, {}, known=kept_files.known(name, root) or None)
    except automation.StackNotFoundError:
        raise backend.NoStackError(name) from None


def _select(
    name: str,
    work_dir: Path,
    root: Path,
    command: automation.PulumiCommand,
    variables: Mapping[str, str],
    *,
    known: bool | None = None,
    secrets: str | None = None,
) -> automation.Stack:
    """Return the stack.

    Whether the backend has it is `known`; if that is None, it is asked, and has to have it. One
    that is not there is made, with the secrets provider that `secrets` names.
    """
    workspace = (_KnownWorkspace if known else _Workspace)(
        work_dir=str(work_dir),
        program=program(work_dir, root),
        pulumi_command=command,
        env_vars={"PULUMI_SKIP_UPDATE_CHECK": "true", **variables},
        secrets_provider=secrets,
    )
    mode = StackInitMode.CREATE if known is False else StackInitMode.SELECT
    return _Stack(name, workspace, mode)
