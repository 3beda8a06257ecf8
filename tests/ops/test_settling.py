import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ops import settling
from ops.existing import Version


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
    differences = settling.differences(given(rendered), version(**running), rendered.parent)
    assert differences == found


def test_a_value_at_its_default_differs_from_another_that_the_program_gives(
    rendered: Path,
) -> None:
    wanted = given(rendered, firewall="false")
    assert settling.differences(wanted, version(), rendered.parent) == ["variable firewall"]


def test_a_random_id_of_bytes_has_every_form_that_pulumi_random_gives() -> None:
    assert settling.random_id(b"\xfb\xff\x00\x01") == {
        "b64Std": "+/8AAQ==",
        "b64Url": "-_8AAQ",
        "dec": "4227792897",
        "hex": "fbff0001",
    }


def test_coders_provider_finds_the_version_in_its_own_record() -> None:
    """The form is that of setPrivateState in Coder's provider, and of updateMeta in the bridge."""
    private = base64.b64encode(b'{"other":"eA=="}').decode()
    outputs = {
        "__meta": json.dumps({"schema_version": "2", "private_state": private}),
        "__pulumi_raw_state_delta": {"obj": {}},
        "versions": [],
    }
    adopted = {
        "id": "00000000-0000-0000-0000-000000000001",
        "name": "v1",
        "directoryHash": "abc",
        "tfVars": [{"name": "image", "value": "base:1"}],
    }
    settling._remember(outputs, adopted)
    meta = json.loads(outputs["__meta"])
    assert meta["schema_version"] == "2"
    kept = json.loads(base64.b64decode(meta["private_state"]))
    assert kept["other"] == "eA=="
    assert json.loads(base64.b64decode(kept["last_versions"])) == {
        "abc": [{"id": adopted["id"], "name": "v1", "tf_vars": {"image": "base:1"}, "active": True}]
    }
    assert "__pulumi_raw_state_delta" not in outputs


def test_nothing_is_written_for_a_provider_without_such_a_record() -> None:
    outputs: dict[str, Any] = {"versions": []}
    settling._remember(outputs, {"id": "1", "name": "v1"})
    assert outputs == {"versions": []}


PATCH: dict[str, Any] = {
    "metadata": {"name": "coder", "annotations": {"pulumi.com/skipAwait": "true"}},
    "spec": {
        "template": {
            "metadata": {"annotations": {"firewalled-coder/variables": "cafe"}},
            "spec": {"containers": [{"name": "coder", "envFrom": [{"secretRef": {"name": "s"}}]}]},
        }
    },
}


def live(token: str = "cafe", **coder: Any) -> dict[str, Any]:
    container = {"name": "coder", "env": [], "envFrom": [{"secretRef": {"name": "s"}}], **coder}
    return {
        "metadata": {
            "name": "coder",
            "generation": 3,
            "annotations": {"pulumi.com/skipAwait": "true", "mine": "1"},
        },
        "spec": {
            "replicas": 1,
            "template": {
                "metadata": {"annotations": {"firewalled-coder/variables": token}},
                "spec": {"containers": [{"name": "proxy"}, container]},
            },
        },
    }


@pytest.mark.parametrize(
    ("there", "same"),
    [
        (live(), True),
        (live(token="beef"), False),
        (live(envFrom=[]), False),
        (live(envFrom=[{"secretRef": {"name": "s"}}, {"secretRef": {"name": "t"}}]), False),
        (live(name="coderd"), False),
        ({"metadata": {}}, False),
        (None, False),
    ],
)
def test_a_patch_that_changes_no_field(there: Any, same: bool) -> None:
    assert settling.holds(there, PATCH) is same


def test_a_value_that_is_not_known_yet_is_a_change() -> None:
    unknown = json.loads(json.dumps(PATCH).replace("cafe", "04da6b54-80e4-46f7-96ec-b56ff0331ba9"))
    assert not settling.holds(live(), unknown)
