"""What of a template that is there is written into a state."""

import base64
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.adoption import templates
from ops.existing import Version
from ops.state import StackState
from tests.ops.states import state_of

COMPONENT = "urn:pulumi:dev::p::firewalledcoder:index:WorkspaceTemplate::firewalled"
URN = f"{COMPONENT}$coderd:index/template:Template::firewalled-template"
PET = {
    "urn": f"{COMPONENT}$random::firewalled-version",
    "type": templates.PET,
    "parent": COMPONENT,
    "id": "2ed3863c-made-anew",
    "outputs": {"id": "2ed3863c-made-anew"},
}


def version(**changes: Any) -> Version:
    return Version(
        **{
            "id": "00000000-0000-0000-0000-000000000001",
            "name": "v1",
            "message": "first",
            "files": {"main.tf": b"a", "deep/data.json": b"{}"},
            "variables": {"image": "base:1", "firewall": "true"},
            "defaults": {"image": "", "firewall": "true"},
            "tags": {},
            **changes,
        }
    )


def given(directory: Path, **variables: str) -> dict[str, Any]:
    found = {"image": "base:1", **variables}
    return {
        "directory": directory.name,
        "tfVars": [{"name": name, "value": value} for name, value in found.items()],
    }


@pytest.fixture
def rendered(tmp_path: Path) -> Path:
    place = tmp_path / "rendered"
    (place / "deep").mkdir(parents=True)
    (place / "main.tf").write_text("a")
    (place / "deep" / "data.json").write_text("{}")
    return place


@pytest.mark.parametrize(
    ("running", "found"),
    [
        ({}, []),
        ({"files": {"main.tf": b"b", "deep/data.json": b"{}"}}, ["main.tf"]),
        ({"files": {"main.tf": b"a"}}, ["deep/data.json"]),
        ({"files": {}}, ["deep/data.json", "main.tf"]),
        ({"variables": {"image": "base:2", "firewall": "true"}}, ["variable image"]),
        # One that the program leaves at its default, and one that coderd does not tell.
        ({"variables": {"image": "base:1", "firewall": "false"}}, ["variable firewall"]),
        ({"variables": {"firewall": "true"}}, ["variable image"]),
        ({"tags": {"zone": "eu"}}, ["provisioner tags"]),
    ],
)
def test_a_running_version_is_compared_in_all_that_makes_it_another(
    rendered: Path, running: dict[str, Any], found: list[str]
) -> None:
    differences = templates.differences(given(rendered), version(**running), rendered.parent)
    assert differences == found


def test_a_value_at_its_default_differs_from_another_that_the_program_gives(
    rendered: Path,
) -> None:
    wanted = given(rendered, firewall="false")
    assert templates.differences(wanted, version(), rendered.parent) == ["variable firewall"]


def test_the_files_that_coderd_does_not_give_are_a_difference(rendered: Path) -> None:
    found = templates.differences(given(rendered), version(files=None), rendered.parent)
    assert found == ["its files, which coderd does not give"]


def take(rendered: Path, running: Version, **inputs: Any) -> tuple[StackState, templates.Taken]:
    """Take a template over that the program renders into a folder."""
    known = state_of({**PET, "outputs": dict(PET["outputs"])})
    declared = templates.Declared(
        {
            "urn": URN,
            "type": "coderd:index/template:Template",
            "parent": COMPONENT,
            "provider": "urn:coder::1",
            "inputs": {"name": "firewalled", "versions": [given(rendered)], **inputs},
        },
        {"versions": [{"directoryHash": "abc"}]},
    )
    template = {"id": "t", "name": "firewalled", "organization_id": "o"}
    live = templates.Live(template, running, inputs.get("acl", {}))
    return known, templates.take(known, declared, live, rendered.parent)


def test_a_version_with_the_stacks_content_is_in_the_providers_own_record(rendered: Path) -> None:
    """The form is that of setPrivateState in Coder's provider, and of updateMeta in the bridge."""
    known, taken = take(rendered, version())
    resource = known.resources[URN]
    assert (
        resource["outputs"]["versions"][0].items()
        >= {
            "id": version().id,
            "name": "v1",
            "message": "first",
            "directoryHash": "abc",
            "active": True,
        }.items()
    )
    assert resource["inputs"]["versions"][0]["name"] == "v1"
    private = json.loads(
        base64.b64decode(json.loads(resource["outputs"]["__meta"])["private_state"])
    )
    assert json.loads(base64.b64decode(private["last_versions"])) == {
        "abc": [{"id": version().id, "name": "v1", "tf_vars": {"image": "base:1"}, "active": True}]
    }
    pet = known.resources[PET["urn"]]
    assert (pet["id"], pet["outputs"]["id"]) == ("v1", "v1")
    assert taken.said == "template firewalled: its version v1 has the stack's content and stays"
    step = SimpleNamespace(outputs={"versions": [{"id": version().id}]})
    assert taken.known_again({URN: step})  # type: ignore[dict-item]
    assert not taken.known_again({URN: SimpleNamespace(outputs={"versions": [{"id": "?"}]})})  # type: ignore[dict-item]


def test_a_version_with_another_content_is_in_the_state_as_it_is(rendered: Path) -> None:
    running = version(variables={"image": "base:2", "firewall": "true"}, tags={"zone": "eu"})
    known, taken = take(rendered, running, acl={"groups": [], "users": []})
    resource = known.resources[URN]
    assert "__meta" not in resource["outputs"]
    assert resource["outputs"]["acl"] == {"groups": [], "users": []}
    there = resource["outputs"]["versions"][0]
    assert there["directoryHash"] == ""
    assert there["tfVars"] == [{"name": "image", "value": "base:2"}]
    assert there["provisionerTags"] == [{"name": "zone", "value": "eu"}]
    assert known.resources[PET["urn"]]["id"] == PET["id"]
    assert taken.said == (
        "template firewalled: its version v1 differs in variable image, provisioner tags; up "
        "brings one of the stack's own"
    )
