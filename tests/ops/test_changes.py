import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.boundary.credentials import HIDDEN
from ops.changes import UNKNOWN, Change, differences, steps, without_secrets

ENGINE_SECRET = {
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    "plaintext": '"hunter2"',
}
UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
URN = "urn:pulumi:dev::firewalled-coder::{}::{}"


def event(op: str, type_: str = "kubernetes:core/v1:ConfigMap", **sides: Any) -> dict[str, Any]:
    return {
        "op": op,
        "urn": URN.format(sides.pop("path", type_), sides.pop("name", "thing")),
        "type": type_,
        "diffs": sides.pop("diffs", None),
        "details": sides.pop("details", None),
        **{side: {"inputs": inputs} for side, inputs in sides.items()},
    }


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        (ENGINE_SECRET, HIDDEN),
        ({"a": [{"b": ENGINE_SECRET}]}, {"a": [{"b": HIDDEN}]}),
        ({"clientSecret": "hunter2"}, {"clientSecret": HIDDEN}),
        ({"api_key": "hunter2"}, {"api_key": HIDDEN}),
        ({"Authorization": "Bearer hunter2"}, {"Authorization": HIDDEN}),
        ({"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "DB_PASSWORD", "value": HIDDEN}),
        ({"GITHUB_PAT": "hunter2"}, {"GITHUB_PAT": HIDDEN}),
        (["https://u:hunter2@a.com/"], [f"https://{HIDDEN}@a.com/"]),
        ({"data": {"x": f"key: ghp_{'hunter2' * 6}"}}, {"data": {"x": f"key: {HIDDEN}"}}),
        # A name that only mentions one, and a reference, are what a reviewer needs to see.
        ({"secretName": "gitlab-oauth"}, {"secretName": "gitlab-oauth"}),
        ({"name": "LOG_LEVEL", "value": "info"}, {"name": "LOG_LEVEL", "value": "info"}),
        (UNKNOWN_STRING, UNKNOWN),
        ([1, True, None], [1, True, None]),
    ],
)
def test_secrets_are_replaced_at_any_depth(value: Any, clean: Any) -> None:
    assert without_secrets(value) == clean


def test_every_value_of_a_kubernetes_secret_is_one() -> None:
    (step,) = steps(
        [
            event(
                "update",
                "kubernetes:core/v1:Secret",
                old={"metadata": {"name": "s"}, "stringData": {"id": "hunter1"}},
                new={"metadata": {"name": "s"}, "stringData": {"id": "hunter2", "x": "hunter3"}},
                diffs=["stringData"],
            )
        ]
    )
    assert "hunter" not in repr(step)
    assert step.new["metadata"] == {"name": "s"}
    assert step.changes == (Change("stringData.x", None, HIDDEN),)
    assert step.touched == ("stringData",)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(plain, plain, st.data())
def test_no_secret_survives_wherever_it_stands(one: Any, two: Any, data: st.DataObject) -> None:
    nested: Any = data.draw(st.sampled_from([ENGINE_SECRET, {"password": "hunter2"}]))
    for _ in range(data.draw(st.integers(1, 4))):
        nested = data.draw(st.sampled_from([[one, nested], {"a": nested, "b": two}]))
    old, new = {"x": one}, {"x": nested}
    (step,) = steps([event("update", old=old, new=new)])
    assert "hunter2" not in repr(step)
    assert "hunter2" not in repr(step.changes)
    assert HIDDEN in repr(step.new)


def test_what_stays_and_the_parts_of_a_replacement_are_no_steps() -> None:
    quiet = ["same", "read", "refresh", "create-replacement", "delete-replaced"]
    found = steps(
        event(op, name=f"{place}")
        for place, op in enumerate([*quiet, "create", "update", "delete", "replace"])
    )
    assert [step.op for step in found] == ["create", "update", "delete", "replace"]


def test_steps_come_in_one_order_whatever_the_engines() -> None:
    events = [event("create", name=name) for name in "cab"] + [event("create", "a:b:C", name="z")]
    assert [step.name for step in steps(events)] == ["z", "a", "b", "c"]
    assert steps(events) == steps(reversed(events))


def test_a_step_knows_its_name_and_the_component_that_holds_it() -> None:
    inside, outside = steps(
        [
            event("create", path="a:b:Outer$kubernetes:core/v1:ConfigMap", name="one"),
            event("create", name="two"),
        ]
    )
    assert (inside.name, inside.parent) == ("one", "a:b:Outer")
    assert (outside.name, outside.parent) == ("two", "")


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2, "b": "x"}, [("a", "1", "2"), ("b", None, "x")]),
        ({"a": {"b": True}}, {"a": {}}, [("a.b", "true", None)]),
        ({"a": ["x"]}, {"a": ["x", "y"]}, [("a[1]", None, "y")]),
        # Entries with names go by name: one put in front does not move all others.
        (
            {"env": [{"name": "A", "value": "1"}]},
            {"env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]},
            [("env[B]", None, json.dumps({"name": "B", "value": "2"}))],
        ),
        (
            {"env": [{"name": "A"}, {"name": "B"}]},
            {"env": [{"name": "B"}, {"name": "A"}]},
            [("env (order)", "[A], [B]", "[B], [A]")],
        ),
        # A single entry under a new name is an entry that changed.
        (
            {"versions": [{"name": "v1", "active": True}]},
            {"versions": [{"name": "v2", "active": True}]},
            [("versions[0].name", "v1", "v2")],
        ),
        ({"a": "1"}, {"a": 1}, [("a", "1", "1")]),
    ],
)
def test_differences(old: Any, new: Any, found: list[tuple[str, Any, Any]]) -> None:
    assert [(c.path, c.old, c.new) for c in differences(old, new)] == found


@pytest.mark.parametrize(
    ("inputs", "diffs", "line"),
    [
        ({"customHeaders": ENGINE_SECRET}, ["customHeaders"], "a secret value changes"),
        ({"spec": [{"key": ENGINE_SECRET}]}, ["spec[0].key"], "a secret value changes"),
        # What a provider compares with its own record, which nobody sees.
        (
            {"timeTilDormantMs": 0},
            ["timeTilDormantMs"],
            "its provider has another value on record; the settings do not change",
        ),
    ],
)
def test_only_a_secret_is_called_one_where_nothing_is_to_be_seen(
    inputs: dict[str, Any], diffs: list[str], line: str
) -> None:
    (step,) = steps([event("update", old=inputs, new=inputs, diffs=diffs)])
    assert step.unshown == (f"{diffs[0]}: {line}",)


def test_a_provider_that_gives_paths_alone_has_touched_them() -> None:
    inputs = {"data": {"id": "hunter2"}}
    secret = "kubernetes:core/v1:Secret"
    (step,) = steps(
        [event("update", secret, old=inputs, new=inputs, details={"data.id": "update"})]
    )
    assert step.touched == ("data.id",)
    assert step.unshown == ("data.id: a secret value changes",)


def test_a_patched_deployment_is_known_as_it_was_read() -> None:
    kind = "kubernetes:apps/v1:DeploymentPatch"
    patched = event("update", kind, old={"spec": {}}, new={})
    patched["old"]["outputs"] = {"spec": {"env": [{"name": "DB_PASSWORD", "value": "hunter2"}]}}
    (step,) = steps([patched])
    assert step.live == {"spec": {"env": [{"name": "DB_PASSWORD", "value": HIDDEN}]}}
    other = event("update", old={"data": {}}, new={})
    other["old"]["outputs"] = patched["old"]["outputs"]
    (step,) = steps([other])
    assert step.live == {}
