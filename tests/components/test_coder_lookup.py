"""Names become ids, each asked for once; all that Coder does not know is named at once."""

import contextlib
from typing import Any

import pulumi_coderd as coderd
import pytest

from components.coder_lookup import Known, look_up
from components.settings import Settings
from components.settings_load import load
from components.settings_problems import SettingsError
from tests.components.recording import Recorder, record


def settings() -> Settings:
    return load(
        "gov",
        {
            "coder": {"accessUrl": "https://coder.example.com", "organization": "main"},
            "externalAuth": {"providers": [{"host": "gitlab.example.com"}]},
            "templates": [
                {"name": "a", "access": {"use": ["one", "two"]}},
                {"name": "b", "access": {"use": ["two"], "admin": ["one"]}},
            ],
            "secrets": {
                "coderToken": "t",
                "externalAuth": {"gitlab": {"clientId": "i", "clientSecret": "s"}},
            },
        },
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Let Coder know every name; what it is asked for is kept."""
    asked: list[tuple[str, str]] = []

    def call(_: Recorder, args: Any) -> dict[str, Any]:
        asked.append((args.token.rpartition(":")[2], args.args["name"]))
        return {**args.args, "id": f"id-of-{args.args['name']}"}

    monkeypatch.setattr(Recorder, "call", call)
    return asked


def looked_up() -> Known | SettingsError:
    found: list[Known | SettingsError] = []

    def program() -> dict[str, Any]:
        try:
            found.append(look_up("gov", settings(), coderd.Provider("coder", url="https://c")))
        except SettingsError as error:
            found.append(error)
        return {}

    # The SDK reports a failed invoke of the mocks once more when the program has ended.
    with contextlib.suppress(RuntimeError):
        record(program)
    return found[0]


def test_every_name_is_asked_for_once(asked: list[tuple[str, str]]) -> None:
    known = looked_up()
    assert known == Known("id-of-main", {"one": "id-of-one", "two": "id-of-two"})
    assert asked == [("getOrganization", "main"), ("getGroup", "one"), ("getGroup", "two")]


def test_every_unknown_group_is_named_at_every_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def call(_: Recorder, args: Any) -> dict[str, Any]:
        if args.args["name"] == "two":
            raise RuntimeError("invocation of x returned an error: HTTP 404: not found")
        return {**args.args, "id": "id"}

    monkeypatch.setattr(Recorder, "call", call)
    error = looked_up()
    assert isinstance(error, SettingsError)
    assert [problem.key for problem in error.problems] == [
        "templates[0].access.use[1]",
        "templates[1].access.use[0]",
    ]
    assert "no such group in main: HTTP 404: not found" in str(error)


def test_an_organization_that_is_not_found_is_the_only_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def call(_: Recorder, args: Any) -> dict[str, Any]:
        raise RuntimeError(f"invocation of {args.token} returned an error: no answer")

    monkeypatch.setattr(Recorder, "call", call)
    error = looked_up()
    assert isinstance(error, SettingsError)
    (problem,) = error.problems
    assert str(problem) == 'coder.organization = "main": no answer'
