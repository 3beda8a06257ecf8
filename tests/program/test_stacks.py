"""The committed stacks `dev` and `usgov` on the real engine."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation

from components import kubeconfig
from local.cluster import CONTEXT
from local.coderd import LocalCoderd
from local.environment import Environment
from ops import deployed, preview, report, stacks
from ops.engine import Session
from ops.verification.cluster import ClusterReader
from tests.program import rights
from tests.program.conftest import ONE_BOARD, Ask, resources

GROUPS = ("engineering", "platform")


def template(environment: Environment, name: str) -> dict[str, Any]:
    with environment.coderd.client() as client:
        found = client.get(f"/api/v2/organizations/default/templates/{name}").raise_for_status()
        shown: dict[str, Any] = found.json()
        acl = client.get(f"/api/v2/templates/{shown['id']}/acl").raise_for_status().json()
    return {**shown, "acl": {group["name"]: group["role"] for group in acl["group"]}}


pytestmark = pytest.mark.usefixtures("nothing_up")
"""The stacks share names in the one cluster there is."""

# Neither says anything of its dashboards: all of them are what the stack local has, too.
SHOWN = {"grafana": ONE_BOARD}


@pytest.fixture
def groups(environment: Environment, foreign: Any) -> Any:
    """Make the groups that usgov names, which a deployment has before."""
    with environment.coderd.client() as client:
        path = "/api/v2/organizations/default/groups"
        made = [
            client.post(path, json={"name": name}).raise_for_status().json()["id"]
            for name in GROUPS
        ]
        yield
        for identifier in made:
            client.delete(f"/api/v2/groups/{identifier}").raise_for_status()


@pytest.fixture
def with_rights(environment: Environment, foreign: Any, tmp_path: Path) -> Any:
    """Have the program and the provider of a session be who has the rights of docs/rights.md."""
    granted = {"KUBECONFIG": str(rights.grant(environment, tmp_path))}

    def with_rights(session: Session) -> None:
        # The session puts it back at its end.
        os.environ.update(granted)
        session.stack.workspace.env_vars.update(granted)

    return with_rights


def test_dev_comes_up_with_its_own_settings_by_the_rights_that_the_docs_give(
    open_stack: Any, environment: Environment, ask: Ask, with_rights: Any
) -> None:
    # The Job of the database role, which takes rights that the other stacks' do not.
    role = {"delivery": "job", "adminUrlSecret": "dev-db-owner"}
    place = "/api/v1/namespaces/monitoring/secrets"
    ask("POST", place, {"metadata": {"name": "dev-db-owner"}, "stringData": {"url": "postgres://"}})
    with open_stack("dev", {"grafana": {**ONE_BOARD, "databaseRole": role}}) as session:
        with_rights(session)
        try:
            outputs = session.stack.up().outputs
            policy = stacks.policies("dev")["firewalled"]
            assert deployed.of_stack(session.stack).policies["firewalled"] == policy
            assert outputs["callbackUrls"].value == {
                "gitlab": "https://coder.dev.example.com/external-auth/gitlab/callback"
            }
            shown = template(environment, "firewalled")
            assert shown["default_ttl_ms"] == 8 * 3_600_000
            rendered = environment.workspace / "build" / "templates" / "dev" / "firewalled"
            assert "PIP_DISABLE_PIP_VERSION_CHECK" in (rendered / "agent_env.json").read_text()
            assert "coder.dev.example.com" in (rendered / "boundary.yaml").read_text()
            assert set(outputs["mcpServers"].value) == {"github"}
            # What verify asks, it may ask by them too.
            reader = ClusterReader(partial(kubeconfig.client, CONTEXT))
            reader.nodes()
            reader.daemons()
            found = preview.assess(session, "dev", refresh=True)
            assert (found.verdict, found.live.unlisted) == ("same", ())
        finally:
            session.stack.destroy()
    ask("DELETE", f"{place}/dev-db-owner")


def test_usgov_gives_its_templates_to_its_groups(
    open_stack: Any, environment: Environment, committed: Any, groups: Any, with_rights: Any
) -> None:
    with open_stack("usgov", SHOWN) as session:
        with_rights(session)
        try:
            outputs = session.stack.up().outputs
            policy = stacks.policies("usgov")["firewalled"]
            assert deployed.of_stack(session.stack).policies["firewalled"] == policy
            shown = template(environment, "firewalled")
            assert shown["acl"] == {"engineering": "use", "platform": "admin"}
            assert template(environment, "claude-code")["acl"] == {"platform": "admin"}
            assert shown["require_active_version"] is True
            assert shown["autostop_requirement"]["days_of_week"] == ["sunday"]
            assert shown["time_til_dormant_autodelete_ms"] == 720 * 3_600_000
            assert outputs["mcpServers"].value == {}
        except BaseException:
            session.stack.destroy()
            raise
    changes = {
        **SHOWN,
        "templates": [
            {key: value for key, value in each.items() if key != "access"}
            for each in committed("usgov", "templates")
        ],
    }
    with open_stack("usgov", changes) as session:
        try:
            found = preview.assess(session, "usgov")
            assert {name: (each.old, each.new) for name, each in found.access.items()} == {
                "firewalled": ({"engineering": "use", "platform": "admin"}, {"Everyone": "use"}),
                "claude-code": ({"platform": "admin"}, {"Everyone": "use"}),
            }
            assert "→ **everyone in the organization** (use)" in report.to_markdown([found])
            session.stack.up()
            for name in ("firewalled", "claude-code"):
                assert template(environment, name)["acl"] == {"Everyone": "use"}
            assert set(session.stack.up().summary.resource_changes or {}) == {"same"}
        finally:
            session.stack.destroy()


def test_what_coder_does_not_know_stops_the_run_before_anything_is_made(
    open_stack: Any, environment: Environment, committed: Any, foreign: Any
) -> None:
    changes = {"coder": committed("usgov", "coder")}
    with open_stack("usgov", changes) as session, pytest.raises(automation.CommandError) as error:
        session.stack.up()
    message = str(error.value)
    assert 'firewalled-coder:templates[0].access.use[0] = "engineering": no such group' in message
    assert 'firewalled-coder:templates[1].access.admin[0] = "platform": no such group' in message
    assert "Traceback" not in message
    assert resources(environment, "usgov") == []

    changes["coder"]["organization"] = "nowhere"
    with open_stack("usgov", changes) as session, pytest.raises(automation.CommandError) as error:
        session.stack.preview()
    assert "stack usgov: 1 setting is wrong" in str(error.value)
    assert 'firewalled-coder:coder.organization = "nowhere": ' in str(error.value)
    assert "there are coder" in str(error.value)
    assert "Traceback" not in str(error.value)


def test_what_the_licence_does_not_allow_stops_the_run_before_anything_is_made(
    open_stack: Any, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.environment.LocalCoderd", partial(LocalCoderd, licensed=False))
    with open_stack("usgov") as session:
        with pytest.raises(automation.CommandError) as error:
            session.stack.up()
        found = preview.assess(session, "usgov")
    assert "stack usgov: 12 settings are wrong, nothing was applied" in str(error.value)
    for said in (str(error.value), found.failure):
        for key in ("lifetime.failureTtlHours", "requireActiveVersion", "access"):
            assert f"firewalled-coder:templates[0].{key} = " in said
        assert "needs a Coder licence with template access control (feature template_rbac)" in said
    assert resources(environment, "usgov") == []
    # What needs none comes up, and the list of who may use it stays Coder's.
    templates = [{"name": "firewalled", "firewall": {"jail": "landjail"}}]
    few = {**SHOWN, "alerts": {"rules": []}, "mcpServers": []}
    with open_stack("dev", {**few, "templates": templates}) as session:
        try:
            session.stack.up()
            assert set(session.stack.up().summary.resource_changes or {}) == {"same"}
        finally:
            session.stack.destroy()
