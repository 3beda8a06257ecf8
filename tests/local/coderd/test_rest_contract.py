"""The stand-in for coderd held against what a real coderd 2.30.0 answered to the same requests."""

import io
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from local.coderd.app import application, seed
from local.coderd.processes import Workspaces
from local.coderd.provisioner import Provisioner
from local.coderd.store import Store, now
from tests import deviations, recorded

LINES = recorded.lines("coderd-2.30.0/coderd_rest.jsonl")
TOKEN = "admins-own-token"
BASE = "/api/v2"
HCL = """
variable "firewall" {}
variable "gitlab_external_auth_id" {}
variable "namespace" {}
variable "use_kubeconfig" {}
variable "workspace_image" {}
data "coder_external_auth" "gitlab" {
  id = var.gitlab_external_auth_id
}
resource "coder_agent" "main" {
  os = "linux"
}
resource "coder_env" "one" {
  agent_id = coder_agent.main.id
}
resource "kubernetes_pod_v1" "main" {
  token = coder_agent.main.token
}
"""

NOT_HELD = {each.what for each in deviations.EXCHANGES}
# A workspace's life is told at the end of the recording: it belongs after 21 and after 23.
ORDER = (*range(22), 43, 44, 45, 22, 23, 46, 24, *range(25, 43))

FIREWALLED = "39117e5f-24d3-4786-9820-1ce293b45b08"
AGAIN = {
    "claude-code": "99b4e106-7b00-4ed2-a995-30f4b08ef8fa",
    "firewalled": "4f001e28-ae50-49a6-9309-7fb52b236edb",
}
WORKSPACE = "71269b4b-9d8f-4202-ade0-2d13d4fe8601"


def archive(text: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        member = tarfile.TarInfo("main.tf")
        member.size = len(text.encode())
        tar.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


class World:
    """A stand-in in this process, whose jobs are done when it is told to."""

    def __init__(self, directory: Path) -> None:
        self.store = Store(directory / "coderd.db")
        seed(self.store, TOKEN, {"gitlab": ["admin"]}, licensed=False)
        url, workspaces = "http://127.0.0.1:7090", directory / "workspaces"
        self.client = TestClient(application(self.store, url, workspaces))
        self.provisioner = Provisioner(self.store, Workspaces(self.store, workspaces, url, url))
        self.names = recorded.Names()
        self.walk = {8: self.work, 11: self.firewalled, 12: self.second, 13: self.broken}
        self.walk |= {18: self.again, 21: self.run, 44: self.work, 23: self.run, 24: self.work}

    def send(self, place: int) -> tuple[int, Any]:
        """Bring about what the recorded exchange met, and send its request."""
        prepare: Callable[[], None] = self.walk.get(place, lambda: None)
        prepare()
        line = LINES[place]
        asked: dict[str, Any] = {}
        if line["path"] == f"{BASE}/files":
            asked = {"content": archive(HCL), "headers": {"Content-Type": "application/x-tar"}}
        elif line["request"] is not None:
            asked = {"json": self.names.ours(line["request"])}
        headers = {"Coder-Session-Token": "x" if line["status"] == 401 else TOKEN}
        answer = self.client.request(
            line["method"],
            self.names.ours(line["path"]),
            **{**asked, "headers": {**headers, **asked.get("headers", {})}},
            follow_redirects=False,
        )
        body = answer.json() if answer.content else None
        self.names.learn(line["response"], body)
        return answer.status_code, body

    def ask(self, method: str, path: str, **more: Any) -> Any:
        headers = {"Coder-Session-Token": TOKEN, **more.pop("headers", {})}
        answer = self.client.request(method, f"{BASE}{path}", headers=headers, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def work(self) -> None:
        while self.provisioner._work():
            pass

    def version(self, text: str = HCL, template: str | None = None, name: str = "") -> str:
        tar = {"Content-Type": "application/x-tar"}
        file = self.ask("POST", "/files", content=archive(text), headers=tar)["hash"]
        values = self.names.ours(LINES[6]["request"])
        body = {**values, "file_id": file, "name": name, "template_id": template}
        made = self.ask("POST", "/organizations/default/templateversions", json=body)
        self.work()
        return str(made["id"])

    def template(self, name: str, id: str) -> None:
        body = {**LINES[9]["request"], "name": name, "template_version_id": self.version()}
        made = self.ask("POST", "/organizations/default/templates", json=body)
        self.names.pair(id, made["id"])

    def firewalled(self) -> None:
        self.template("firewalled", FIREWALLED)

    def second(self) -> None:
        template = self.names.ours(LINES[12]["response"]["id"])
        version = self.version(template=template, name="d231685c-joint-moccasin")
        self.names.pair("aa462d1b-de46-4848-a874-6c087de2a66a", version)
        self.ask("PATCH", f"/templates/{template}/versions", json={"id": version})

    def broken(self) -> None:
        text = HCL + 'resource "coder_agent" "broken" { os = var.nosuch }\n'
        version = self.version(text, self.names.ours(FIREWALLED))
        self.names.pair(LINES[13]["response"]["id"], version)

    def again(self) -> None:
        for template in self.ask("GET", "/organizations/default/templates"):
            self.ask("DELETE", f"/templates/{template['id']}")
        for name, id in AGAIN.items():
            self.template(name, id)

    def run(self) -> None:
        """Let the provisioner have begun with the workspace's build."""
        workspace = self.store.get("workspace", self.names.ours(WORKSPACE))
        assert workspace is not None
        *before, build = workspace["builds"]
        build = {**build, "job": {**build["job"], "status": "running", "started_at": now()}}
        self.store.put("workspace", {**workspace, "builds": [*before, build]})


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, tuple[int, Any]]]:
    world = World(tmp_path_factory.mktemp("coderd"))
    yield {place: world.send(place) for place in ORDER if place not in NOT_HELD}
    world.store.close()


def test_every_recorded_exchange_is_looked_at() -> None:
    assert sorted(ORDER) == list(range(len(LINES)))
    assert set(ORDER) >= NOT_HELD


@pytest.mark.parametrize("place", [place for place in ORDER if place not in NOT_HELD])
def test_an_answer_has_the_recorded_status_and_shape(
    answers: dict[int, tuple[int, Any]], place: int
) -> None:
    line = LINES[place]
    status, body = answers[place]
    what = f"{line['method']} {line['path']}"
    assert (what, status) == (what, line["status"])
    if status >= 400:
        said, told = (recorded.UUID.sub("ID", each["message"]) for each in (body, line["response"]))
        assert said == told
    found = [each for each in recorded.differences(line["response"], body) if not listed(each)]
    assert not found, "\n".join(found)


def listed(difference: str) -> bool:
    """Whether a difference is one of those that are listed with their reason."""
    path = difference.split(maxsplit=1)[0]
    return any(
        re.search(rf"(^|\.){re.escape(str(each.what))}(\.|$)", path) for each in deviations.FIELDS
    )


def test_every_listed_field_differs(answers: dict[int, tuple[int, Any]]) -> None:
    found = [
        each
        for place, (_, body) in answers.items()
        for each in recorded.differences(LINES[place]["response"], body)
    ]
    for field in deviations.FIELDS:
        pattern = rf"(^|\.){re.escape(str(field.what))}[. ]"
        assert any(re.search(pattern, each) for each in found), f"{field.what} agrees"
