"""Has Coder and the cluster be asked as the settings say now, where the state says otherwise.

A refresh and a destroy take a provider's address and credentials from the state, and only an update
puts others there. After a token was replaced, or an address has moved, they would fail for good,
and so would the update, which begins by reading back what one before left half-done. The engine
has `--run-program` for it: the providers are then as the program declares them. To run the program
takes time, so it is run only where the two differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

from pulumi import automation

from components import kubeconfig
from components.settings.model import Settings
from components.settings.problems import SettingsError
from ops import diagnostics, engine, project, stacks, terminal
from ops.state import StackState

_T = TypeVar("_T")
Listener = Callable[[automation.EngineEvent], Any]

_CODER: Final = "pulumi:providers:coderd"
_CLUSTER: Final = "pulumi:providers:kubernetes"
_TOKEN: Final = "secrets.coderToken"  # noqa: S105  a setting's key


def run(
    operation: Callable[..., _T],
    ready: engine.Session,
    stack: str,
    state: StackState | None = None,
    *,
    removes: bool = False,
    **options: Any,
) -> _T:
    """Run an operation that asks by the state's providers, by the program's where those differ.

    Args:
        operation: bound method `refresh`, `destroy`, or `preview` with a refresh.
        ready: the stack.
        stack: its name.
        state: its state, if it was read already.
        removes: credentials are compared before, not only after a failure: what a destroy has
            removed by then is gone, the network policy first of all.
        options: passed on.

    Raises what diagnostics.run does.
    """
    state = state or StackState(ready.stack)
    found = differing(ready, stack, state, secrets=removes)
    if not found:
        heard: list[automation.EngineEvent] = []
        listener: Listener | None = options.get("on_event")
        try:
            return diagnostics.run(operation, **{**options, "on_event": heard.append})
        except diagnostics.RunError:
            found = () if removes else differing(ready, stack, state, secrets=True)
            if not found:
                raise
        finally:
            # Of what is run once more, nothing was heard yet.
            if listener and not found:
                for event in heard:
                    listener(event)
    terminal.progress(
        f"{' and '.join(found)} differ{'s' if len(found) == 1 else ''} from what the state has: "
        "the program is run, and what it says is used"
    )
    return diagnostics.run(operation, run_program=True, **options)


def differing(
    ready: engine.Session, stack: str, state: StackState, *, secrets: bool
) -> tuple[str, ...]:
    """Return the settings that the providers in a state have otherwise.

    Settings that cannot be read differ in nothing: whoever needs them says what is wrong.

    Args:
        ready: the stack.
        stack: its name.
        state: its state.
        secrets: credentials as well, which takes two runs of the engine.
    """
    try:
        settings = stacks.settings(stack, ready.work_dir)
    except SettingsError:
        return ()
    there = state.shown() if secrets else state.resources
    token = None
    if secrets:
        path = f"{project.PROJECT}:{_TOKEN}"
        # One that is not set is told of by whoever needs it.
        with suppress(automation.CommandError):
            token = ready.stack.get_config(path, path=True).value
    return tuple(_differing(there, settings, token))


def _differing(
    there: Mapping[str, Mapping[str, Any]], settings: Settings, token: str | None
) -> Iterator[str]:
    url = "coder.apiUrl" if settings.coder.api_url else "coder.accessUrl"
    wanted: dict[str, dict[str, tuple[str, str | None]]] = {
        _CODER: {"url": (url, settings.coder.api), "token": (_TOKEN, token)},
        _CLUSTER: {
            "context": ("kubernetes.context", settings.kubernetes.context or ""),
            "kubeconfig": ("KUBECONFIG", kubeconfig.in_variable()),
        },
    }
    for resource in there.values():
        # The engine's own default providers have nothing of the settings.
        if "::default_" in resource["urn"]:
            continue
        for name, (setting, value) in wanted.get(resource["type"], {}).items():
            held = resource["inputs"].get(name, "")
            # What is encrypted is not known, but that it is something.
            if isinstance(held, Mapping):
                held = value or None
            if value is not None and held != value:
                yield setting
