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


@pytest.mark.parametrize(
    ("planned", "same"),
    [
        ({"spec": {"a": 1}, "metadata": {"resourceVersion": "9", "generation": 2}}, True),
        ({"spec": {"a": 1}, "metadata": {}, "status": {"ready": 0}, "__fieldManager": "x"}, True),
        ({"spec": {"a": 2}, "metadata": {}}, False),
        ({"spec": {"a": 1}, "metadata": {"annotations": {"b": "c"}}}, False),
    ],
)
def test_what_the_api_server_counts_is_no_change(planned: dict[str, Any], same: bool) -> None:
    live = {"spec": {"a": 1}, "metadata": {"resourceVersion": "8", "generation": 1}, "status": {}}
    assert settling.unchanged(live, planned) is same
    assert not settling.unchanged(None, planned)
