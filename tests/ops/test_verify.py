import json
import os
import re
import shlex
import stat
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from components.boundary import Contract, Expectation
from components.coder.api import Coderd
from ops.verify import (
    CheckResult,
    Execute,
    ExecuteError,
    GoldenPath,
    Outcome,
    Request,
    coder_ssh,
    curl,
    requests,
    verify,
)

TOKEN = "session-token-of-the-test"
URL = "https://dev.coder.com"
WORKSPACE = "aaaaaaaa-0000-4000-8000-000000000001"
PATH = GoldenPath("firewalled", "verify", parameters={"cpu": "2"})


class FakeCoderd:
    """The routes of coderd that the golden path takes; builds advance with each look at them."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self.users = ["admin", "dana"]
        self.templates = ["claude-code", "firewalled"]
        self.import_job: dict[str, Any] = {"status": "succeeded"}
        self.external_auth = {"authenticated": True, "device": False}
        self.builds = [
            ({"status": "pending"}, "pending"),
            ({"status": "running"}, "starting"),
            ({"status": "succeeded"}, "running"),
        ]
        self.agents = [("connecting", "created"), ("connected", "starting"), ("connected", "ready")]
        self.delete_job = {"status": "running"}
        self.gone_after = 2
        self.cancelable = True
        self.audit_status = 200
        self.audited = True
        self.exists = False
        self.deleting = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        path = request.url.path
        self.requests.append((request.method, request.url.raw_path.decode(), body))
        if path == "/api/v2/buildinfo":
            return httpx.Response(200, json={"version": "v2.34.1"})
        if request.headers.get("Coder-Session-Token") != TOKEN:
            return httpx.Response(401, json={"message": "Cookie missing"})
        for pattern, answer in self.routes():
            if re.fullmatch(pattern, f"{request.method} {path}"):
                return answer(request, body)
        return httpx.Response(404, json={"message": "Route not found."})

    def routes(self) -> list[tuple[str, Callable[[httpx.Request, Any], httpx.Response]]]:
        return [
            (
                "GET /api/v2/organizations",
                lambda *_: self.json([{"id": "o-1", "name": "coder", "is_default": True}]),
            ),
            ("GET /api/v2/users/me", lambda *_: self.json({"username": "admin"})),
            (
                "GET /api/v2/users",
                lambda request, _: self.json(
                    {
                        "users": [
                            {"username": name}
                            for name in self.users
                            if request.url.params["q"] in name
                        ]
                    }
                ),
            ),
            ("GET /api/v2/external-auth/gitlab", lambda *_: self.json(self.external_auth)),
            (
                "GET /api/v2/organizations/o-1/templates",
                lambda *_: self.json(
                    [
                        {"id": f"id-{name}", "name": name, "active_version_id": f"version-{name}"}
                        for name in self.templates
                    ]
                ),
            ),
            (
                "GET /api/v2/templateversions/version-firewalled",
                lambda *_: self.json({"name": "kind-otter", "job": self.import_job}),
            ),
            ("POST /api/v2/users/(me|dana)/workspaces", self.create),
            (f"GET /api/v2/workspaces/{WORKSPACE}", self.workspace),
            (f"POST /api/v2/workspaces/{WORKSPACE}/builds", self.build),
            ("PATCH /api/v2/workspacebuilds/build-1/cancel", self.cancel),
            ("GET /api/v2/audit", self.audit),
        ]

    @staticmethod
    def json(body: Any) -> httpx.Response:
        return httpx.Response(200, json=body)

    def create(self, _: httpx.Request, body: Any) -> httpx.Response:
        if body["name"] == "taken":
            return httpx.Response(
                409,
                json={
                    "message": 'Workspace "taken" already exists.',
                    "validations": [{"field": "name", "detail": "must be unique"}],
                },
            )
        self.exists = True
        return httpx.Response(201, json={"id": WORKSPACE, "name": body["name"]})

    def workspace(self, *_: Any) -> httpx.Response:
        assert self.exists
        if self.deleting:
            self.gone_after -= 1
            if self.gone_after < 0:
                return httpx.Response(410, json={"message": "deleted"})
            return self.json(
                {
                    "latest_build": {
                        "transition": "delete",
                        "status": "deleting",
                        "job": self.delete_job,
                        "resources": [],
                    }
                }
            )
        job, status = self.builds[0]
        agents = [{"status": self.agents[0][0], "lifecycle_state": self.agents[0][1]}]
        if len(self.builds) > 1:
            self.builds.pop(0)
        elif len(self.agents) > 1:
            self.agents.pop(0)
        resources = [
            {"agents": None},
            {"agents": agents if job["status"] == "succeeded" else []},
        ]
        return self.json(
            {
                "latest_build": {
                    "id": "build-1",
                    "transition": "start",
                    "status": status,
                    "job": job,
                    "resources": resources,
                }
            }
        )

    def build(self, _: httpx.Request, body: Any) -> httpx.Response:
        assert body == {"transition": "delete"}
        if self.builds[0][0]["status"] in ("pending", "running"):
            return httpx.Response(409, json={"message": "A workspace build is already active."})
        self.deleting = True
        return httpx.Response(201, json={})

    def cancel(self, *_: Any) -> httpx.Response:
        if not self.cancelable:
            return httpx.Response(403, json={"message": "Builds may not be canceled."})
        self.builds = [({"status": "canceling"}, "canceling"), ({"status": "canceled"}, "canceled")]
        return self.json({"message": "Job has been marked as canceled..."})

    def audit(self, *_: Any) -> httpx.Response:
        if self.audit_status != 200:
            return httpx.Response(self.audit_status, json={"message": "Audit log is licensed."})
        entries = [{"resource_id": "another", "action": "create"}]
        if self.audited:
            entries.append({"resource_id": WORKSPACE, "action": "create"})
        return self.json({"audit_logs": entries})


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def answering(answers: dict[str, str], asked: list[list[str]] | None = None) -> Execute:
    """A workspace in which each request gets a status."""

    def execute(workspace: str, command: Sequence[str]) -> str:
        if asked is not None:
            asked.append([workspace, *command])
        return next(status for url, status in answers.items() if url in command[-1])

    return execute


RIGHT = {
    "buildinfo": "200",
    "pypi.org": "200",
    "github.com": "301",
    "registry.npmjs.org": "403",
    "example.com": "403\n",
}


def walk(
    fake: FakeCoderd,
    path: GoldenPath = PATH,
    execute: Execute | None = None,
    token: str = TOKEN,
) -> dict[str, CheckResult]:
    clock = Clock()
    told: list[CheckResult] = []
    results = verify(
        Coderd(URL, token, httpx.MockTransport(fake)),
        path,
        execute=execute,
        progress=told.append,
        sleep=clock.sleep,
        clock=clock,
    )
    assert told == results
    assert TOKEN not in repr(results)
    return {result.name: result for result in results}


def failed(results: dict[str, CheckResult]) -> CheckResult:
    (found,) = [r for r in results.values() if r.outcome is Outcome.FAILED]
    return found


STEPS = [
    "coderd reachable",
    "owner known",
    "template imported",
    "owner logged in to GitLab",
    "workspace built",
    "agent ready",
    "requests from inside",
    "creation audited",
    "workspace deleted",
]


def test_the_whole_path() -> None:
    fake = FakeCoderd()
    results = walk(fake, execute=answering(RIGHT))
    assert list(results) == STEPS
    assert {r.outcome for r in results.values()} == {Outcome.PASSED}
    assert (
        "POST",
        "/api/v2/users/me/workspaces",
        {
            "template_id": "id-firewalled",
            "name": "verify",
            "rich_parameter_values": [{"name": "cpu", "value": "2"}],
        },
    ) in fake.requests
    assert results["workspace built"].seconds == 4
    assert results["agent ready"].detail == "1 agent connected and ready"
    assert fake.deleting


def test_without_a_way_inside_the_rest_is_still_checked() -> None:
    results = walk(FakeCoderd())
    assert results["requests from inside"].outcome is Outcome.NOT_CHECKED
    assert f"curl -fsS {URL}/api/v2/buildinfo" in results["requests from inside"].detail
    assert results["creation audited"].outcome is Outcome.PASSED


def test_an_admin_walks_for_an_owner() -> None:
    fake = FakeCoderd()
    asked: list[list[str]] = []
    results = walk(fake, replace(PATH, owner="dana"), answering(RIGHT, asked))
    assert results["owner logged in to GitLab"].outcome is Outcome.NOT_CHECKED
    assert "dana" in results["owner logged in to GitLab"].detail
    assert results["workspace deleted"].outcome is Outcome.PASSED
    assert {command[0] for command in asked} == {"dana/verify"}
    assert ("GET", "/api/v2/users?q=dana", None) in fake.requests


def test_a_kept_workspace() -> None:
    fake = FakeCoderd()
    assert "workspace deleted" not in walk(fake, replace(PATH, keep=True))
    assert fake.exists
    assert not fake.deleting


def change(**attributes: Any) -> Callable[[FakeCoderd], None]:
    return lambda fake: fake.__dict__.update(attributes)


@pytest.mark.parametrize(
    ("broken", "path", "step", "message"),
    [
        (change(), {"owner": "erin"}, "owner known", "no user 'erin'"),
        (change(), {"owner": "dan"}, "owner known", "no user 'dan'"),
        (
            change(external_auth={"authenticated": False, "device": False}),
            {},
            "owner logged in to GitLab",
            "open https://dev.coder.com/external-auth/gitlab",
        ),
        (
            change(external_auth={"authenticated": True, "device": True}),
            {},
            "owner logged in to GitLab",
            "device flow",
        ),
        (
            change(),
            {"external_auth_id": "gitlab-eu"},
            "owner logged in to GitLab",
            "404: Route not found.",
        ),
        (change(), {"template": "open"}, "template imported", "are: claude-code, firewalled"),
        (change(templates=[]), {}, "template imported", "there are: none"),
        (
            change(import_job={"status": "failed", "error": "terraform plan: exit 1"}),
            {},
            "template imported",
            "version kind-otter failed: terraform plan: exit 1",
        ),
        (
            change(),
            {"workspace": "taken"},
            "workspace built",
            '409: Workspace "taken" already exists. name: must be unique',
        ),
        (
            change(builds=[({"status": "failed", "error": "no quota"}, "failed")]),
            {},
            "workspace built",
            "the build failed: no quota",
        ),
        (
            change(builds=[({"status": "running"}, "starting")]),
            {"seconds": 30},
            "workspace built",
            "not ended after 30 s",
        ),
        (
            change(agents=[("connected", "start_error")]),
            {},
            "agent ready",
            "connected, start_error: see its startup logs",
        ),
        (
            change(agents=[("timeout", "created")]),
            {"seconds": 30},
            "agent ready",
            "the agent is timeout, created after 30 s",
        ),
        (change(audited=False), {}, "creation audited", "not among the last 50"),
        (
            change(delete_job={"status": "failed", "error": "forbidden"}),
            {},
            "workspace deleted",
            "failed: forbidden: delete admin/verify by hand",
        ),
        (
            change(gone_after=1000),
            {"seconds": 20},
            "workspace deleted",
            "still there after 20 s: delete admin/verify by hand",
        ),
    ],
)
def test_the_first_failure_ends_the_walk(
    broken: Callable[[FakeCoderd], None], path: dict[str, Any], step: str, message: str
) -> None:
    fake = FakeCoderd()
    broken(fake)
    results = walk(fake, replace(PATH, **path))
    assert failed(results).name == step
    assert message in failed(results).detail
    after = STEPS[STEPS.index(step) + 1 : -1]
    for name in after:
        assert results[name].outcome is Outcome.NOT_CHECKED
        assert results[name].detail == f"after: {step}"
    # What was made is cleared up, and nothing else is touched.
    assert fake.deleting is fake.exists


def test_a_build_that_may_not_be_canceled_is_left_with_a_word() -> None:
    fake = FakeCoderd()
    fake.builds = [({"status": "running"}, "starting")]
    fake.cancelable = False
    results = walk(fake, replace(PATH, seconds=30))
    assert results["workspace deleted"].outcome is Outcome.FAILED
    assert results["workspace deleted"].detail == (
        "403: Builds may not be canceled.: delete admin/verify by hand"
    )


def test_no_right_to_read_the_audit_log() -> None:
    fake = FakeCoderd()
    fake.audit_status = 403
    found = walk(fake)["creation audited"]
    assert found.outcome is Outcome.NOT_CHECKED
    assert "403: Audit log is licensed." in found.detail


def test_a_token_that_is_not_valid() -> None:
    results = walk(FakeCoderd(), token="expired-token")
    assert failed(results).detail == "401: the session token is not valid"
    assert "expired-token" not in repr(results)


@pytest.mark.parametrize("token", ["a\nb-of-the-test", "é-of-the-test"])
def test_a_token_that_http_cannot_carry(token: str) -> None:
    results = verify(Coderd("http://127.0.0.1:9", token), PATH)
    assert results[0].outcome is Outcome.FAILED
    assert "of-the-test" not in repr(results)


def test_nobody_there() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    results = verify(Coderd(URL, TOKEN, httpx.MockTransport(refuse)), PATH)
    assert results[0].detail == f"{URL} cannot be reached: connection refused"
    assert {r.outcome for r in results[1:]} == {Outcome.NOT_CHECKED}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={}),
        httpx.Response(302, headers={"Location": "https://elsewhere.example/"}),
    ],
)
def test_something_else_than_coderd(answer: httpx.Response) -> None:
    asked = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return answer

    results = verify(Coderd(URL, TOKEN, httpx.MockTransport(handle)), PATH)
    assert results[0].outcome is Outcome.FAILED
    assert asked == [f"{URL}/api/v2/buildinfo"]


@pytest.mark.parametrize(
    ("url", "status", "message"),
    [
        ("buildinfo", "502", "buildinfo must be ok but gets 502"),
        ("pypi.org", "403", "https://pypi.org/ must be allowed but gets 403"),
        ("github.com", "000", "https://github.com/ must be allowed but gets 000"),
        ("github.com", "", "https://github.com/ must be allowed but gets nothing"),
        ("example.com", "200", "https://example.com/ must be denied but gets 200"),
    ],
)
def test_the_firewall_is_looked_at_from_inside(url: str, status: str, message: str) -> None:
    results = walk(FakeCoderd(), execute=answering({**RIGHT, url: status}))
    assert failed(results).name == "requests from inside"
    assert message in failed(results).detail


def test_a_workspace_that_runs_no_command() -> None:
    def broken(workspace: str, command: Sequence[str]) -> str:
        raise ExecuteError("agent is not connected")

    found = failed(walk(FakeCoderd(), execute=broken))
    assert found.detail == f"GET {URL}/api/v2/buildinfo: agent is not connected"


def test_requests_come_from_the_contract() -> None:
    contract = Contract(
        must_allow=(Expectation("HEAD", "https://pypi.org/simple/", "packages"),),
        must_deny=(Expectation("POST", "https://gist.github.com/", "no upload"),),
    )
    coderd = f"{URL}/api/v2/buildinfo"
    outside = Request("GET", coderd, "ok", confined=False)
    assert requests(URL, None) == (outside,)
    assert requests(URL, contract) == (
        outside,
        Request("GET", coderd, "ok", confined=True),
        Request("HEAD", "https://pypi.org/simple/", "allowed", confined=True),
        Request("POST", "https://gist.github.com/", "denied", confined=True),
    )


def test_the_command_is_one_that_a_shell_runs(tmp_path: Path) -> None:
    """Run for real, with programs of the test in place of boundary and curl."""
    for name, text in {
        "boundary": '[ "$1" = -- ] && shift && CONFINED=yes "$@"',
        "curl": 'printf "%s %s" "${CONFINED:-no}" "$*"; exit 7',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(stat.S_IRWXU)
    url = "https://x.example/a?b=1&c=$HOME;d='"
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for request, start, method in (
        (Request("GET", url, "ok", confined=True), "yes", "-X GET"),
        (Request("HEAD", url, "ok", confined=False), "no", "-I"),
    ):
        done = subprocess.run(
            ["sh", "-c", shlex.join(curl(request))],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0
        assert done.stdout == f"{start} -s -o /dev/null -m 20 -w %{{http_code}} {method} {url}"


def coder_tool(tmp_path: Path, text: str) -> str:
    tool = tmp_path / "coder"
    tool.write_text(f"#!/bin/sh\n{text}\n")
    tool.chmod(stat.S_IRWXU)
    return str(tool)


def test_coder_ssh_gets_the_token_in_the_environment(tmp_path: Path) -> None:
    tool = coder_tool(
        tmp_path, 'printf "%s|" "$@"; printf "%s %s" "$CODER_URL" $CODER_SESSION_TOKEN'
    )
    execute = coder_ssh(Coderd(URL, TOKEN), tool)
    assert execute is not None
    said = execute("dana/verify", ["echo", "a b"])
    assert said == f"ssh|dana/verify|--|echo 'a b'|{URL} {TOKEN}"


def test_coder_ssh_fails_with_what_the_tool_said_but_the_token(tmp_path: Path) -> None:
    tool = coder_tool(tmp_path, 'echo noise >&2; echo "bad token $CODER_SESSION_TOKEN" >&2; exit 1')
    execute = coder_ssh(Coderd(URL, TOKEN), tool)
    assert execute is not None
    with pytest.raises(ExecuteError, match=r"^bad token \[secret\]$"):
        execute("me/verify", ["true"])


def test_coder_ssh_without_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert coder_ssh(Coderd(URL, TOKEN)) is None
    (tmp_path / "coder").mkdir()
    execute = coder_ssh(Coderd(URL, TOKEN), str(tmp_path / "coder"))
    assert execute is not None
    with pytest.raises(ExecuteError, match="cannot be started"):
        execute("me/verify", ["true"])
