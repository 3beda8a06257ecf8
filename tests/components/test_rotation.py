import json
from typing import Any

import pulumi
from hypothesis import given, settings
from hypothesis import strategies as st

from components.rotation import fingerprint, rotation_token, rotation_version
from tests.characters import CHARACTERS
from tests.components.recording import record

SECRET_MARK = "4dabf18193072939515e22adb298388d"
KEY = "key-of-the-test"


class Owner(pulumi.ComponentResource):
    def __init__(self) -> None:
        super().__init__("test:index:Owner", "owner")


def test_values_are_random_and_kept_by_a_secret_fingerprint() -> None:
    def program() -> dict[str, pulumi.Output[Any]]:
        owner = Owner()
        return {
            "token": rotation_token("token", {"a": KEY}, parent=owner),
            "version": rotation_version("version", {"a": KEY}, parent=owner),
        }

    recorder, outputs = record(
        program,
        {
            "random:index/randomId:RandomId": {"hex": "cafe"},
            "random:index/randomInteger:RandomInteger": {"result": 42},
        },
    )
    assert outputs == {"token": "cafe", "version": 42}
    (integer,) = recorder.of("RandomInteger")
    assert (integer["min"], integer["max"]) == (1, 2147483647)
    for kind in ("RandomId", "RandomInteger"):
        (made,) = recorder.of(kind)
        assert SECRET_MARK in made["keepers"]
    assert KEY not in json.dumps([args.inputs for args in recorder.registered])


def test_the_same_secret_in_two_places_has_two_fingerprints() -> None:
    assert fingerprint("a", {"k": KEY}) != fingerprint("b", {"k": KEY})


def test_fingerprint_does_not_depend_on_order() -> None:
    assert fingerprint("a", {"x": "1", "y": "2"}) == fingerprint("a", {"y": "2", "x": "1"})


secrets = st.dictionaries(
    st.text(CHARACTERS, max_size=3), st.text(CHARACTERS, max_size=3), max_size=2
)


@settings(max_examples=20, deadline=None)
@given(secrets, secrets)
def test_fingerprints_differ_exactly_when_secrets_do(
    one: dict[str, str], two: dict[str, str]
) -> None:
    assert (fingerprint("a", one) == fingerprint("a", two)) == (one == two)
