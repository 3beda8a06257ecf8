"""Evidence is whole or says so, and says what it proves and no more."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from ops.verification import evidence
from ops.verification.evidence import DATA, PAGE, SUMS, Evidence, EvidenceError
from ops.verification.left_out import LeftOut
from ops.verification.model import Exchange, Outcome, Result

PASSED = Result(
    "jail.denied",
    "firewalled",
    Outcome.PASSED,
    "3 requests denied",
    seconds=1.5,
    at="2026-11-27T05:02:00Z",
    exchanges=(Exchange("inside: GET https://example.com/", "denied | (403) <b>\n```"),),
)
FAILED = Result("jail.tcp", "firewalled", Outcome.FAILED, "port 22 is open", "close it")
FAULT = Result("jail.target", "firewalled", Outcome.KNOWN_FAULT, "Boundary judges", "see")
UNKNOWN = Result("audit.denials", "", Outcome.NOT_CHECKED, "no address of Loki", "set it")
LEFT_OUT = LeftOut(("mcp",), ("open",), ("jail.denied", "mcp.registered"))
EVIDENCE = Evidence(
    stack="dev",
    began="2026-11-27T05:00:00Z",
    ended="2026-11-27T05:10:00Z",
    who="dana",
    commit="a" * 40,
    dirty=False,
    interrupted=False,
    coder={"URL": "https://dev.coder.com", "release": "v2.37.0", "user": "dana"},
    versions={
        "firewalled": {
            "version": "kind-otter",
            "id": "v-1",
            "policy": "b" * 64,
            "agents_allowed": "false",
        }
    },
    tools={"Python": "3.13.1"},
    mcp_servers={
        "github": {
            "url": "https://mcp.example.com/",
            "tools": "get_me, search",
            "auth_type": "api_key",
        }
    },
    results=[PASSED],
)


@pytest.fixture
def made() -> Evidence:
    return EVIDENCE


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, Outcome.PASSED),
        ({"results": [PASSED, FAILED, UNKNOWN]}, Outcome.FAILED),
        ({"results": [PASSED, UNKNOWN]}, Outcome.NOT_CHECKED),
        ({"results": [PASSED, FAULT]}, Outcome.KNOWN_FAULT),
        ({"results": [PASSED, FAULT, UNKNOWN]}, Outcome.NOT_CHECKED),
        ({"results": []}, Outcome.NOT_CHECKED),
        ({"interrupted": True}, Outcome.NOT_CHECKED),
        ({"stood_in": {"jail.udp": "a process"}}, Outcome.NOT_CHECKED),
        ({"left_out": LEFT_OUT}, Outcome.NOT_CHECKED),
        ({"left_out": LEFT_OUT, "results": [PASSED, FAILED]}, Outcome.FAILED),
        ({"resumed": "2026-11-27T05:05:00Z"}, Outcome.PASSED),
    ],
)
def test_what_it_comes_to(
    made: Evidence, tmp_path: Path, change: dict[str, object], outcome: Outcome
) -> None:
    changed = replace(made, **change)  # type: ignore[arg-type]
    evidence.write(changed, tmp_path / "e")
    assert evidence.check(tmp_path / "e").outcome is outcome
    assert json.loads((tmp_path / "e" / DATA).read_text())["outcome"] == outcome
    assert f"**{outcome}**" in (tmp_path / "e" / PAGE).read_text()


def test_it_is_read_back_as_it_was_written(made: Evidence, tmp_path: Path) -> None:
    every = replace(made, results=[PASSED, FAILED, UNKNOWN])
    assert evidence.write(every, tmp_path / "e") == tmp_path / "e" / SUMS
    assert evidence.check(tmp_path / "e") == every


def test_the_page_says_everything(made: Evidence) -> None:
    every = replace(made, results=[PASSED, FAILED], interrupted=True, dirty=True,
                    stood_in={"jail.udp": "a process"})  # fmt: skip
    page = every.to_markdown()
    for text in (
        "1 of 2 checks passed",
        "No evidence of a deployment",
        "The run was interrupted",
        "with uncommitted changes",
        "| firewalled | kind-otter | " + "b" * 64 + " | false |",
        "| github | https://mcp.example.com/ | get_me, search | api_key |",
        "| firewalled | 3 requests denied | 2026-11-27T05:02:00Z |",
        "| SC-7(5) | ❌ | `jail.denied`, `jail.tcp` |",
        "port 22 is open; next: close it",
    ):
        assert text in page
    # What a server answers breaks neither a table nor a block out of its place.
    assert page.count("```") == 2
    assert "    denied | (403) <b> '''" in page


def test_controls_are_those_of_the_checks(made: Evidence) -> None:
    controls = json.loads(replace(made, results=[PASSED, UNKNOWN]).to_json())["controls"]
    assert list(controls) == ["AC-4", "AU-2", "AU-3", "AU-12", "SC-7", "SC-7(5)"]
    assert controls["AC-4"] == {"outcome": "passed", "checks": ["jail.denied"], "left_out": []}
    assert controls["AU-12"] == {
        "outcome": "not checked",
        "checks": ["audit.denials"],
        "left_out": [],
    }


def change_data(folder: Path) -> None:
    text = (folder / DATA).read_text()
    (folder / DATA).write_text(text.replace('"failed"', '"passed"'))


def change_page(folder: Path) -> None:
    (folder / PAGE).write_text((folder / PAGE).read_text().replace("❌", "✅"))


def change_page_and_its_sum(folder: Path) -> None:
    change_page(folder)
    sum_up(folder)


def change_what_it_comes_to(folder: Path) -> None:
    text = (folder / DATA).read_text()
    (folder / DATA).write_text(
        text.replace('"outcome": "failed",\n  "c', '"outcome": "passed",\n  "c')
    )
    sum_up(folder)


def name_another_check(folder: Path) -> None:
    text = (folder / DATA).read_text()
    (folder / DATA).write_text(text.replace('"check": "jail.tcp"', '"check": "no.such"'))
    sum_up(folder)


def break_utf_8(name: str, folder: Path) -> None:
    with (folder / name).open("ab") as file:
        file.write(b"\xff")
    if name != SUMS:
        sum_up(folder)


def sum_up(folder: Path) -> None:
    sums = [f"{evidence._digest(folder / name)}  {name}\n" for name in (DATA, PAGE)]
    (folder / SUMS).write_text("".join(sums))


def leave_the_data_out(folder: Path) -> None:
    lines = (folder / SUMS).read_text().splitlines(keepends=True)
    (folder / SUMS).write_text("".join(line for line in lines if DATA not in line))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_data, f"{DATA} was changed: its sha256 is "),
        (change_page, f"{PAGE} was changed: its sha256 is "),
        (change_page_and_its_sum, f"{PAGE} does not say what {DATA} says"),
        (lambda folder: (folder / DATA).unlink(), f"{DATA} is missing"),
        (lambda folder: (folder / PAGE).unlink(), f"{PAGE} is missing"),
        (lambda folder: (folder / SUMS).unlink(), f"has no {SUMS}"),
        (lambda folder: (folder / SUMS).write_text(""), f"{SUMS} names nothing"),
        (leave_the_data_out, f"{SUMS} names {PAGE}"),
        (change_what_it_comes_to, f"{DATA} does not say what its results come to"),
        (name_another_check, f"{DATA} does not say what the check 'no.such' is"),
        (partial(break_utf_8, SUMS), f"{SUMS} is no text in UTF-8"),
        (partial(break_utf_8, DATA), f"{DATA} is no text in UTF-8"),
        (partial(break_utf_8, PAGE), f"{PAGE} is no text in UTF-8"),
    ],
)
def test_evidence_that_is_not_whole(
    made: Evidence, tmp_path: Path, change: Callable[[Path], object], message: str
) -> None:
    evidence.write(replace(made, results=[PASSED, FAILED]), tmp_path)
    evidence.check(tmp_path)
    change(tmp_path)
    with pytest.raises(EvidenceError) as caught:
        evidence.check(tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no evidence: JSONDecodeError"),
        ("[]", "is no evidence: TypeError"),
        ('{"format": 1}', "is no evidence: KeyError"),
        ('{"format": 2, "checks": {}, "controls": {}}', "is no evidence: KeyError"),
        ('{"format": 1, "checks": [], "controls": []}', "is no evidence: AttributeError"),
        ("[" * 100_000, "is no evidence: RecursionError"),
        (EVIDENCE.to_json().replace('"dana"', "5", 1), "is no evidence: ValidationError"),
        (EVIDENCE.to_json().replace('"SC-7"', '"SC"'), "is no evidence: ValueError"),
        ('{"format": 7}', "has format 7, not 1 or 2"),
    ],
)
def test_what_is_no_evidence(text: str, message: str) -> None:
    with pytest.raises(EvidenceError, match=message):
        evidence.from_json(text)


def test_a_writing_that_was_cut_off_leaves_no_evidence(
    made: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text = Path.write_text

    def full(path: Path, *arguments: object, **options: object) -> int:
        if path.name == PAGE:
            raise OSError(28, "No space left on device")
        return write_text(path, *arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(EvidenceError, match="cannot be written: No space left on device"):
            evidence.write(made, tmp_path)
    with pytest.raises(EvidenceError, match=f"no {SUMS}"):
        evidence.check(tmp_path)
    evidence.write(made, tmp_path)
    assert evidence.check(tmp_path) == made


def test_evidence_is_not_written_over(made: Evidence, tmp_path: Path) -> None:
    evidence.write(made, tmp_path)
    with pytest.raises(EvidenceError, match="name another folder"):
        evidence.write(replace(made, results=[FAILED]), tmp_path)
    assert evidence.check(tmp_path) == made
