"""Evidence of a part, of a run that was resumed, and of another release says so and can be read."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ops import stacks
from ops.verification import evidence
from ops.verification.catalogue import CATALOGUE, of
from ops.verification.command import chosen
from ops.verification.evidence import DATA, PAGE, EvidenceError
from ops.verification.left_out import LeftOut, left_out
from ops.verification.model import CheckGroup, Outcome
from tests.ops.verification.test_evidence import EVIDENCE, FAILED, PASSED, UNKNOWN, sum_up

FORMAT_1 = Path(__file__).parent / "evidence_1"
SETTINGS = stacks.settings("dev")
NAMES = [each.name for each in SETTINGS.templates]
CONFINED = [each.name for each in SETTINGS.templates if SETTINGS.firewall_of(each) is not None]


def test_a_part_says_what_was_left_out_and_ticks_no_control_that_rests_on_it() -> None:
    part = replace(
        EVIDENCE,
        left_out=LeftOut(
            ("mcp", "audit"), ("open",), ("jail.bind", "mcp.registered", "audit.denials")
        ),
        results=[PASSED, replace(PASSED, check="jail.gateway")],
    )
    page = part.to_markdown()
    assert "**not checked**: 2 of 2 checks that were asked for passed" in page
    assert "**A part was asked for. Left out: groups mcp, audit; template open.**" in page
    assert "| SC-7 | ⚪ | `jail.denied`; left out: `jail.bind` |" in page
    assert "| CM-6 | ⚪ | left out: `mcp.registered` |" in page
    # Of this one nothing was left out.
    assert "| AC-4 | ✅ | `jail.denied`, `jail.gateway` |" in page
    less = replace(part, left_out=LeftOut((), ("open",), ("jail.denied", "jail.gateway")))
    assert "| AC-4 | ⚪ | `jail.denied` in part, `jail.gateway` in part |" in less.to_markdown()
    failed = replace(part, results=[PASSED, FAILED])
    assert (
        "| SC-7 | ❌ | `jail.denied`, `jail.tcp`; left out: `jail.bind` |" in failed.to_markdown()
    )


def test_a_part_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    part = replace(
        EVIDENCE, left_out=LeftOut((), ("open",), ("jail.bind",)), resumed="2026-11-27T05:05:00Z"
    )
    evidence.write(part, tmp_path)
    assert evidence.check(tmp_path) == part


def test_what_a_choice_leaves_out() -> None:
    assert len(NAMES) > 1, "the choice of a template leaves one out"
    assert CONFINED
    every = frozenset(CheckGroup)
    assert not left_out(SETTINGS, every, NAMES)
    path = left_out(SETTINGS, {CheckGroup.PATH}, NAMES)
    assert {"preflight", "jail", "audit"} <= set(path.groups)
    assert {check.id for check in of(CheckGroup.JAIL)} <= set(path.checks)
    assert "path.built" not in path.checks
    assert not path.templates
    others = [name for name in NAMES if name != CONFINED[0]]
    one = left_out(SETTINGS, every, [CONFINED[0]])
    assert (one.groups, one.templates) == ((), tuple(others))
    assert {"path.built", "audit.coderd"} <= set(one.checks)
    # These are of the whole stack.
    assert not {"preflight.gitlab", "audit.role"} & set(one.checks)


def test_a_group_that_the_stack_has_nothing_for_is_not_left_out() -> None:
    bare = SETTINGS.model_copy(update={"mcp_servers": ()})
    groups = frozenset(CheckGroup) - {CheckGroup.MCP}
    assert not left_out(bare, groups, NAMES)
    assert not left_out(bare, chosen([]), NAMES)


def test_a_resumed_run_says_from_when_its_results_are() -> None:
    resumed = replace(
        EVIDENCE,
        resumed="2026-11-27T05:05:00Z",
        results=[PASSED, replace(PASSED, check="jail.tcp", at="2026-11-27T05:06:00Z")],
    )
    page = resumed.to_markdown()
    assert (
        "**The run was cut off and resumed at 2026-11-27T05:05:00Z: 1 of 2 results are of before, "
        "the oldest of 2026-11-27T05:02:00Z.**"
    ) in page
    assert "| 2026-11-27T05:06:00Z |" in page
    assert "resumed" not in EVIDENCE.to_markdown()


def test_evidence_of_the_first_format_is_read() -> None:
    found = evidence.check(FORMAT_1)
    assert found == replace(
        EVIDENCE,
        format=1,
        results=[replace(PASSED, at=""), FAILED, UNKNOWN],
        interrupted=True,
        stood_in={"audit.denials": "a process"},
        versions={"firewalled": {"version": "kind-otter", "id": "v-1", "policy": "b" * 64}},
        mcp_servers=None,
    )
    assert found.controls()["SC-7"].outcome is Outcome.FAILED


@pytest.mark.parametrize("release", ["first", "now"])
def test_evidence_of_a_release_with_other_checks_is_read(release: str, tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    if release == "first":
        shutil.copytree(FORMAT_1, folder)
    else:
        evidence.write(replace(EVIDENCE, results=[PASSED, FAILED, UNKNOWN]), folder)
    for name in (DATA, PAGE):
        text = (folder / name).read_text().replace("jail.tcp", "jail.tls")
        (folder / name).write_text(text.replace("what must be denied is denied", "it is denied"))
    sum_up(folder)
    found = evidence.check(folder)
    assert "jail.tls" in {result.check for result in found.results} - CATALOGUE.keys()
    assert found.controls()["SC-7(5)"].outcome is Outcome.FAILED


def test_a_folder_that_cannot_be_written_is_known_before(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "below", Path("/proc/none/below")):
        with pytest.raises(EvidenceError, match=f"{folder} cannot be written: "):
            evidence.look(folder)
    evidence.look(tmp_path / "new" / "folder")
    evidence.look(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
