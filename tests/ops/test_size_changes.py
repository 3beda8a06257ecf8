"""What a report says of the sizes that owners of workspaces choose from."""

import json
from typing import Any

import pytest

from components.workspace_template.values import SizeChoice, Sizes
from ops import report
from ops.assessment import StackPreview
from ops.changes import Step
from ops.headline import headline
from ops.template_changes import Registered
from ops.tokens import TEMPLATE

STUCK = "workspaces whose home disk has a size that goes cannot be updated"
CHOOSE = "workspaces of a size that goes start only once their owners choose another"
NOW = Sizes()


def registered(sizes: Sizes | None) -> Registered:
    return Registered.of({"sizes": json.dumps(sizes.options())} if sizes else {})


def told(old: Sizes | None, new: Sizes | None) -> tuple[str, list[str], list[Any]]:
    """The headline, the lines below the template, and the same as data."""
    before, after = ({"name": "t", "versions": [{"name": name}]} for name in "ab")
    step = Step("update", f"urn:pulumi:dev::p::{TEMPLATE}::t", TEMPLATE, before, after)
    found = StackPreview(
        "dev",
        steps=(step,),
        old_templates={"t": registered(old)},
        new_templates={"t": registered(new)},
    )
    section = report.to_markdown([found]).partition("#### Templates\n\n")[2].partition("\n\n")[0]
    first, *lines = section.splitlines()
    assert first == "- `t`: a new version"
    stack = report.to_json([found])["stacks"][0]
    return headline([found]), lines, stack["sizes"].get("t", [])


@pytest.mark.parametrize(
    ("new", "warnings", "lines"),
    [
        (
            Sizes(disk_size=SizeChoice((20, 50), 20)),
            [STUCK],
            [
                "  - ⚠️ GB of home disk to choose from: 10, 20, 50 → 20, 50; workspaces with `10` "
                "**cannot be updated**, nor start where the active version is required: put it "
                "back, or have their owners make others"
            ],
        ),
        (
            Sizes(memory=SizeChoice((8, 32), 8)),
            [CHOOSE],
            [
                "  - ⚠️ GB of memory to choose from: 4, 8, 16 → 8, 32; workspaces with `4, 16` "
                "start by the new version only once their owners **choose another**"
            ],
        ),
        (
            Sizes(cpu=SizeChoice((2, 4, 8, 16), 4)),
            [],
            ["  - cores to choose from: 2, 4, 8 → 2, 4, 8, 16"],
        ),
        # In another order, and with another one chosen at first.
        (Sizes(cpu=SizeChoice((8, 4, 2), 2)), [], []),
        (NOW, [], []),
    ],
)
def test_a_size_that_goes_is_warned_of(new: Sizes, warnings: list[str], lines: list[str]) -> None:
    head, found, data = told(NOW, new)
    assert found == lines
    assert head.startswith(f"⚠️ {'; '.join(warnings)}" if warnings else "changes; ")
    assert [each["warning"] for each in data if each["warning"]] == warnings


def test_a_home_disk_that_goes_is_told_before_what_can_be_chosen_anew() -> None:
    less = Sizes(SizeChoice((4,), 4), disk_size=SizeChoice((20,), 20))
    assert told(NOW, less)[0] == f"⚠️ {STUCK}; {CHOOSE}"


@pytest.mark.parametrize(("old", "new"), [(None, NOW), (NOW, None)])
def test_what_one_side_does_not_record_is_no_change(old: Sizes | None, new: Sizes | None) -> None:
    assert told(old, new)[1:] == ([], [])
