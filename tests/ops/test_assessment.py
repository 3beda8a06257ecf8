import json
from typing import Any

import pytest

from components.boundary import Policy, PolicyRule, Rule
from components.boundary.credentials import HIDDEN
from components.dashboards.uids import CONTENT
from ops.assessment import StackPreview
from ops.changes import UNKNOWN, Change, Step
from ops.panel_changes import Panels
from ops.template_changes import AccessChange, Registered, access_lines
from ops.tokens import SECRET_KIND

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


def policy(*rules: str) -> Policy:
    return Policy([PolicyRule(Rule.parse(rule), "extra", "test") for rule in rules])


def step(op: str, type_: str, old: Any = None, new: Any = None, parent: str = "") -> Step:
    path = f"{parent}${type_}" if parent else type_
    return Step(op, f"urn:pulumi:dev::firewalled-coder::{path}::thing", type_, old or {}, new or {})


def dashboard(*panels: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"data": {"a.json": json.dumps({"title": "Firewall", "panels": panels, **rest})}}


ONE = policy("domain=a.example")
TWO = policy("domain=a.example", "domain=b.example")
UPDATE = step("update", "coderd:index/template:Template", {"name": "t"}, {"name": "t"})


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ({"t": ONE}, {"t": ONE}, "changes"),
        ({"t": ONE}, {"t": TWO}, "opens"),
        ({"t": TWO}, {"t": ONE}, "changes"),
        ({"t": ONE}, {"t": None}, "opens"),
        ({"t": None}, {"t": ONE}, "changes"),
        ({"t": None}, {"t": None}, "changes"),
        ({}, {"t": None}, "opens"),
        ({}, {"t": ONE}, "opens"),
        ({"t": ONE}, {}, "changes"),
        # The same reach in other words opens nothing.
        ({"t": ONE}, {"t": policy("domain=a.example path=/x/*", "domain=a.example")}, "changes"),
    ],
)
def test_the_verdict_follows_what_agents_reach(old: Any, new: Any, verdict: str) -> None:
    assert StackPreview("dev", old, new, steps=(UPDATE,)).verdict == verdict


def test_a_failure_is_graver_than_all_and_no_step_is_no_change() -> None:
    assert StackPreview("dev", {"t": ONE}, {"t": TWO}, failure="no").verdict == "fails"
    assert StackPreview("dev", {"t": ONE}, {"t": ONE}).verdict == "same"


@pytest.mark.parametrize("op", ["delete", "replace"])
@pytest.mark.parametrize("marker", ["Pet", "Id", "Integer"])
def test_what_is_lost_is_named_but_the_mark_of_a_version_is_none(op: str, marker: str) -> None:
    marker = f"random:index/random{marker}:Random{marker}"
    password = step(op, "random:index/randomPassword:RandomPassword")
    assert StackPreview("dev", steps=(password,)).destroyed == (password,)
    name = step(op, marker)
    component = step(op, "firewalledcoder:index:WorkspaceTemplate")
    lost = step(op, CONFIG_MAP)
    found = StackPreview("dev", steps=(name, component, lost))
    assert found.destroyed == (lost,)
    assert found.verdict == "destroys"
    assert found.counted == {op: 3}
    internal = "urn:pulumi:dev::p::pulumi:providers:random::default_4_21_4"
    made = Step("create", internal, "pulumi:providers:random", {}, {})
    assert StackPreview("dev", steps=(made,)).counted == {}
    assert StackPreview("dev", steps=(name,)).verdict == "changes"


def test_what_opens_comes_first_and_the_riskiest_host_of_it() -> None:
    new = policy("domain=z.example", "domain=gist.github.com", "domain=github.com", "method=GET")
    found = StackPreview(
        "dev", {"a": ONE, "b": ONE, "c": ONE}, {"a": ONE, "b": policy(), "c": new}, steps=(UPDATE,)
    )
    assert [reach.template for reach in found.reaches] == ["c", "b", "a"]
    assert [reach.changed for reach in found.reaches] == [True, True, False]
    opened = found.reaches[0].opened
    assert [(each.found.host, each.grade) for each in opened] == [
        ("*", "F"),
        ("gist.github.com", "E"),
        ("github.com", "D"),
        ("z.example", "A"),
    ]
    assert opened[0].why == "anyone's server receives what stands in a URL"
    assert opened[1].why == "anyone may paste"
    assert opened[-1].why == ""
    assert found.reaches[0].grades == ("A", "F")


def test_a_host_has_the_reason_of_the_one_rule_that_opens_it() -> None:
    rules = [
        ("domain=a.example", "mirror"),
        ("path=/x", "all"),
        ("method=GET domain=b.example", "1"),
    ]
    rules += [("method=POST domain=b.example", "2"), ("domain=old.example path=/y", "later")]
    old = policy("domain=old.example")
    new = Policy([*old, *(PolicyRule(Rule.parse(rule), "extra", why) for rule, why in rules)])
    (reach,) = StackPreview("dev", {"t": old}, {"t": new}).reaches
    assert {each.found.host: each.reason for each in reach.opened} == {
        "a.example": "mirror",
        "*": "all",
        "b.example": "",
    }


def test_every_host_opened_is_the_gravest() -> None:
    (reach,) = StackPreview("dev", {"t": ONE}, {"t": policy("domain=*")}).reaches
    assert [(each.found.host, each.grade) for each in reach.opened] == [("*", "H")]


def test_variables_that_differ_by_template() -> None:
    found = StackPreview(
        "dev",
        old_variables={"t": {"A": "1", "B": "2"}, "gone": {"A": "1"}},
        new_variables={"t": {"A": "1", "B": "3"}, "new": {"A": "1"}},
    )
    assert {name: [(c.path, c.old, c.new) for c in v] for name, v in found.variables.items()} == {
        "t": [("B", "2", "3")]
    }
    assert StackPreview("dev", new_variables={"t": {"A": "1"}}).variables == {}
    # An earlier release may have let one in.
    left = StackPreview(
        "dev", old_variables={"t": {"GITHUB_PAT": "hunter2"}}, new_variables={"t": {}}
    )
    assert left.variables == {"t": (Change("GITHUB_PAT", HIDDEN, None),)}


def test_what_changes_of_coderd_is_held_against_what_its_component_registers() -> None:
    secret = step(
        "update", SECRET_KIND, {"data": HIDDEN}, {"data": HIDDEN}, "firewalledcoder:index:CoderdEnv"
    )
    found = StackPreview(
        "dev",
        steps=(secret,),
        old_coderd={"variables": {"A": "1"}},
        new_coderd={"variables": {"A": "2"}},
    )
    assert found.coderd.changes == (Change("A", "1", "2"),)
    assert StackPreview("dev").coderd.changes == ()


def panels(old: dict[str, Any], new: dict[str, Any], op: str = "update") -> Panels:
    one = step(op, CONFIG_MAP, old, new, "firewalledcoder:index:Dashboards")
    (found,) = StackPreview("dev", steps=(one,)).dashboards
    return found


def test_a_dashboard_is_compared_by_panel() -> None:
    found = panels(
        dashboard(
            {"id": 1, "title": "Same", "type": "stat"},
            {"id": 2, "title": "Denied", "type": "stat", "targets": [1], "gridPos": {"x": 0}},
            {"id": 3, "title": "Gone"},
            {"id": 4, "type": "row", "title": "Row", "panels": [{"title": "In", "options": 1}]},
            refresh="1m",
        ),
        dashboard(
            {"id": 1, "title": "Same", "type": "stat"},
            {"id": 2, "title": "Denied", "type": "stat", "targets": [2], "gridPos": {"x": 1}},
            {"id": 4, "type": "row", "title": "Row", "panels": [{"title": "In", "options": 2}]},
            {"id": 5, "title": "New"},
            refresh="5m",
        ),
    )
    assert found == Panels(
        "Firewall",
        added=("New",),
        removed=("Gone",),
        changed=(("Denied", ("place", "queries")), ("In", ("options",))),
        settings=("refresh",),
    )


def test_names_that_the_update_makes_are_no_panels_that_go() -> None:
    def named(document: dict[str, Any], content: str) -> dict[str, Any]:
        return {**document, "metadata": {"annotations": {CONTENT: content}}}

    old = named(dashboard({"id": 1, "title": "Denied"}), "a")
    unknown = {"data": {"firewall.json": UNKNOWN}}
    assert panels(old, named(unknown, "a")) == Panels("Firewall", only_names=True)
    assert panels(old, named(unknown, "b")) == Panels("Firewall", only_names=False)
    assert panels({}, named(unknown, "a"), "create") == Panels(
        "thing", op="create", only_names=False
    )
    # As a release before this annotation left it: what else changes is not known.
    plain = dashboard({"id": 1, "title": "Denied"})
    assert panels(plain, named(unknown, "a")).only_names is False


def test_where_a_dashboard_is_belongs_to_its_changes() -> None:
    def placed(document: dict[str, Any], folder: str, **metadata: str) -> dict[str, Any]:
        annotations = {"grafana_folder": folder, CONTENT: "a"}
        return {**document, "metadata": {"annotations": annotations, **metadata}}

    same = dashboard({"id": 1, "title": "Denied"})
    old = placed(same, "Coder", name="a")
    assert panels(old, placed(same, "Mine", name="b")) == Panels(
        "Firewall", settings=("folder", "name")
    )
    unknown = {"data": {"firewall.json": UNKNOWN}}
    assert panels(old, placed(unknown, "Mine", name="a")) == Panels(
        "Firewall", settings=("folder",), only_names=True
    )
    assert panels({}, placed(same, "Mine"), "create").settings == ()


def test_two_panels_of_one_title_are_told_apart() -> None:
    old = dashboard({"id": 1, "title": "Rate", "type": "a"}, {"id": 2, "title": "Rate"})
    new = dashboard({"id": 1, "title": "Rate", "type": "a"}, {"id": 2, "title": "Rate", "x": 1})
    assert panels(old, new).changed == (("Rate (2)", ("x",)),)


def test_a_new_dashboard_and_one_that_is_no_json() -> None:
    assert panels({}, dashboard({"title": "A"}), "create").added == ("A",)
    assert panels({"data": {"a.json": "{"}}, {"data": {"a.json": "["}}).dashboard == "thing"


def test_config_maps_besides_dashboards_are_none() -> None:
    one = step("update", CONFIG_MAP, {}, dashboard(), "firewalledcoder:index:DataSources")
    assert StackPreview("dev", steps=(one,)).dashboards == ()


def test_who_may_use_a_template_is_told_where_it_changes() -> None:
    def registered(**access: Any) -> Registered:
        return Registered.of({"access": access, "pins": {}})

    found = StackPreview(
        "dev",
        old_templates={
            "opened": registered(engineering="use"),
            "same": registered(engineering="use"),
            "earlier": Registered.of({"templateId": "x"}),
        },
        new_templates={
            "opened": registered(Everyone="use"),
            "same": registered(engineering="use"),
            "earlier": registered(Everyone="use"),
            "new": registered(),
        },
    ).access
    assert {name: (each.old, each.new, each.is_new) for name, each in found.items()} == {
        "opened": ({"engineering": "use"}, {"Everyone": "use"}, False),
        "earlier": (None, {"Everyone": "use"}, False),
    }
    (opened,) = access_lines(found["opened"])
    assert opened == ("  - ⚠️ access: `engineering` (use) → **everyone in the organization** (use)")
    (earlier,) = access_lines(found["earlier"])
    assert "⚠️ access: not the stack's to say → **everyone" in earlier
    assert earlier.endswith("; whatever list Coder has is replaced")
    (closed,) = access_lines(AccessChange({"Everyone": "use"}, {"a`b": "admin"}))
    assert closed == (
        "  - ⚠️ access: **everyone in the organization** (use) → `a'b` (admin); "
        "**`a'b` may push versions without a firewall**"
    )
    assert "owners and template administrators alone" in access_lines(AccessChange({}, {}))[0]
    assert access_lines(None) == []


def test_a_release_that_moves_is_told_by_template() -> None:
    def registered(**pins: str) -> Registered:
        return Registered.of({"access": None, "pins": pins})

    found = StackPreview(
        "dev",
        old_templates={"a": registered(Boundary="latest", image="x:1"), "b": registered()},
        new_templates={
            "a": registered(Boundary="v0.9.0", image="x:1"),
            "b": registered(Boundary="v0.9.0"),
            "new": registered(Boundary="v0.9.0"),
        },
    )
    # Nothing was recorded of b, so nothing moved.
    assert found.pins == {"a": (Change("Boundary", "latest", "v0.9.0"),)}
