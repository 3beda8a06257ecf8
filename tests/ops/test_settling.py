import json
from types import SimpleNamespace
from typing import Any

import pytest

from ops import settling


def test_a_random_id_of_bytes_has_every_form_that_pulumi_random_gives() -> None:
    assert settling.random_id(b"\xfb\xff\x00\x01") == {
        "b64Std": "+/8AAQ==",
        "b64Url": "-_8AAQ",
        "dec": "4227792897",
        "hex": "fbff0001",
    }


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


def managed(*names_and_times: tuple[str, str]) -> dict[str, Any]:
    return {
        "metadata": {
            "managedFields": [
                {"manager": name, "time": time, "operation": "Apply"}
                for name, time in names_and_times
            ]
        }
    }


@pytest.mark.parametrize(
    ("recorded", "live", "name"),
    [
        # Made up by an import, while a state that is lost has applied it.
        ("pulumi-kubernetes-new", managed(("pulumi-kubernetes-old", "1")), "pulumi-kubernetes-old"),
        (
            "pulumi-kubernetes-new",
            managed(("pulumi-kubernetes-b", "2"), ("pulumi-kubernetes-a", "3")),
            "pulumi-kubernetes-a",
        ),
        # Known already, whoever came later.
        (
            "pulumi-kubernetes-a",
            managed(("pulumi-kubernetes-a", "1"), ("pulumi-kubernetes-b", "2")),
            "pulumi-kubernetes-a",
        ),
        ("pulumi-kubernetes-new", managed(("helm", "1")), "pulumi-kubernetes-new"),
        ("pulumi-kubernetes-new", {"metadata": {}}, "pulumi-kubernetes-new"),
    ],
)
def test_an_imported_object_goes_on_under_the_name_that_owns_it(
    recorded: str, live: dict[str, Any], name: str
) -> None:
    thing: dict[str, Any] = {"outputs": {**live, "__fieldManager": recorded}}
    component: dict[str, Any] = {"type": "firewalled-coder:index:Dashboards"}
    state: Any = SimpleNamespace(resources={"a": thing, "b": component})
    settling.owners(state)
    assert thing["outputs"]["__fieldManager"] == name
    assert component == {"type": "firewalled-coder:index:Dashboards"}
