"""What the tests of the stand-in for coderd make there."""

import io
import tarfile
import time
from typing import Any

import httpx

from local.coderd import LocalCoderd

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


def member(coderd: LocalCoderd, api: httpx.Client, name: str) -> httpx.Client:
    """A client with the token of a new user without any role."""
    user = {"username": name, "email": f"{name}@example.com"}
    assert api.post("users", json=user).status_code == 201
    token = api.post(f"users/{name}/keys/tokens", json={}).json()["key"]
    return httpx.Client(
        base_url=api.base_url, headers={"Coder-Session-Token": token}, trust_env=False
    )
