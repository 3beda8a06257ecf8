import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.automation import UpdateSummary
from rich.console import Console

from components.boundary import Policy, PolicyRule, Rule
from ops import history
from ops.history import Record
from ops.stack_reach import StackReach, compared


def policy(*rules: str) -> Policy:
    return Policy([PolicyRule(Rule.parse(rule), "extra", "test") for rule in rules])


def summary(message: str, **changes: Any) -> UpdateSummary:
    return UpdateSummary(
        **{
            "kind": "update",
            "start_time": datetime(2026, 1, 2, 3, 4, 5),
            "message": message,
            "environment": {},
            "config": {},
            "result": "succeeded",
            "version": 0,
            "resource_changes": {"same": 20, "update": 2},
            **changes,
        }
    )


texts = st.text(max_size=40)
records = st.builds(
    Record,
    command=st.sampled_from(["up", "rollback", "adopt"]),
    commit=st.none() | st.text("0123456789abcdef", min_size=40, max_size=40),
    dirty=st.booleans(),
    branch=st.none() | texts,
    who=texts,
    rollback_of=st.none() | st.integers(1, 10_000),
    template=st.none() | texts,
    firewall=texts,
    policy=texts,
)


@given(records)
def test_a_message_gives_its_record_back_and_begins_with_one_line(record: Record) -> None:
    message = record.message()
    assert history.parse(message) == record
    title, empty, _ = message.split("\n")
    assert title.strip()
    assert empty == ""


@pytest.mark.parametrize(
    "message",
    [
        "",
        "an update by hand",
        f"{history.MARK} {{",
        f"{history.MARK} [1]",
        f'{history.MARK} {{"who": "no command"}}',
    ],
)
def test_a_message_of_another_tool_has_no_record(message: str) -> None:
    assert history.parse(message) is None


def test_a_record_of_a_later_release_is_read_as_far_as_it_is_known() -> None:
    data = {"format": 2, "command": "up", "commit": "a" * 40, "later": True}
    found = history.parse(f"up\n\n{history.MARK} {json.dumps(data)}")
    assert found == Record("up", "a" * 40)


@pytest.mark.parametrize(
    ("record", "title"),
    [
        (Record("up", "a" * 40, False), "up at aaaaaaaaaaaa"),
        (Record("up", "a" * 40, True), "up at aaaaaaaaaaaa (dirty)"),
        (Record("up"), "up at no commit (dirty)"),
        (Record("rollback", "b" * 40, False, rollback_of=7), "rollback of 7 at bbbbbbbbbbbb"),
        (
            Record("rollback", "b" * 40, False, rollback_of=7, template="firewalled"),
            "rollback of 7, template firewalled at bbbbbbbbbbbb",
        ),
        (
            Record("up", "a" * 40, False, firewall="incident 4711"),
            "up at aaaaaaaaaaaa, firewall off: incident 4711",
        ),
    ],
)
def test_the_title_says_what_was_done(record: Record, title: str) -> None:
    assert record.title == title


def line_of(old: StackReach, new: StackReach) -> str:
    return history.policy_line(compared(old, new))


ONE = policy("domain=a.example")
TWO = policy("domain=a.example", "method=GET domain=b.example")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ({"t": ONE}, {"t": ONE}, "no change"),
        ({"t": None}, {"t": None}, "no change"),
        ({"t": ONE}, {"t": TWO}, "t: opens b.example"),
        ({"t": TWO}, {"t": ONE}, "t: closes b.example"),
        ({"t": ONE}, {"t": None}, "t: FIREWALL REMOVED"),
        ({"t": None}, {"t": TWO}, "t: confined by 2 rules"),
        ({}, {"t": ONE, "u": None}, "t: new, confined by 1 rules; u: new, without a firewall"),
        ({"t": ONE, "u": None}, {"t": ONE}, "u: template removed"),
    ],
)
def test_the_policy_in_one_line(old: Any, new: Any, line: str) -> None:
    assert line_of(StackReach(old), StackReach(new)) == line


def test_a_long_policy_change_stays_one_short_line() -> None:
    many = policy(*(f"domain=h{n}.example" for n in range(300)))
    assert line_of(StackReach({"t": policy()}), StackReach({"t": many})) == (
        "t: opens h0.example, h1.example, h10.example and 297 more"
    )
    names = {f"template-{n}": None for n in range(100)}
    assert len(line_of(StackReach({}), StackReach(names))) <= 400


def test_updates_are_numbered_from_the_oldest_where_the_backend_has_no_numbers() -> None:
    up = Record("up", "a" * 40, False, "main", "ada", policy="t: opens b.example")
    found = history.updates(
        [
            summary("by hand", environment={"git.head": "c" * 40, "git.dirty": "false"}),
            summary("Refresh", kind="refresh"),
            summary(up.message(), result="failed"),
        ]
    )
    assert [each.number for each in found] == [3, 2, 1]
    assert [each.applied for each in found] == [True, False, False]
    assert (found[0].commit, found[0].dirty, found[0].title) == ("c" * 40, False, "by hand")
    assert (found[1].commit, found[1].dirty) == (None, True)
    assert (found[2].who, found[2].policy) == ("ada", "")
    assert found[2].changes == {"update": 2}


def test_a_backends_own_numbers_are_kept() -> None:
    found = history.updates([summary("b", version=9), summary("a", version=7)])
    assert [each.number for each in found] == [9, 7]


def test_the_table_and_the_json_say_the_same() -> None:
    up = Record("up", "a" * 40, False, "main", "ada [admin]", policy="t: opens b.example")
    found = history.updates([summary(up.message())])
    shown = at_width(160, found)
    for part in ("ada [admin]", "2026-01-02 03:04:05", "2 update", "opens b.example", "aaaaaaaaa"):
        assert part in shown
    assert history.to_json(found) == [
        {
            "number": 1,
            "kind": "update",
            "time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).isoformat(),
            "result": "succeeded",
            "changes": {"update": 2},
            "commit": "a" * 40,
            "dirty": False,
            "who": "ada [admin]",
            "title": "up at aaaaaaaaaaaa",
            "policy": "t: opens b.example",
            "wanted": "",
            "warnings": "",
            "unrecorded": "",
            "rollbackOf": None,
            "template": None,
            "firewall": "",
        }
    ]


@pytest.mark.parametrize("result", ["failed", "in-progress"])
def test_what_an_update_wanted_that_did_not_succeed_is_not_said_to_be_so(result: str) -> None:
    up = Record("up", "a" * 40, False, policy="t: new, confined by 180 rules", firewall="incident")
    found = history.updates([summary(up.message(), result=result)])
    shown = at_width(160, found)
    assert "wanted: t: new, confined by 180 rules" in shown
    assert "policy:" not in shown
    assert "firewall off wanted: incident" in shown
    (data,) = history.to_json(found)
    assert (data["policy"], data["wanted"]) == ("", "t: new, confined by 180 rules")
    still = history.updates([summary(Record("up").message(), result=result)])
    assert "wanted" not in at_width(160, still)


def test_the_history_has_the_warnings_of_an_update() -> None:
    said = history.warning_line(["agents get more MCP tools", "1 alert is no longer watched"])
    assert said == "agents get more MCP tools; 1 alert is no longer watched"
    up = Record("up", "a" * 40, False, warnings=said)
    for result, words in (("succeeded", "warnings: agents"), ("failed", "warnings wanted: agents")):
        found = history.updates([summary(up.message(), result=result)])
        assert f"{words} get more MCP tools; 1 alert is no longer" in at_width(160, found)
        assert history.to_json(found)[0]["warnings"] == said


def at_width(columns: int, found: tuple[history.Update, ...]) -> str:
    console = Console(width=columns, record=True)
    console.print(history.table(found))
    return console.export_text()


def test_the_table_is_read_in_80_columns() -> None:
    policy = "firewalled: closes a.example.com, b.example.com and 3 more; open: FIREWALL REMOVED"
    back = Record(
        "rollback",
        "b" * 40,
        dirty=False,
        who="ada.lovelace@engineering.example.com",
        rollback_of=9,
        template="firewalled",
        policy=policy,
    )
    lines = at_width(80, history.updates([summary(back.message())])).splitlines()
    text = " ".join(" ".join(lines).split())
    for part in (back.who, back.title, policy, "resources: 2 update", "2026-01-02 03:04:05"):
        assert part in text, "nothing is cut, and no word is broken"
    assert len(lines) <= 7
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("title", [r"see \\srv\[/ops] runbook", "[red]up[/]", r"at \\[bold]x"])
def test_the_table_shows_a_title_as_it_is(title: str) -> None:
    shown = at_width(160, history.updates([summary(title)]))
    assert title in shown


def test_the_table_has_nothing_that_a_terminal_obeys() -> None:
    up = Record("up", "a" * 40, False, who="\x1b]0;ada")
    assert r"\x1b]0;ada" in at_width(160, history.updates([summary(up.message())]))


class Backend:
    """A stack whose history comes in pages, as the engine's does."""

    def __init__(self, count: int) -> None:
        self.all = [summary(f"update {count - place}") for place in range(count)]

    def history(self, page_size: int = 10, page: int = 1, show_secrets: bool = True) -> Any:
        assert not show_secrets
        return self.all[page_size * (page - 1) : page_size * page]


@pytest.mark.parametrize("count", [0, 1, 11, 100, 101, 250])
def test_every_update_is_listed_however_many_there_are(count: int) -> None:
    found = history.of(Backend(count))
    assert [each.title for each in found] == [f"update {each.number}" for each in found]
    assert [each.number for each in found] == list(range(count, 0, -1))
