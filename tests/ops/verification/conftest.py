"""A coderd with a firewalled template and one without, and workspaces whose processes are real."""

import io
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from components.boundary import Contract, Expectation, Policy, PolicyRule, Rule, render_config
from components.coder.api import CoderdAccess
from components.workspace_template.args import WorkspaceTemplateArgs
from components.workspace_template.render import render
from components.workspace_template.wiring import Firewall, ModuleVersions
from local.coderd import LocalCoderd
from ops.verification import plan

POLICY = Policy(
    [
        PolicyRule(Rule.parse(rule), "tests", "for tests")
        for rule in (
            "domain=127.0.0.1",
            "method=GET domain=only-get.test",
            "domain=nowhere.invalid",
        )
    ]
)
CONTRACT = Contract(
    must_allow=(Expectation("GET", "http://nowhere.invalid/simple/", "an index"),),
    must_deny=(
        Expectation("GET", "http://denied.test/", "no rule"),
        Expectation("HEAD", "http://denied.test/", "no rule"),
        Expectation("POST", "http://only-get.test/", "reading alone"),
    ),
)
CONFIG = render_config(POLICY, jail_type="landjail")
FIREWALL = plan.FirewallPromise("landjail", POLICY, CONTRACT, CONFIG)


def answer(response: httpx.Response) -> Any:
    assert response.is_success, response.text
    return response.json()


def upload(client: httpx.Client, name: str, firewall: Firewall | None) -> None:
    """Make a template as the provider does, and wait for its import."""
    rendered = render(
        WorkspaceTemplateArgs(
            stack="local",
            name=name,
            namespace="coder-workspaces",
            image="codercom/enterprise-base:ubuntu-noble-20260601",
            firewall=firewall,
            # It starts Claude Code with the workspace; the stack `local` has module 5.
            module_versions=ModuleVersions("4.7.3"),
        )
    )
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for file_name, data in rendered.files.items():
            member = tarfile.TarInfo(file_name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    tar_type = {"content-type": "application/x-tar"}
    file = answer(client.post("/api/v2/files", content=content.getvalue(), headers=tar_type))
    body = {
        "storage_method": "file",
        "provisioner": "terraform",
        "file_id": file["hash"],
        "user_variable_values": [
            {"name": name, "value": value} for name, value in rendered.variables.items()
        ],
    }
    version = answer(client.post("/api/v2/organizations/default/templateversions", json=body))
    deadline = time.monotonic() + 90
    while version["job"]["status"] in ("pending", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        version = answer(client.get(f"/api/v2/templateversions/{version['id']}"))
    assert version["job"]["status"] == "succeeded", version
    made = {"name": name, "template_version_id": version["id"]}
    answer(client.post("/api/v2/organizations/default/templates", json=made))


@dataclass(frozen=True)
class Place:
    """A running coderd.

    Attributes:
        local: the stand-in.
        coderd: how its administrator asks it.
        developer: the token of a user who is no administrator.
    """

    local: LocalCoderd
    coderd: CoderdAccess
    developer: str

    def workspace(self, template: str, name: str) -> tuple[str, str]:
        """Make a workspace; returns its id and its agent's."""
        with self.local.client() as client:
            templates = answer(client.get("/api/v2/organizations/default/templates"))
            (id,) = [each["id"] for each in templates if each["name"] == template]
            body = {"template_id": id, "name": name}
            made = answer(client.post("/api/v2/users/me/workspaces", json=body))
            deadline = time.monotonic() + 60
            while made["latest_build"]["status"] != "running":
                assert time.monotonic() < deadline
                time.sleep(0.05)
                made = answer(client.get(f"/api/v2/workspaces/{made['id']}"))
            (agent,) = [
                agent
                for resource in made["latest_build"]["resources"]
                for agent in resource.get("agents", ())
            ]
            return str(made["id"]), str(agent["id"])

    def workspaces(self) -> list[str]:
        """The names of the workspaces there are."""
        with self.local.client() as client:
            found = answer(client.get("/api/v2/workspaces"))["workspaces"]
            return [str(each["name"]) for each in found]


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    local = LocalCoderd(
        tmp_path_factory.mktemp("coderd"), {"gitlab": ("admin", "developer"), "other": ()}
    )
    local.start()
    try:
        with local.client() as client:
            upload(client, "firewalled", Firewall(CONFIG, policy=POLICY.to_json()))
            upload(client, "open", None)
            key = answer(client.post("/api/v2/users/developer/keys/tokens", json={}))["key"]
        yield Place(local, CoderdAccess(local.url, local.token), str(key))
    finally:
        local.stop()
