"""The stand-in for coderd over HTTP, as its provider and `ops` meet it."""

import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from local.coderd import Coderd, CoderdError
from local.coderd.app import application, seed
from local.coderd.provisioner import Provisioner
from local.coderd.store import Store
from toolchain import tools

GOOD = """
variable "image" {
  type = string
}
data "coder_external_auth" "gitlab" {
  id = "gitlab"
}
data "coder_parameter" "cpu" {
  name = "cpu"
  type = "number"
}
resource "coder_agent" "main" {
  os = "linux"
}
resource "kubernetes_pod_v1" "main" {
  image = var.image
  token = coder_agent.main.token
}
"""
LOGINS = {"gitlab": ("admin", "developer"), "other": ()}


@pytest.fixture(scope="module")
def coderd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coderd]:
    coderd = Coderd(tmp_path_factory.mktemp("coderd"), LOGINS)
    coderd.start()
    try:
        yield coderd
    finally:
        coderd.stop()


@pytest.fixture
def api(coderd: Coderd) -> Iterator[httpx.Client]:
    with coderd.client() as client:
        client.base_url = f"{coderd.url}/api/v2/"
        yield client


_names = iter(f"t{number}" for number in range(10_000))


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return next(_names)


def archive(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


def imported(
    api: httpx.Client,
    files: dict[str, str],
    variables: dict[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Upload files, make a version of them, and wait for its job."""
    tar = {"content-type": "application/x-tar"}
    uploaded = api.post("files", content=archive(files), headers=tar)
    assert uploaded.status_code in (200, 201)
    answer = api.post(
        "organizations/default/templateversions",
        json={
            "storage_method": "file",
            "provisioner": "terraform",
            "file_id": uploaded.json()["hash"],
            "user_variable_values": [
                {"name": key, "value": value} for key, value in (variables or {}).items()
            ],
            **more,
        },
    )
    assert answer.status_code == 201, answer.text
    return until_over(api, f"templateversions/{answer.json()['id']}")


def until_over(api: httpx.Client, path: str) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found: dict[str, Any] = api.get(path).json()
        job = found.get("job") or found["latest_build"]["job"]
        if job["status"] not in ("pending", "running"):
            return found
        time.sleep(0.005)
    raise AssertionError(f"the job of {path} is not over")


def template(api: httpx.Client, name: str, **more: Any) -> dict[str, Any]:
    version = imported(api, {"main.tf": GOOD}, {"image": "x"})
    answer = api.post(
        "organizations/default/templates",
        json={"name": name, "template_version_id": version["id"], **more},
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def member(coderd: Coderd, api: httpx.Client, name: str) -> httpx.Client:
    """A client with the token of a new user without any role."""
    user = {"username": name, "email": f"{name}@example.com"}
    assert api.post("users", json=user).status_code == 201
    token = api.post(f"users/{name}/keys/tokens", json={}).json()["key"]
    return httpx.Client(
        base_url=api.base_url, headers={"Coder-Session-Token": token}, trust_env=False
    )


# The process


def test_state_token_and_address_survive_kill_and_restart(tmp_path: Path, name: str) -> None:
    coderd = Coderd(tmp_path / "state", LOGINS)
    assert not coderd.running
    steps: list[str] = []
    coderd.start(steps.append)
    try:
        assert coderd.running
        assert steps
        before = coderd.url, coderd.token
        with coderd.client() as client:
            client.base_url = f"{coderd.url}/api/v2/"
            made = template(client, name)
        pid = int((coderd.directory / "coderd.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        Coderd(tmp_path / "state", LOGINS).start()
        assert (coderd.url, coderd.token) == before
        with coderd.client() as client:
            assert client.get(f"/api/v2/templates/{made['id']}").json() == made
            assert len(client.get("/api/v2/users").json()["users"]) == 2
        assert int((coderd.directory / "coderd.pid").read_text()) != pid
    finally:
        coderd.stop()
    assert not coderd.running
    coderd.stop()


def test_a_started_one_is_left_alone(coderd: Coderd) -> None:
    before = (coderd.directory / "coderd.pid").read_text()
    coderd.start()
    assert (coderd.directory / "coderd.pid").read_text() == before


def test_never_started_is_said(tmp_path: Path) -> None:
    for read in ("url", "token"):
        with pytest.raises(CoderdError, match="was never started"):
            getattr(Coderd(tmp_path), read)


def test_a_broken_state_is_one_clear_error(tmp_path: Path) -> None:
    coderd = Coderd(tmp_path)
    coderd.directory.mkdir()
    (coderd.directory / "coderd.db").write_text("no database, but long enough to be read" * 40)
    with pytest.raises(CoderdError, match=r"coderd\.db cannot be read .*remove it") as error:
        coderd.start()
    assert "Traceback" not in str(error.value)
    assert not coderd.running


def test_without_a_token_nothing_is_served(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.coderd", "--state-dir", str(tmp_path), "--port", "1"]
    done = subprocess.run(command, cwd=tools.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path}/session-token: No such file or directory\n"


def test_only_the_user_reads_the_token(coderd: Coderd) -> None:
    assert (coderd.directory / "session-token").stat().st_mode & 0o077 == 0
    assert coderd.directory.stat().st_mode & 0o077 == 0
    assert coderd.token.encode() not in (coderd.directory / "coderd.db").read_bytes()


# Who may do what


@pytest.mark.parametrize("token", [None, "not-a-token"])
def test_without_a_valid_token_nothing_is_said(coderd: Coderd, token: str | None) -> None:
    headers = {"Coder-Session-Token": token} if token else {}
    with httpx.Client(base_url=coderd.url, headers=headers, trust_env=False) as client:
        assert client.get("/api/v2/buildinfo").json()["version"] == "v2.37.0"
        assert client.get("/healthz").text == "OK"
        for method, path in [
            ("GET", "/api/v2/users/me"),
            ("POST", "/api/v2/files"),
            ("GET", "/api/experimental/organizations/default/mcp-servers"),
        ]:
            answer = client.request(method, path)
            assert answer.status_code == 401
            assert "signed out" in answer.json()["message"]


def test_a_member_sees_what_the_access_list_gives_and_changes_nothing(
    coderd: Coderd, api: httpx.Client, name: str
) -> None:
    mine = template(api, name)
    hidden = template(api, f"{name}-hidden", disable_everyone_group_access=True)
    with member(coderd, api, name) as other:
        listed = {item["name"] for item in other.get("organizations/default/templates").json()}
        assert name in listed
        assert f"{name}-hidden" not in listed
        assert other.get(f"templates/{hidden['id']}").status_code == 404
        assert other.patch(f"templates/{mine['id']}", json={"icon": "x"}).status_code == 403
        for method, path in [
            ("POST", "organizations/default/templates"),
            ("POST", "organizations/default/groups"),
            ("POST", "files"),
            ("GET", "audit"),
            ("POST", "users"),
        ]:
            assert other.request(method, path, json={}).status_code == 403
        assert other.get("users/admin").status_code == 404
        user = other.get("users/me").json()
        api.patch(f"templates/{hidden['id']}/acl", json={"user_perms": {user["id"]: "use"}})
        assert other.get(f"templates/{hidden['id']}").status_code == 200


# Versions


@pytest.mark.parametrize(
    ("files", "variables", "line"),
    [
        ({"main.tf": 'resource "a" "b" {\n  x = 1\n'}, {}, "Error: Invalid configuration syntax"),
        ({"main.tf": "locals {\n  a = = 1\n}\n"}, {}, "  on main.tf line 2:"),
        ({"README.md": "text"}, {}, "Error: No configuration files"),
        ({"modules/main.tf": GOOD}, {}, "Error: No configuration files"),
        ({"main.tf": GOOD}, {"image": "x", "imgae": "y"}, 'variable named "imgae"'),
        ({"main.tf": GOOD + "locals {\n  a = var.nope\n}\n"}, {}, 'the name "nope"'),
        ({"main.tf": GOOD + 'locals {\n  a = "${coder_agent.x.id}"\n}\n'}, {}, '"coder_agent" "x"'),
        ({"main.tf": GOOD, "b.tf": 'variable "image" {}\n'}, {}, "Duplicate variable declaration"),
        (
            {"main.tf": 'locals {\n  a = file("${path.module}/gone.json")\n}\n'},
            {},
            'no file exists at "./gone.json"',
        ),
        (
            {"main.tf": 'variable "size" {\n  type = number\n}\n'},
            {"size": "large"},
            "number required",
        ),
    ],
)
def test_a_bad_template_fails_its_import_and_the_log_says_why(
    api: httpx.Client, files: dict[str, str], variables: dict[str, str], line: str
) -> None:
    version = imported(api, files, variables)
    assert version["job"]["status"] == "failed"
    assert "terraform plan: exit status 1" in version["job"]["error"]
    log = api.get(f"templateversions/{version['id']}/logs").json()
    assert any(line in entry["output"] for entry in log), log
    after = log[2]["id"]
    rest = api.get(f"templateversions/{version['id']}/logs", params={"after": after}).json()
    assert rest == log[3:]
    refused = api.post(
        "organizations/default/templates",
        json={"name": "bad", "template_version_id": version["id"]},
    )
    assert refused.status_code == 400


def test_what_only_looks_like_a_mistake_is_imported(api: httpx.Client) -> None:
    harmless = """
locals {
  text = "var.nope local.nope $${var.nope}"
  long = <<-EOT
    var.nope said "data.no.thing" and { coder_agent.nope }
  EOT
  some = { for key, item in { a = 1 } : key => item }
  none = false ? file("${path.module}/gone") : "module.nope"
}
"""
    version = imported(api, {"main.tf": GOOD, "more.tf": harmless}, {"image": "x"})
    assert version["job"]["status"] == "succeeded", version["job"]


def test_missing_values_and_unknown_logins_fail_the_import(api: httpx.Client) -> None:
    missing = imported(api, {"main.tf": GOOD})["job"]
    assert (missing["status"], missing["error_code"]) == ("failed", "REQUIRED_TEMPLATE_VARIABLES")
    assert missing["error"].endswith("need values: image")
    login = (
        'variable "id" {\n  default = "gitlub"\n}\ndata "coder_external_auth" "a" {\n  id = %s\n}'
    )
    unknown = imported(api, {"main.tf": login % "var.id"})["job"]
    assert unknown["error"] == 'external auth provider "gitlub" is not configured'
    known = imported(api, {"main.tf": login % "var.id"}, {"id": "other"})["job"]
    assert known["status"] == "succeeded"


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"file_id": "0c7b1c1e-0000-4000-8000-000000000000"}, 404, "File not found."),
        ({"name": "a b"}, 400, "Validation failed."),
        ({"name": "a" * 65}, 400, "Validation failed."),
        ({"storage_method": "git"}, 400, "Validation failed."),
        ({"user_variable_values": ["a"]}, 400, "Validation failed."),
        ({"template_id": "0c7b1c1e-0000-4000-8000-000000000000"}, 404, "Template does not exist."),
    ],
)
def test_a_version_that_coderd_refuses(
    api: httpx.Client, change: dict[str, Any], status: int, message: str
) -> None:
    tar = {"content-type": "application/x-tar"}
    file = api.post("files", content=archive({"main.tf": GOOD}), headers=tar).json()["hash"]
    body = {"storage_method": "file", "provisioner": "terraform", "file_id": file, **change}
    answer = api.post("organizations/default/templateversions", json=body)
    assert (answer.status_code, answer.json()["message"]) == (status, message)


def test_version_names_are_unique_within_a_template(api: httpx.Client, name: str) -> None:
    made = template(api, name)
    files, variables = {"main.tf": GOOD}, {"image": "x"}
    version = imported(api, files, variables, name="one", template_id=made["id"])
    assert api.get(f"templates/{made['id']}/versions/one").json()["id"] == version["id"]
    body = {"name": "one", "template_id": made["id"], "storage_method": "file"}
    tar = {"content-type": "application/x-tar"}
    file = api.post("files", content=archive(files), headers=tar)
    assert file.status_code == 200
    again = api.post(
        "organizations/default/templateversions",
        json={**body, "provisioner": "terraform", "file_id": file.json()["hash"]},
    )
    assert again.status_code == 409
    assert again.json()["validations"][0]["field"] == "name"
    other = imported(api, files, variables, template_id=made["id"])
    assert other["name"]
    assert api.patch(f"templateversions/{other['id']}", json={"name": "one"}).status_code == 409
    assert len(api.get(f"templates/{made['id']}/versions").json()) == 3


def test_an_upload_that_is_no_tar_archive(api: httpx.Client) -> None:
    assert api.post("files", content=b"x", headers={"content-type": "a/b"}).status_code == 400
    tar = {"content-type": "application/x-tar"}
    file = api.post("files", content=b"not a tar archive" * 100, headers=tar).json()["hash"]
    version = api.post(
        "organizations/default/templateversions",
        json={"storage_method": "file", "provisioner": "terraform", "file_id": file},
    ).json()
    job = until_over(api, f"templateversions/{version['id']}")["job"]
    assert job["error"] == "extract files: the file is not a tar archive"


# Templates


@pytest.mark.parametrize("bad", ["", "-a", "a--b", "a_b", "a b", "a" * 33, "a-"])
def test_template_names_that_coderd_refuses(api: httpx.Client, bad: str) -> None:
    version = imported(api, {"main.tf": GOOD}, {"image": "x"})
    answer = api.post(
        "organizations/default/templates",
        json={"name": bad, "template_version_id": version["id"]},
    )
    assert answer.status_code == 400
    assert answer.json()["validations"][0]["field"] == "name"


def test_template_names_are_unique(api: httpx.Client, name: str) -> None:
    template(api, name)
    second = template(api, f"{name}-2")
    version = imported(api, {"main.tf": GOOD}, {"image": "x"})
    for answer in (
        api.post(
            "organizations/default/templates",
            json={"name": name, "template_version_id": version["id"]},
        ),
        api.patch(f"templates/{second['id']}", json={"name": name}),
    ):
        assert answer.status_code == 409
        assert answer.json()["message"] == f'Template with name "{name}" already exists.'


def test_settings_are_kept_and_an_empty_change_is_not_modified(
    api: httpx.Client, name: str
) -> None:
    made = template(api, name, description="one", default_ttl_ms=1000)
    assert (made["description"], made["default_ttl_ms"]) == ("one", 1000)
    assert made["activity_bump_ms"] == 3_600_000
    assert api.patch(f"templates/{made['id']}", json={"description": "one"}).status_code == 304
    week = {"days_of_week": ["sunday", "monday"], "weeks": 2}
    change = {"description": "", "autostop_requirement": week, "max_port_share_level": "public"}
    changed = api.patch(f"templates/{made['id']}", json=change).json()
    assert changed["description"] == ""
    assert changed["autostop_requirement"] == {"days_of_week": ["monday", "sunday"], "weeks": 2}
    by_name = api.get(f"organizations/default/templates/{name}").json()
    assert by_name == api.get(f"templates/{made['id']}").json() == changed


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("default_ttl_ms", -1),
        ("default_ttl_ms", "1h"),
        ("max_port_share_level", "everyone"),
        ("cors_behavior", "none"),
        ("autostop_requirement", {"days_of_week": ["someday"]}),
        ("autostop_requirement", {"days_of_week": [], "weeks": 17}),
        ("display_name", " a"),
    ],
)
def test_settings_that_coderd_refuses(
    api: httpx.Client, name: str, field: str, value: object
) -> None:
    made = template(api, name)
    answer = api.patch(f"templates/{made['id']}", json={field: value})
    assert answer.status_code == 400
    assert answer.json()["validations"][0]["field"].startswith(field)
    assert api.get(f"templates/{made['id']}").json() == made


def test_only_a_good_version_of_the_template_is_promoted(api: httpx.Client, name: str) -> None:
    made = template(api, name)
    good = imported(api, {"main.tf": GOOD}, {"image": "y"}, template_id=made["id"])
    bad = imported(api, {"main.tf": "x"}, template_id=made["id"])
    foreign = imported(api, {"main.tf": GOOD}, {"image": "x"})
    versions = f"templates/{made['id']}/versions"
    for refused in (bad, foreign):
        assert api.patch(versions, json={"id": refused["id"]}).status_code == 400
    assert api.patch(versions, json={"id": made["id"]}).status_code == 404
    assert api.patch(versions, json={"id": good["id"]}).status_code == 200
    assert api.get(f"templates/{made['id']}").json()["active_version_id"] == good["id"]


def test_access_list(api: httpx.Client, name: str) -> None:
    made = template(api, name)
    organization = made["organization_id"]
    group = api.post("organizations/default/groups", json={"name": name}).json()
    acl = f"templates/{made['id']}/acl"
    assert [item["id"] for item in api.get(acl).json()["group"]] == [organization]
    roles = {organization: "", group["id"]: "admin"}
    assert api.patch(acl, json={"group_perms": roles}).status_code == 200
    shown = api.get(acl).json()
    assert [(item["id"], item["role"]) for item in shown["group"]] == [(group["id"], "admin")]
    for bad in ({group["id"]: "root"}, {made["id"]: "use"}, ["use"]):
        refused = api.patch(acl, json={"group_perms": bad})
        assert refused.status_code == 400
        assert refused.json()["validations"][0]["field"] == "group_perms"
    assert api.delete(f"groups/{group['id']}").status_code == 200
    assert api.get(acl).json()["group"] == []


def test_groups(api: httpx.Client, name: str) -> None:
    groups = "organizations/default/groups"
    made = api.post(groups, json={"name": name, "quota_allowance": 3}).json()
    assert api.get(f"{groups}/{name}").json() == made == api.get(f"groups/{made['id']}").json()
    assert api.post(groups, json={"name": name}).status_code == 409
    assert api.post(groups, json={"name": "Everyone"}).status_code == 400
    user = api.get("users/developer").json()
    change = {"add_users": [user["id"]], "display_name": "Some"}
    changed = api.patch(f"groups/{made['id']}", json=change).json()
    assert [item["username"] for item in changed["members"]] == ["developer"]
    assert changed["quota_allowance"] == 3
    unknown = api.patch(f"groups/{made['id']}", json={"add_users": [made["id"]]})
    assert unknown.status_code == 400
    removed = api.patch(f"groups/{made['id']}", json={"remove_users": [user["id"]]}).json()
    assert removed["members"] == []
    organization = made["organization_id"]
    assert len(api.get(f"groups/{organization}").json()["members"]) > 1
    assert api.delete(f"groups/{organization}").status_code == 400
    assert api.delete(f"groups/{made['id']}").status_code == 200
    assert api.get(f"groups/{made['id']}").status_code == 404


# Workspaces


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
    coderd: Coderd, api: httpx.Client, name: str
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
    coderd: Coderd, api: httpx.Client, name: str
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


# The rest


def test_what_is_secret_in_an_mcp_server_is_never_given_back(
    coderd: Coderd, api: httpx.Client, name: str
) -> None:
    servers = f"{coderd.url}/api/experimental/organizations/default/mcp-servers"
    secret = "Bearer very-secret-key"
    body = {
        "display_name": "Code",
        "slug": name,
        "url": "https://mcp.example.com/",
        "transport": "streamable_http",
        "availability": "default_off",
        "auth_type": "api_key",
        "api_key_header": "Authorization",
        "api_key_value": secret,
        "tool_allow_list": ["b", "a"],
    }
    made = api.post(servers, json=body)
    assert made.status_code == 201
    server = f"{servers}/{made.json()['id']}"
    shown = api.get(server)
    assert shown.json()["has_api_key"] is True
    assert shown.json()["tool_allow_list"] == ["a", "b"]
    changed = api.patch(
        server, json={"auth_type": "custom_headers", "custom_headers": {"X-Key": secret}}
    )
    assert changed.status_code == 200
    assert (changed.json()["has_api_key"], changed.json()["has_custom_headers"]) == (False, True)
    assert changed.json()["api_key_header"] == ""
    listed = api.get(servers)
    for answer in (made, shown, changed, listed, api.get("audit", params={"limit": 100})):
        assert "very-secret" not in answer.text
    for file in filter(Path.is_file, coderd.directory.rglob("*")):
        assert b"very-secret" not in file.read_bytes()
    assert api.post(servers, json=body).status_code == 409
    for change in (
        {"url": "mcp"},
        {"auth_type": "password"},
        {"api_key_value": ""},
        {"auth_type": "oauth2"},
        {"auth_type": "custom_headers"},
        {"slug": ""},
        {"enabled": "yes"},
    ):
        assert api.post(servers, json={**body, "slug": "x", **change}).status_code == 400
    assert api.delete(server).status_code == 204
    assert api.get(server).status_code == 404


def test_people_and_organizations(api: httpx.Client) -> None:
    found = api.get("users", params={"q": "develop"}).json()
    assert [user["username"] for user in found["users"]] == ["developer"]
    assert api.get("users", params={"q": "role:owner"}).json()["users"][0]["username"] == "admin"
    assert api.get("users", params={"q": "colour:red"}).status_code == 400
    (organization,) = api.get("organizations").json()
    for id in (organization["id"], organization["name"], "default"):
        assert api.get(f"organizations/{id}").json() == organization
    assert api.get("organizations/other").status_code == 404
    names = {item["username"] for item in api.get("organizations/default/members").json()}
    assert {"admin", "developer"} <= names


def test_the_audit_log_says_who_did_what(api: httpx.Client, name: str) -> None:
    made = template(api, name)
    api.patch(f"templates/{made['id']}", json={"icon": "/icon.png"})
    log = api.get("audit", params={"limit": 2}).json()
    assert [(item["action"], item["resource_target"]) for item in log["audit_logs"]] == [
        ("write", name),
        ("create", name),
    ]
    assert log["audit_logs"][0]["user"]["username"] == "admin"
    assert log["count"] > 2


@pytest.mark.parametrize("content", [b"{", b"[]", b""])
def test_a_body_that_is_no_object(api: httpx.Client, content: bytes) -> None:
    answer = api.post("organizations/default/groups", content=content)
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "Request body must be valid JSON.",
    )


def test_a_refused_request_leaves_nothing_behind(api: httpx.Client, name: str) -> None:
    made = template(api, name)
    other = {made["organization_id"]: "", made["id"]: "use"}
    refused = api.patch(f"templates/{made['id']}/acl", json={"group_perms": other})
    assert refused.status_code == 400
    assert len(api.get(f"templates/{made['id']}/acl").json()["group"]) == 1
