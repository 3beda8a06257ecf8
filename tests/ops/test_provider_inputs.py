"""How Coder and the cluster are reached by a state, held against the settings."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from pulumi import automation

from components.settings.model import Settings
from components.settings.problems import Problem, SettingsError
from ops import diagnostics, engine, provider_inputs, stacks, terminal
from program import declare
from tests.components.recording import record
from tests.ops.states import state_of

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "x"}
TOKEN = "token-of-the-test"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    return stacks.settings("local")


def providers(settings: Settings, **changes: Any) -> list[dict[str, Any]]:
    """What a state has of the providers as the program declares them, with changes by name."""

    def program() -> dict[str, pulumi.Output[Any]]:
        declare.cluster(settings)
        declare.coder(settings)
        return {}

    recorder, _ = record(program, {})
    found = []
    for kind in ("kubernetes", "coderd"):
        (made,) = recorder.of(f"providers:{kind}")
        held = {**made, **({"token": TOKEN} if kind == "coderd" else {})}
        of_coder = kind == "coderd"
        held |= {key: v for key, v in changes.items() if (key in ("url", "token")) == of_coder}
        urn = f"urn:pulumi:local::p::pulumi:providers:{kind}::mine"
        found.append({"urn": urn, "type": f"pulumi:providers:{kind}", "inputs": held})
    # The engine's own.
    own = {"urn": "urn:x::default_4_34_2", "type": "pulumi:providers:kubernetes", "inputs": {}}
    return [*found, own]


def differing(held: list[dict[str, Any]], settings: Settings, token: str | None) -> list[str]:
    there = state_of(*held).resources
    return list(provider_inputs._differing(there, settings, token))


def test_what_the_program_declares_differs_in_nothing(settings: Settings) -> None:
    assert differing(providers(settings), settings, TOKEN) == []
    assert differing(providers(settings), settings, None) == []
    assert differing([], settings, TOKEN) == []


@pytest.mark.parametrize(
    ("changes", "token", "said"),
    [
        ({"url": "https://old.example.com"}, None, ["coder.accessUrl"]),
        ({"context": "old"}, None, ["kubernetes.context"]),
        ({"token": "old"}, TOKEN, ["secrets.coderToken"]),
        # A path of another machine, as this program wrote it formerly.
        ({"kubeconfig": "/home/ada/.kube/config"}, None, ["KUBECONFIG"]),
        ({"kubeconfig": SECRET}, None, ["KUBECONFIG"]),
        # What is encrypted may be the same.
        ({"token": SECRET}, None, []),
    ],
)
def test_what_an_update_before_put_there_is_named_by_its_setting(
    settings: Settings, changes: dict[str, Any], token: str | None, said: list[str]
) -> None:
    assert differing(providers(settings, **changes), settings, token) == said


@pytest.mark.parametrize(
    ("held", "said"), [("other: {}\n", ["KUBECONFIG"]), (SECRET, []), ("", ["KUBECONFIG"])]
)
def test_a_kubeconfig_in_its_variable_is_compared_as_far_as_it_is_known(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, held: Any, said: list[str]
) -> None:
    state = providers(settings, kubeconfig=held)
    monkeypatch.setenv("KUBECONFIG", "apiVersion: v1\nkind: Config\n")
    assert differing(state, settings, None) == said


class Stack:
    """Fails unless the program is run; tells an event each time."""

    name = "local"

    def __init__(self) -> None:
        self.runs: list[bool] = []

    def refresh(self, *, on_event: Any, run_program: bool = False) -> str:
        self.runs.append(run_program)
        on_event(SimpleNamespace(diagnostic_event=None, by_program=run_program))
        if not run_program:
            raise automation.CommandError(SimpleNamespace(stdout="", stderr="error: 401", code=1))
        return "done"


@pytest.mark.parametrize("differs", ["before", "secretly", "not"])
def test_the_program_is_run_where_something_differs_and_only_there(
    monkeypatch: pytest.MonkeyPatch, differs: str
) -> None:
    def found(*_: Any, secrets: bool) -> tuple[str, ...]:
        is_known = differs == "before" or (secrets and differs == "secretly")
        return ("secrets.coderToken",) if is_known else ()

    said: list[str] = []
    heard: list[Any] = []
    monkeypatch.setattr(provider_inputs, "differing", found)
    monkeypatch.setattr(terminal, "progress", said.append)
    stack = Stack()
    ready: Any = engine.Session(stack, Path())  # type: ignore[arg-type]

    def run() -> str:
        return provider_inputs.run(stack.refresh, ready, "local", state_of(), on_event=heard.append)

    if differs == "not":
        with pytest.raises(diagnostics.RunError, match="401"):
            run()
        assert (stack.runs, said) == ([False], [])
    else:
        assert run() == "done"
        assert stack.runs == ([True] if differs == "before" else [False, True])
        assert len(said) == 1
    # What was heard of a run that is made once more is forgotten.
    assert [each.by_program for each in heard] == [differs != "not"]


def test_settings_that_cannot_be_read_differ_in_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def settings(*_: Any) -> Any:
        raise SettingsError("local", [Problem("coder", "", "missing")])

    monkeypatch.setattr(stacks, "settings", settings)
    ready: Any = engine.Session(Stack(), Path())  # type: ignore[arg-type]
    assert provider_inputs.differing(ready, "local", state_of(), secrets=True) == ()
