"""What an update did that was killed, and of which a backend of files has no entry."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.boundary import Policy, PolicyRule, Rule
from ops import history, report, report_json, unrecorded
from ops.assessment import StackPreview
from ops.state import StackState
from ops.tokens import AI_PROVIDER, MCP_SERVER, WORKSPACE_TEMPLATE
from tests.ops.states import state_of

BASE = "urn:pulumi:dev::firewalled-coder::"
ENDED = datetime(2026, 11, 28, 10, 0, 0, tzinfo=UTC)
BEFORE, AFTER = "2026-11-28T10:00:00.9Z", "2026-11-28T10:05:00.1Z"
PENDING = {"type": "updating", "resource": {"urn": f"{BASE}a::b"}}


def template(name: str, *rules: str) -> dict[str, Any]:
    policy = Policy([PolicyRule(Rule.parse(f"domain={each}"), "extra", "t") for each in rules])
    return {
        "urn": f"{BASE}{WORKSPACE_TEMPLATE}::{name}",
        "type": WORKSPACE_TEMPLATE,
        "outputs": {"policy": json.dumps(policy.to_json())},
    }


def made(kind: str, name: str, **inputs: Any) -> dict[str, Any]:
    urn = f"{BASE}{kind}::{name}"
    return {"urn": urn, "type": kind, "custom": True, "inputs": {"name": name, **inputs}}


ONE = template("firewalled", "a.example")
MORE = template("firewalled", "a.example", "pastebin.com")
SERVER = made(MCP_SERVER, "issues", slug="issues", url="https://issues.example", enabled=True)
PROVIDER = made(AI_PROVIDER, "second", type="openai", baseUrl="https://ai.example", enabled=True)


def stack_in(folder: Path, url: str = "", latest: Any = None) -> Any:
    return SimpleNamespace(
        name="dev",
        workspace=SimpleNamespace(
            env_vars={"PULUMI_BACKEND_URL": url or f"file://{folder}?metadata=skip"},
            work_dir=str(folder),
        ),
        info=lambda: latest,
    )


def keep(file: Path, *resources: dict[str, Any], **rest: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    latest = {"resources": list(resources), **rest}
    file.write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))


def recorded(folder: Path, number: int, *resources: dict[str, Any]) -> None:
    place = folder / ".pulumi/history/firewalled-coder/dev"
    keep(place / f"dev-179583039{number}.checkpoint.json", *resources)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ((MORE,), "what agents reach: firewalled: opens pastebin.com"),
        ((ONE, template("third", "a.example")), "third: new, confined by 1 rules"),
        ((ONE, SERVER), "warnings: agents get more MCP tools; created issues"),
        ((ONE, PROVIDER), "warnings: prompts may go to one more AI provider; created second"),
        ((), "what agents reach: firewalled: template removed"),
    ],
)
def test_what_is_deployed_beyond_the_last_record_is_named(
    tmp_path: Path, now: tuple[dict[str, Any], ...], said: str
) -> None:
    recorded(tmp_path, 1, MORE, PROVIDER, SERVER)
    recorded(tmp_path, 2, ONE)
    line = unrecorded.line(stack_in(tmp_path), state_of(*now))
    assert said in line
    message = history.Record("up", "a", unrecorded=line).message()
    found = history.parse(message)
    assert found is not None
    assert found.unrecorded == line


def test_a_state_as_the_last_record_left_it_says_nothing(tmp_path: Path) -> None:
    """A secret is encrypted anew whenever a state is saved."""
    sigil = "4dabf18193072939515e22adb298388d"
    sides = (
        made(AI_PROVIDER, "a", key={sigil: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": text})
        for text in ("x", "y")
    )
    recorded(tmp_path, 1, ONE, next(sides))
    assert unrecorded.line(stack_in(tmp_path), state_of(ONE, next(sides))) == ""
    assert unrecorded.line(stack_in(tmp_path / "new"), state_of()) == ""


def test_all_that_a_first_update_made_that_was_killed_is_named(tmp_path: Path) -> None:
    line = unrecorded.line(stack_in(tmp_path), state_of(ONE, PROVIDER))
    assert "firewalled: new, confined by 1 rules" in line
    assert "created second" in line


@pytest.mark.parametrize("url", ["s3://bucket/path?region=r", "azblob://c?storage_account=a"])
def test_of_a_bucket_what_changed_since_is_named_by_its_time(tmp_path: Path, url: str) -> None:
    latest = SimpleNamespace(start_time=ENDED, end_time=ENDED, result="succeeded")
    stack = stack_in(tmp_path, url, latest)
    there = {**PROVIDER, "modified": BEFORE}
    assert unrecorded.line(stack, state_of(ONE, there)) == ""
    later = {**SERVER, "modified": AFTER}
    found = unrecorded.line(stack, state_of(ONE, there, later))
    assert found == (
        "changed issues; what that opens is not known: what was before is not to be had here"
    )
    # What the state has just learned of has no time yet.
    taken = unrecorded.of(stack, state_of(ONE, PROVIDER), [PROVIDER["urn"]])
    assert taken is not None
    assert taken.changed == {"changed": ("second",)}


@pytest.mark.parametrize("zone", ["UTC", "XYZ+5", "XYZ-5"])
def test_the_engines_times_are_utc_wherever_a_command_runs(
    monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    ended = ENDED.replace(tzinfo=None)
    latest: Any = SimpleNamespace(start_time=ended, end_time=ended)
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        found = [
            unrecorded.since(latest, {SERVER["urn"]: {**SERVER, "modified": modified}})
            for modified in (BEFORE, AFTER)
        ]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert [each is not None for each in found] == [False, True]


def test_a_checkpoint_that_cannot_be_read_leaves_the_times(tmp_path: Path) -> None:
    recorded(tmp_path, 1, ONE)
    (file,) = tmp_path.rglob("*.checkpoint.json")
    file.write_text("{")
    latest = SimpleNamespace(start_time=ENDED, end_time=None, result="succeeded")
    stack = stack_in(tmp_path, latest=latest)
    line = unrecorded.line(stack, state_of(MORE, {**SERVER, "modified": AFTER}))
    assert line.startswith("changed issues; what that opens is not known")


def test_where_updates_are_recorded_as_they_begin_nothing_is_missing(tmp_path: Path) -> None:
    stack = stack_in(tmp_path, "https://api.pulumi.com")
    assert unrecorded.line(stack, state_of(ONE, PROVIDER)) == ""
    assert unrecorded.in_preview(stack) is None


def test_a_preview_in_between_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack, state = stack_in(tmp_path), tmp_path / ".pulumi/stacks/firewalled-coder/dev.json"
    read: list[StackState] = []

    def read_state(_: Any) -> StackState:
        read.append(state_of(MORE, SERVER))
        return read[-1]

    monkeypatch.setattr(unrecorded, "StackState", read_state)
    keep(state, ONE)
    assert unrecorded.in_preview(stack) is None, "no record at all: its own to say"
    recorded(tmp_path, 1, ONE)
    assert unrecorded.in_preview(stack) is None
    assert not read, "the engine need not be asked"
    keep(state, MORE, SERVER, pending_operations=[PENDING])
    lines = unrecorded.lines(unrecorded.in_preview(stack), "dev")
    preview = StackPreview("dev", unrecorded=lines)
    text = report.to_markdown([preview])
    assert text.startswith("## Preview: ⚠️ something is deployed that stands in no record\n")
    assert (
        "#### Deployed without a record\n\n"
        "- ⚠️ the history has no entry of an update since the last one there, which did not "
        "finish; the next `python -m ops up dev` records what it did\n"
        "- what agents reach: `firewalled: opens pastebin.com`\n"
        "- ⚠️ agents get more MCP tools\n"
        "- created `issues`\n"
    ) in text
    assert report_json.stack_json(preview)["unrecorded"] == list(lines)


def test_the_history_shows_it_below_the_update_that_found_it() -> None:
    record = history.Record("up", "a" * 40, False, unrecorded="what agents reach: x")
    update = history.updates(
        [
            SimpleNamespace(
                kind="update", start_time=ENDED, end_time=ENDED, message=record.message(),
                environment={}, result="succeeded", version=None, resource_changes={},
            )
        ]
    )  # fmt: skip
    assert history.to_json(update)[0]["unrecorded"] == "what agents reach: x"
    table = history.table(update)
    assert "not recorded before: what agents reach: x" in str(list(table.columns[1].cells))
