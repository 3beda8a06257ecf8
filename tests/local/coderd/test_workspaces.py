"""Workspaces and their builds in the stand-in for coderd."""

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from local.coderd import LocalCoderd
from local.coderd.app import application, seed
from local.coderd.provisioner import Provisioner
from local.coderd.store import Store
from tests.local.coderd.making import GOOD, LOGINS, imported, member, template, until_over


def test_a_workspace_keeps_its_version_when_the_template_gets_a_new_one(
    api: httpx.Client, name: str
) -> None:
    made = template(api, name)
    body = {
        "template_id": made["id"],
        "name": "work",
        "rich_parameter_values": [{"name": "cpu", "value": "2"}],
    }
    assert api.get(f"users/developer/workspace/{name}").status_code == 404
    started = api.post("users/developer/workspaces", json={**body, "name": name})
    assert started.status_code == 201
    path = f"workspaces/{started.json()['id']}"
    workspace = until_over(api, path)
    assert workspace["latest_build"]["status"] == "running"
    (agent,) = (
        agent for resource in workspace["latest_build"]["resources"] for agent in resource["agents"]
    )
    assert (agent["status"], agent["lifecycle_state"]) == ("connected", "ready")
    assert not workspace["outdated"]

    version = imported(api, {"main.tf": GOOD}, {"image": "y"}, template_id=made["id"])
    api.patch(f"templates/{made['id']}/versions", json={"id": version["id"]})
    after = api.get(path).json()
    assert after["latest_build"] == workspace["latest_build"]
    assert after["outdated"]

    refused = api.delete(f"templates/{made['id']}")
    assert refused.status_code == 400
    assert "All workspaces must be deleted" in refused.json()["message"]
    for transition, status in (("stop", "stopped"), ("start", "running")):
        built = api.post(f"{path}/builds", json={"transition": transition})
        assert built.status_code == 201
        assert until_over(api, path)["latest_build"]["status"] == status
    assert api.post(f"{path}/builds", json={"transition": "delete"}).status_code == 201
    deadline = time.monotonic() + 10
    while api.get(path).status_code != 410 and time.monotonic() < deadline:
        time.sleep(0.005)
    gone = api.get(path, params={"include_deleted": "true"}).json()
    assert gone["latest_build"]["status"] == "deleted"
    assert api.post(f"{path}/builds", json={"transition": "start"}).status_code == 410
    assert api.get(f"users/developer/workspace/{name}").status_code == 404
    assert api.delete(f"templates/{made['id']}").status_code == 200
    assert api.get(f"templates/{made['id']}").status_code == 404


def test_a_waiting_build_is_canceled_and_one_that_is_done_is_not(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    build = Provisioner._build

    def held(self: Provisioner, workspace: dict[str, Any]) -> None:
        assert go_on.wait(30)
        build(self, workspace)

    monkeypatch.setattr(Provisioner, "_build", held)
    store = Store(tmp_path / "coderd.db")
    seed(store, "token", LOGINS)
    with TestClient(
        application(store, "http://coder", tmp_path / "workspaces"),
        base_url="http://coder/api/v2/",
        headers={"Coder-Session-Token": "token"},
    ) as api:
        made = template(api, name)
        body = {"template_id": made["id"], "name": name}
        started = api.post("users/admin/workspaces", json=body).json()["latest_build"]
        cancel = f"workspacebuilds/{started['id']}/cancel"
        assert api.patch(cancel).json() == {"message": "Job has been marked as canceled..."}
        go_on.set()
        workspace = until_over(api, f"workspaces/{started['workspace_id']}")
        assert workspace["latest_build"]["status"] == "canceled"
        assert workspace["latest_build"]["resources"] == []
        again = api.patch(cancel)
        assert (again.status_code, again.json()["message"]) == (400, "Job has already completed!")
        path = f"workspaces/{started['workspace_id']}"
        assert api.post(f"{path}/builds", json={"transition": "start"}).status_code == 201
        assert until_over(api, path)["latest_build"]["status"] == "running"


def test_only_an_owner_cancels_where_the_template_says_so(
    coderd: LocalCoderd, api: httpx.Client, name: str
) -> None:
    made = template(api, name)
    change = api.patch(f"templates/{made['id']}", json={"allow_user_cancel_workspace_jobs": False})
    assert change.status_code == 200
    with member(coderd, api, name) as other:
        started = other.post(
            "users/me/workspaces", json={"template_id": made["id"], "name": name}
        ).json()["latest_build"]
        refused = other.patch(f"workspacebuilds/{started['id']}/cancel")
    assert refused.status_code == 403
    assert "Owner role is required" in refused.json()["message"]


def test_a_build_needs_the_owner_to_be_logged_in(
    coderd: LocalCoderd, api: httpx.Client, name: str
) -> None:
    made = template(api, name)
    (login,) = api.get(f"templateversions/{made['active_version_id']}/external-auth").json()
    assert (login["id"], login["authenticated"], login["optional"]) == ("gitlab", True, False)
    with member(coderd, api, name) as other:
        assert other.get("external-auth/gitlab").json()["authenticated"] is False
        body = {"template_id": made["id"], "name": name}
        started = other.post("users/me/workspaces", json=body)
        workspace = until_over(other, f"workspaces/{started.json()['id']}")
    assert workspace["latest_build"]["status"] == "failed"
    assert f"{name} has not logged in" in workspace["latest_build"]["job"]["error"]
    assert api.get("external-auth/gitlab").json()["authenticated"] is True
    assert api.get("external-auth/nothing").status_code == 404


def test_workspaces_that_coderd_refuses(api: httpx.Client, name: str) -> None:
    made = template(api, name)
    good = {"template_id": made["id"], "name": name}
    assert api.post("users/admin/workspaces", json=good).status_code == 201
    assert api.post("users/admin/workspaces", json=good).status_code == 409
    for change in (
        {"name": "a_b"},
        {"name": "b", "template_id": name},
        {"name": "b", "rich_parameter_values": [{"name": "gpu", "value": "1"}]},
        {"name": "b", "rich_parameter_values": ["cpu"]},
        {"name": "b", "template_version_id": made["active_version_id"]},
    ):
        assert api.post("users/admin/workspaces", json={**good, **change}).status_code == 400
    api.patch(f"templates/{made['id']}", json={"deprecation_message": "use another"})
    refused = api.post("users/admin/workspaces", json={**good, "name": "b"})
    assert refused.status_code == 400
    assert refused.json()["detail"] == "use another"
