"""Taking over, on the real engine, what stands in a deployment that the state does not know."""

from pathlib import Path
from typing import Any

import pytest

from local.environment import Environment
from ops import adopt, engine

CHANGES: dict[str, Any] = {
    "templates": [{"name": "open"}],
    "grafana": {"dashboards": ["agent-firewall"]},
    "mcpServers": [],
}


def test_the_plan_looks_for_what_would_be_created() -> None:
    found = adopt.plan(
        [
            step("create", "firewalledcoder:index:Dashboards", "dashboards", {}),
            step("create", "kubernetes:core/v1:ConfigMap", "a", metadata("monitoring", "a")),
            step("create", "kubernetes:core/v1:Secret", "b", metadata("coder", "b")),
            step("create", adopt.TEMPLATE, "t", {"name": "firewalled"}),
            step("create", "kubernetes:apps/v1:DeploymentPatch", "d", metadata("coder", "coder")),
            step("update", "kubernetes:core/v1:ConfigMap", "c", metadata("monitoring", "c")),
        ],
        "default",
    )
    assert [each.id for each in found.candidates] == [
        "coder/b",
        "monitoring/a",
        "default/firewalled",
    ]
    assert {each.provider for each in found.candidates} == {"urn::provider"}
    assert [urn.rsplit("::", 1)[1] for urn in found.before] == ["dashboards"]


def step(op: str, kind: str, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    urn = f"urn:pulumi:dev::p::{kind}::{name}"
    return {
        "op": op,
        "urn": urn,
        "type": kind,
        "parent": "",
        "provider": "urn::provider::id",
        "inputs": inputs,
    }


def metadata(namespace: str, name: str) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name}}


@pytest.fixture
def state(tmp_path: Path) -> Any:
    environment = Environment(state=tmp_path / "state")
    yield environment.state
    environment.remove()


def test_what_is_there_is_taken_over_and_what_agrees_shows_no_change(state: Path) -> None:
    said: list[str] = []
    with engine.session("local", lambda _: None, state=state, changes=CHANGES) as ready:
        ready.stack.up()
        # The deployment stays, and the state forgets all of it.
        known = ready.stack.export_stack()
        urns = {each["urn"]: each.get("id") for each in known.deployment["resources"]}
        ready.stack.import_stack(type(known)(known.version, {**known.deployment, "resources": []}))
        found = adopt.plan(adopt.previewed(ready.stack), "default")
        taken = adopt.take_over(ready.stack, found, said.append)
        assert {each.urn for each in taken} == {each.urn for each in found.candidates}
        assert len(taken) == 9
        after = {
            each["urn"]: each.get("id")
            for each in ready.stack.export_stack().deployment["resources"]
        }
        for each in taken:
            assert after[each.urn] == urns[each.urn], each.id
        changes = {each["urn"]: each["op"] for each in adopt.previewed(ready.stack)}
        for each in taken:
            if each.type.endswith(":ConfigMap") or each.id == "coder/coder-external-auth":
                assert changes.get(each.urn, "same") == "same", each.id
            assert changes.get(each.urn) != "create", each.id


def test_what_is_not_there_is_left_to_up(state: Path) -> None:
    said: list[str] = []
    with engine.session("local", lambda _: None, state=state, changes=CHANGES) as ready:
        found = adopt.plan(adopt.previewed(ready.stack), "default")
        assert adopt.take_over(ready.stack, found, said.append) == []
        assert any("not there" in line for line in said)
        assert (ready.stack.up().summary.resource_changes or {})["create"] > 10
