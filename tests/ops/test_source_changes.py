"""What a report says of an edit to the files that templates are made of."""

import json
from typing import Any

import pytest

from ops import report
from ops.assessment import StackPreview
from ops.template_changes import Registered

WARNING = "the source of templates is edited: read its diff"
FILES = {"boundary.tf": "a", "main.tf": "b"}


def registered(files: dict[str, str], *names: str) -> dict[str, Registered]:
    outputs: dict[str, Any] = {"source": json.dumps(files)}
    return {name: Registered.of(outputs) for name in names or ("t",)}


def preview(old: dict[str, Registered], new: dict[str, Registered]) -> StackPreview:
    return StackPreview("dev", old_templates=old, new_templates=new)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({**FILES, "boundary.tf": "c"}, "edited `boundary.tf`"),
        ({**FILES, "door.sh": "c"}, "new `door.sh`"),
        ({"main.tf": "b"}, "gone `boundary.tf`"),
        ({"main.tf": "c", "door.tf": "d"}, "edited `main.tf`; new `door.tf`; gone `boundary.tf`"),
    ],
)
def test_what_is_edited_is_in_the_headline_and_named_once_for_all_templates(
    files: dict[str, str], said: str
) -> None:
    found = preview(registered(FILES, "a", "b"), registered(files, "a", "b"))
    text = report.to_markdown([found])
    assert WARNING in text.splitlines()[0]
    assert text.count(said) == 1
    assert (
        "#### What holds an agent beside the rules\n\n"
        "- ⚠️ `a`, `b`: source in `components/workspace_template/terraform` "
    ) in text
    data = report.to_json([found])["stacks"][0]
    assert data["warnings"] == [WARNING]
    assert data["templateSource"][0]["templates"] == ("a", "b")


def test_the_same_files_a_new_template_and_an_unknown_source_say_nothing() -> None:
    unknown = {"t": Registered.of({})}
    same = registered(FILES)
    for old, new in ((same, same), ({}, same), (unknown, same), (same, unknown)):
        assert WARNING not in report.to_markdown([preview(old, new)])
