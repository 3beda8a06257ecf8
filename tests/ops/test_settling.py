import json
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
