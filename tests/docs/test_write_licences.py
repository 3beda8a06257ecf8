"""Every dependency is listed with its licence, and each licence is one that is accepted."""

from pathlib import Path

import pytest

from docs import dependencies, write_licences
from docs.dependencies import Dependency
from toolchain import tools


@pytest.fixture(scope="module")
def found() -> list[Dependency]:
    return dependencies.dependencies()


def test_the_committed_page_is_what_there_is(found: list[Dependency]) -> None:
    said = write_licences.PAGE.read_text(encoding="utf-8")
    assert said == write_licences.page(found), "make licences"


def test_every_licence_is_allowed(found: list[Dependency]) -> None:
    assert [each for each in found if not each.allowed] == []


def test_everything_that_is_asked_for_is_listed(found: list[Dependency]) -> None:
    names = {(each.kind, each.name) for each in found}
    assert {("Python", "pulumi"), ("Python", "grpcio"), ("Go", "k8s.io/kubernetes")} <= names
    assert ("npm", "gitlab-ci-local") in names
    users = {user for each in found for user in each.users}
    # These have no module but the standard library's.
    assert users >= set(tools.TOOLS) - {"neturl", "goregexp"}


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 AND MIT", True),
        ("AGPL-3.0-only", False),
        ("AGPL-3.0", False),
        ("MIT AND AGPL-3.0-or-later", False),
        ("GPL-3.0-only OR MIT", True),
        ("unknown", False),
        ("", False),
        ("Proprietary licence", False),
    ],
)
def test_what_is_allowed(licence: str, allowed: bool) -> None:
    assert Dependency("Go", "a", "1", licence).allowed is allowed


def test_a_licence_is_recognised_by_its_text_and_another_text_is_not(tmp_path: Path) -> None:
    other = tmp_path / "LICENSE"
    other.write_text("Do as you like.\n")
    mine = tools.ROOT / "LICENSE"
    assert dependencies.recognise([mine, other]) == {mine: ["Apache-2.0"], other: []}
