"""What an update that was killed left behind: what of it is this stack's own."""

from types import SimpleNamespace
from typing import Any

import pytest

from ops import recovery, tokens
from ops.adopt import Candidate
from ops.adoption import templates
from ops.steps import ForeseenStep
from tests.ops.states import state_of

COMPONENT = "urn:pulumi:dev::p::firewalledcoder:index:WorkspaceTemplate::{}"
TEMPLATE_URN = "urn:pulumi:dev::p::t::firewalled-template"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
PATCH_MANAGER = "pulumi.com/patchFieldManager"
# Objects are looked at before, and nobody is asked of one.
NOBODY: Any = SimpleNamespace()


def component(name: str) -> dict[str, Any]:
    return {"urn": COMPONENT.format(name), "type": tokens.WORKSPACE_TEMPLATE}


def child(kind: str, name: str) -> dict[str, Any]:
    return {"urn": f"urn:{kind}:{name}", "type": kind, "parent": COMPONENT.format(name)}


def step(kind: str, urn: str, parent: str = "", op: str = "create") -> ForeseenStep:
    metadata = {"namespace": "monitoring", "name": "a"}
    return ForeseenStep(op, urn, kind, {"metadata": metadata}, {}, parent=parent)


def test_a_template_may_be_there_whose_name_is_made_and_that_the_state_does_not_have() -> None:
    known = state_of(
        component("done"),
        child(templates.PET, "done"),
        child(tokens.TEMPLATE, "done"),
        component("orphan"),
        child(templates.PET, "orphan"),
        component("not-begun"),
    )
    left = recovery.left(known)
    assert left.orphans == {COMPONENT.format("orphan")}
    assert left.may_be_there(step(tokens.TEMPLATE, TEMPLATE_URN, COMPONENT.format("orphan")))
    assert not left.may_be_there(step(tokens.TEMPLATE, TEMPLATE_URN, COMPONENT.format("not-begun")))
    assert not left.may_be_there(step(CONFIG_MAP, "c", COMPONENT.format("orphan")))


def test_what_the_engine_was_making_may_be_there_and_what_it_was_changing_is() -> None:
    known = state_of(pending=[("creating", {"urn": "a"}), ("updating", {"urn": "b"})])
    left = recovery.left(known)
    assert left.may_be_there(step(CONFIG_MAP, "a"))
    assert not left.may_be_there(step(CONFIG_MAP, "a", op="same"))
    assert not left.may_be_there(step(CONFIG_MAP, "b"))


def test_an_object_is_looked_for_where_it_was_being_made_whatever_the_program_has_now() -> None:
    """A rollback makes what another program declares, and maybe in another namespace."""
    metadata = {"namespace": "monitoring", "name": "a"}
    making = [
        ("creating", {"urn": urn, "type": kind, "inputs": {"metadata": metadata}, "parent": "p"})
        for urn, kind in (("a", CONFIG_MAP), ("b", CONFIG_MAP), ("c", tokens.DEPLOYMENT_PATCH))
    ]
    # A component, which the engine makes as well, has no inputs.
    making.append(("creating", {"urn": "d", "type": tokens.WORKSPACE_TEMPLATE}))
    known = state_of({"urn": "b", "type": CONFIG_MAP, "id": "monitoring/a"}, pending=making)
    (found,) = recovery.left(known).made(known.resources)
    assert (found.urn, found.object_id, found.parent) == ("a", "monitoring/a", "p")


def managed(*managers: tuple[str, str]) -> dict[str, Any]:
    entries = [
        {"manager": name, **({"subresource": part} if part else {})} for name, part in managers
    ]
    return {"metadata": {"managedFields": entries}}


def there(kind: str, identifier: str, live: dict[str, Any]) -> recovery.There:
    return recovery.There({}, {(kind, identifier): live})


@pytest.mark.parametrize(
    ("live", "foreign"),
    [
        # One manager of a creation, one of an update.
        (managed(("pulumi-kubernetes", "")), ""),
        (managed(("pulumi-kubernetes-1a2b", "")), ""),
        # What a controller reports of an object takes nothing of it.
        (managed(("pulumi-kubernetes", ""), ("kube-controller-manager", "status")), ""),
        (
            managed(("pulumi-kubernetes", ""), ("kubectl-edit", "")),
            "is there already, with fields of kubectl-edit",
        ),
        (managed(("helm", "")), "is there already, with fields of helm"),
    ],
)
def test_an_object_with_fields_of_others_is_theirs(live: dict[str, Any], foreign: str) -> None:
    candidate = Candidate(step(CONFIG_MAP, "a"), "ConfigMap monitoring/a", "monitoring/a")
    found = there(CONFIG_MAP, "monitoring/a", live)
    assert recovery._foreign(NOBODY, state_of(), candidate, found) == foreign


@pytest.mark.parametrize(
    ("live", "taken"),
    [
        (managed(("helm", ""), ("firewalled-coder", "")), True),
        (managed(("helm", "")), False),
    ],
)
def test_a_patch_was_applied_if_the_object_has_its_manager(
    live: dict[str, Any], taken: bool
) -> None:
    annotations = {PATCH_MANAGER: "firewalled-coder"}
    metadata = {"namespace": "coder", "name": "coder", "annotations": annotations}
    patch = {"urn": "p", "type": tokens.DEPLOYMENT_PATCH, "inputs": {"metadata": metadata}}
    known = state_of(pending=[("creating", patch)])
    found = there("kubernetes:apps/v1:Deployment", "coder/coder", live)
    said = recovery._take_patches(known, recovery.left(known), found)
    assert ("p" in known.resources, bool(said)) == (taken, taken)
    if taken:
        assert known.resources["p"]["id"] == "coder/coder"
        assert known.resources["p"]["outputs"]["__fieldManager"] == "firewalled-coder"


@pytest.mark.parametrize(
    ("live", "owner"),
    [
        (managed(("pulumi-kubernetes-1a2b", "")), {"__fieldManager": "pulumi-kubernetes-1a2b"}),
        # Of an object that was created, the provider takes its fields over by itself.
        (managed(("pulumi-kubernetes", "")), {}),
    ],
)
def test_an_object_keeps_the_name_by_which_it_was_applied(
    live: dict[str, Any], owner: dict[str, str]
) -> None:
    making = step(CONFIG_MAP, "a")
    known = state_of(pending=[("creating", {"urn": "a", "type": CONFIG_MAP, "inputs": {"x": "y"}})])
    taken = Candidate(making, "ConfigMap monitoring/a", "monitoring/a")
    found = there(CONFIG_MAP, "monitoring/a", live)
    recovery._take(NOBODY, known, [taken], recovery.left(known), found)
    assert known.resources["a"]["id"] == "monitoring/a"
    assert known.resources["a"]["outputs"] == {"x": "y", **owner}
