"""The golden path of the rendered template on the stand-in for coderd, over real HTTP."""

import io
import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from components.workspace_template import Firewall, WorkspaceTemplateArgs, render
from local.coderd import Coderd as LocalCoderd
from ops.coderd_api import Coderd
from ops.verify import CheckResult, GoldenPath, Outcome, verify

PATH = GoldenPath("firewalled", "verify", parameters={"cpu": "2", "memory": "4"}, seconds=30)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCoderd]:
    """A coderd with the template `firewalled`, as the provider would have uploaded it."""
    coderd = LocalCoderd(
        tmp_path_factory.mktemp("coderd"), {"gitlab": ("admin", "developer"), "other": ()}
    )
    coderd.start()
    try:
        with coderd.client() as client:
            _upload(client)
        yield coderd
    finally:
        coderd.stop()


def _upload(client: httpx.Client) -> None:
    rendered = render(
        WorkspaceTemplateArgs(
            stack="local",
            name="firewalled",
            namespace="coder-workspaces",
            image="codercom/enterprise-base:ubuntu-noble-20260601",
            firewall=Firewall("allowlist: []\n"),
        )
    )
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, data in rendered.files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    file = _answer(
        client.post(
            "/api/v2/files",
            content=content.getvalue(),
            headers={"content-type": "application/x-tar"},
        )
    )
    version = _answer(
        client.post(
            "/api/v2/organizations/default/templateversions",
            json={
                "storage_method": "file",
                "provisioner": "terraform",
                "file_id": file["hash"],
                "user_variable_values": [
                    {"name": name, "value": value} for name, value in rendered.variables.items()
                ],
            },
        )
    )
    deadline = time.monotonic() + 90
    while version["job"]["status"] in ("pending", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        version = _answer(client.get(f"/api/v2/templateversions/{version['id']}"))
    assert version["job"]["status"] == "succeeded", version
    _answer(
        client.post(
            "/api/v2/organizations/default/templates",
            json={"name": "firewalled", "template_version_id": version["id"]},
        )
    )


def _answer(response: httpx.Response) -> Any:
    assert response.is_success, response.text
    return response.json()


def walk(local: LocalCoderd, path: GoldenPath = PATH) -> dict[str, CheckResult]:
    coderd = Coderd(local.url, local.token)
    results = verify(coderd, path, sleep=lambda _: time.sleep(0.05))
    assert local.token not in repr(results)
    return {result.name: result for result in results}


def workspaces(local: LocalCoderd) -> int:
    with local.client() as client:
        return int(_answer(client.get("/api/v2/workspaces"))["count"])


@pytest.mark.parametrize(
    ("owner", "not_checked"),
    [
        ("me", {"requests from inside"}),
        ("developer", {"requests from inside", "owner logged in to GitLab"}),
    ],
)
def test_the_whole_path_twice(local: LocalCoderd, owner: str, not_checked: set[str]) -> None:
    for _ in range(2):
        results = walk(local, replace(PATH, owner=owner))
        assert {r for r in results.values() if r.outcome is Outcome.FAILED} == set()
        assert {n for n, r in results.items() if r.outcome is Outcome.NOT_CHECKED} == not_checked
        assert results["workspace deleted"].outcome is Outcome.PASSED
        assert workspaces(local) == 0


@pytest.mark.parametrize(
    ("path", "step", "message"),
    [
        (
            replace(PATH, external_auth_id="other"),
            "owner logged in to GitLab",
            "/external-auth/other",
        ),
        (replace(PATH, template="open"), "template imported", "there are: firewalled"),
        (replace(PATH, owner="nobody"), "owner known", "no user 'nobody'"),
        (replace(PATH, parameters={"gpu": "1"}), "workspace built", "gpu"),
        (replace(PATH, workspace="not a name"), "workspace built", "name"),
    ],
)
def test_refusals_end_the_walk_and_leave_nothing(
    local: LocalCoderd, path: GoldenPath, step: str, message: str
) -> None:
    (failed,) = [r for r in walk(local, path).values() if r.outcome is Outcome.FAILED]
    assert failed.name == step
    assert message in failed.detail
    assert workspaces(local) == 0
