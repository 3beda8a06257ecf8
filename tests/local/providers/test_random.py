"""The package random on the real engine."""

import base64
import re
import uuid
from typing import Any

import bcrypt
import pulumi
import pulumi_random as random
import pytest
from pulumi import automation

from local.providers.base import Call, ProviderError
from local.providers.random import RandomProvider
from local.providers.wire import UNKNOWN, Secret, plain
from tests.local.providers.conftest import Bench


def _call(kind: str, **more: Any) -> Call:
    token = f"random:index/random{kind}:Random{kind}"
    return Call(urn=f"urn:pulumi:s::p::{token}::n", type=token, name="n", **more)


@pytest.fixture
def provider(tmp_path: Any) -> RandomProvider:
    return RandomProvider(tmp_path)


def test_values_are_kept_until_a_keeper_changes(bench: Bench) -> None:
    def program(keeper: str = "1") -> None:
        password = random.RandomPassword(
            "password", length=24, min_numeric=3, min_special=2, keepers={"k": keeper}
        )
        pulumi.export("password", password.result)
        pulumi.export("bcrypt", password.bcrypt_hash)
        pulumi.export("string", random.RandomString("string", length=12, special=False).result)
        identity = random.RandomId("id", byte_length=4, prefix="x-")
        pulumi.export("hex", identity.hex)
        pulumi.export("dec", identity.dec)
        pulumi.export("pet", random.RandomPet("pet", length=3, prefix="coder").id)
        pulumi.export("integer", random.RandomInteger("integer", min=5, max=7).result)
        pulumi.export("uuid", random.RandomUuid("uuid").result)
        pulumi.export(
            "shuffle", random.RandomShuffle("shuffle", inputs=["a", "b"], result_count=3).results
        )

    stack = bench.stack(program)
    made = stack.up()
    assert made.summary.resource_changes == {"create": 8}
    first = made.outputs
    assert first["password"].secret
    assert first["bcrypt"].secret
    assert not first["string"].secret
    password = first["password"].value
    assert len(password) == 24
    assert sum(character.isdigit() for character in password) >= 3
    assert bcrypt.checkpw(password.encode(), first["bcrypt"].value.encode())
    assert re.fullmatch(r"[A-Za-z0-9]{12}", first["string"].value)
    assert int(first["hex"].value.removeprefix("x-"), 16) == int(first["dec"].value[2:])
    assert re.fullmatch(r"coder(-[a-z]+){3}", first["pet"].value)
    assert first["integer"].value in (5, 6, 7)
    assert uuid.UUID(first["uuid"].value).version == 4
    assert set(first["shuffle"].value[:2]) == {"a", "b"}
    assert len(first["shuffle"].value) == 3
    for hidden in ("password", "bcrypt"):
        assert first[hidden].value not in bench.state()

    # Read back first.
    assert stack.up(refresh=True).summary.resource_changes == {"same": 8}

    stack = bench.stack(lambda: program("2"))
    preview = stack.preview()
    assert preview.change_summary == {"replace": 1, "same": 7}
    second = stack.up().outputs
    assert second["password"].value != password
    changed = {"password", "bcrypt"}
    assert all(second[name].value == first[name].value for name in first if name not in changed)
    assert set(stack.destroy().summary.resource_changes or {}) == {"delete"}


def test_wrong_inputs_fail_the_preview_with_a_sentence(bench: Bench) -> None:
    stack = bench.stack(lambda: random.RandomPassword("p", length=3, min_upper=2, min_lower=2))
    with pytest.raises(automation.CommandError) as failure:
        stack.preview()
    text = str(failure.value)
    assert "must be at least the sum of minUpper, minLower, minNumeric, minSpecial, 4" in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("kind", "inputs", "failures"),
    [
        ("Password", {"length": 0}, [("length", "must be at least 1, but is 0")]),
        ("Password", {}, [("length", "is required")]),
        ("Password", {"length": 9, "size": 1}, [("size", "RandomPassword has no input size")]),
        ("String", {"length": "long"}, [("length", "must be a whole number")]),
        ("String", {"length": 4, "special": 3}, [("special", "must be a boolean")]),
        ("Integer", {"min": 3, "max": 2}, [("min", "must not be above max: min is 3, max is 2")]),
        ("Id", {"byteLength": 0}, [("byteLength", "must be at least 1, but is 0")]),
        ("Pet", {"length": 0}, [("length", "must be at least 1, but is 0")]),
        ("Shuffle", {"inputs": "a"}, [("inputs", "must be a list")]),
        (
            "String",
            {"length": 4, "special": False, "upper": False, "lower": False, "numeric": False},
            [("length", "at least one of special, upper, lower, numeric must be true")],
        ),
        ("Password", {"length": UNKNOWN, "minUpper": 3}, []),
        ("Password", {"length": "16"}, []),
    ],
)
def test_checks(
    provider: RandomProvider,
    kind: str,
    inputs: dict[str, Any],
    failures: list[tuple[str, str]],
) -> None:
    assert list(provider.check(_call(kind), {}, inputs).failures) == failures


def test_unknown_inputs_make_unknown_outputs(provider: RandomProvider) -> None:
    made = provider.create(_call("Password", preview=True), {"length": UNKNOWN})
    assert made.id == ""
    assert made.state["result"] is UNKNOWN


def test_secret_keepers_stay_secret(provider: RandomProvider) -> None:
    made = provider.create(_call("String"), {"length": 4, "keepers": Secret({"k": "v"})})
    assert made.state["keepers"] == Secret({"k": "v"})


def test_a_seed_repeats_the_result(provider: RandomProvider) -> None:
    inputs = {"min": 1, "max": 10**9, "seed": "s"}
    first, second = (provider.create(_call("Integer"), inputs).state for _ in range(2))
    assert first["result"] == second["result"]


@pytest.mark.parametrize("override", ["_", "!?"])
def test_override_special_and_minimum(provider: RandomProvider, override: str) -> None:
    inputs = {"length": 6, "minSpecial": 6, "overrideSpecial": override}
    result = plain(provider.create(_call("Password"), inputs).state["result"])
    assert len(result) == 6
    assert set(result) <= set(override)


def test_number_is_the_older_name_of_numeric(provider: RandomProvider) -> None:
    inputs = {"length": 40, "number": False}
    result = plain(provider.create(_call("String"), inputs).state["result"])
    assert not any(character.isdigit() for character in result)


def test_uuid7_holds_its_version(provider: RandomProvider) -> None:
    made = provider.create(_call("Uuid7"), {})
    assert uuid.UUID(made.state["result"]).version == 7


@pytest.mark.parametrize(
    ("kind", "id", "inputs", "outputs"),
    [
        ("Password", "hunter2", {"length": 7}, {"result": Secret("hunter2")}),
        ("String", "abc", {"length": 3}, {"result": "abc"}),
        ("Id", "x-,AQID", {"byteLength": 3, "prefix": "x-"}, {"hex": "x-010203"}),
        ("Integer", "6,5,7", {"min": 5, "max": 7}, {"result": 6}),
        (
            "Bytes",
            base64.b64encode(b"\x00\xff").decode(),
            {"length": 2},
            {"hex": Secret("00ff")},
        ),
    ],
)
def test_import(
    provider: RandomProvider,
    kind: str,
    id: str,
    inputs: dict[str, Any],
    outputs: dict[str, Any],
) -> None:
    found = provider.read(_call(kind, id=id), {}, {})
    assert found is not None
    assert found.inputs == inputs
    assert {name: found.state[name] for name in outputs} == outputs


@pytest.mark.parametrize("kind", ["Integer", "Uuid", "Pet", "Bytes"])
def test_import_of_nonsense_is_refused(provider: RandomProvider, kind: str) -> None:
    with pytest.raises(ProviderError, match="import"):
        provider.read(_call(kind, id="no such!"), {}, {})
