"""Walks the golden path of a template on a real Coder deployment, and says how far it got.

Template imported, owner logged in to GitLab, workspace built and running, agent connected and
ready; inside, coderd answers and the firewall allows and denies what it should; the audit log has
it. Everything but the look inside goes through coderd's REST API.
"""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final, Literal, Protocol

from components.boundary import Contract, Expectation
from components.coder.api import Coderd, CoderdApi, CoderdError, RefusedError
from components.coder.lookup import UnknownOrganizationError
from components.coder.lookup import organization as find_organization

_FAILED_JOB: Final = frozenset({"failed", "canceled"})
_FINAL_JOB: Final = _FAILED_JOB | {"succeeded"}
_BROKEN_AGENT: Final = frozenset({"start_error", "start_timeout", "off", "shutting_down"})
_AUDIT_ENTRIES: Final = 50
_POLL_SECONDS: Final = 2.0
_CURL_SECONDS: Final = 20
_EXECUTE_SECONDS: Final = 90


class Outcome(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class CheckResult:
    """One step of the golden path.

    Args:
        name: what was checked.
        outcome: what came of it.
        detail: what was seen, or why it was not checked; never a secret.
        seconds: how long it took.
    """

    name: str
    outcome: Outcome
    detail: str
    seconds: float


# What the deployed demonstration shows.
DEMONSTRATION: Final = Contract(
    must_allow=(
        Expectation("GET", "https://pypi.org/", "Python packages"),
        Expectation("GET", "https://github.com/", "source code"),
    ),
    must_deny=(
        Expectation("GET", "https://registry.npmjs.org/", "not in the policy"),
        Expectation("GET", "https://example.com/", "not in the policy"),
    ),
)


@dataclass(frozen=True)
class GoldenPath:
    """What to verify.

    Args:
        template: name of the template.
        workspace: name of the workspace to make; it must not exist.
        organization: name of the template's organization; None for the deployment's default one.
        owner: user name of the workspace's owner, `me` for the token's own.
        external_auth_id: id of GitLab in coderd.
        parameters: rich parameters of the build, such as cpu.
        contract: what the firewall must allow and deny; None for a template without one.
        access_url: URL by which workspaces reach coderd; None for the URL that is asked here.
        seconds: how long each of the build, the agent and the deletion may take.
        keep: leave the workspace there.
    """

    template: str
    workspace: str
    organization: str | None = None
    owner: str = "me"
    external_auth_id: str = "gitlab"
    parameters: Mapping[str, str] = field(default_factory=dict)
    contract: Contract | None = DEMONSTRATION
    access_url: str | None = None
    seconds: float = 600.0
    keep: bool = False


@dataclass(frozen=True)
class Request:
    """A request from inside a workspace, and the answer it must get.

    Args:
        method: HTTP method.
        url: what is asked for.
        answer: `ok` is status 200; `allowed` is any answer of the server itself; `denied` is the
            403 of Boundary's proxy.
        confined: sent from inside Boundary.
    """

    method: str
    url: str
    answer: Literal["ok", "allowed", "denied"]
    confined: bool

    def satisfied_by(self, status: str) -> bool:
        """Whether an HTTP status, as curl prints it, is the answer asked for."""
        denied = status == str(int(HTTPStatus.FORBIDDEN))
        if self.answer == "denied":
            return denied
        if self.answer == "ok":
            return status == str(int(HTTPStatus.OK))
        # 000 is curl's way to say that no answer came.
        return not denied and status.isdigit() and int(status) > 0


class Execute(Protocol):
    """Runs a command in a workspace."""

    def __call__(self, workspace: str, command: Sequence[str]) -> str:
        """Return what the command printed.

        Args:
            workspace: OWNER/NAME.
            command: the program and its arguments.

        Raises:
            ExecuteError: the command could not be run or failed.
        """


class ExecuteError(Exception):
    """A command could not be run in a workspace; the message says why."""


class _StepError(Exception):
    """A step of the path failed; the message says what was seen."""


class _NotChecked(Exception):
    """A step of the path cannot be taken here; the message says why."""


@dataclass
class _Walk:
    """What the steps taken so far have found."""

    api: CoderdApi
    path: GoldenPath
    execute: Execute | None
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    token_user: str = ""
    owner: str = ""
    template_id: str = ""
    workspace_id: str = ""


def verify(
    coderd: Coderd,
    path: GoldenPath,
    *,
    execute: Execute | None = None,
    progress: Callable[[CheckResult], None] = lambda result: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> list[CheckResult]:
    """Walk the golden path, and clear up the workspace made for it.

    A step that fails ends the walk; the steps after it are reported as not checked. The
    workspace, once made, is deleted whatever happens, unless `path.keep`.

    Args:
        coderd: the deployment.
        path: what to verify.
        execute: how to run a command in the workspace, None if there is no way: see coder_ssh.
        progress: told each result as soon as it is known.
        sleep: waits so many seconds.
        clock: seconds that only grow.
    """
    results: list[CheckResult] = []

    def take(name: str, step: Callable[[_Walk], str], walk: _Walk) -> bool:
        started = clock()
        try:
            outcome, detail = Outcome.PASSED, step(walk)
        except (_StepError, CoderdError) as error:
            outcome, detail = Outcome.FAILED, str(error)
        except (KeyError, TypeError, AttributeError, IndexError):
            outcome, detail = Outcome.FAILED, "the answer is not what coderd answers"
        except _NotChecked as reason:
            outcome, detail = Outcome.NOT_CHECKED, str(reason)
        results.append(CheckResult(name, outcome, detail, clock() - started))
        progress(results[-1])
        return outcome is not Outcome.FAILED

    with CoderdApi(coderd) as api:
        walk = _Walk(api, path, execute, sleep, clock)
        failed = ""
        try:
            for name, step in _STEPS:
                if failed:
                    results.append(CheckResult(name, Outcome.NOT_CHECKED, f"after: {failed}", 0.0))
                    progress(results[-1])
                elif not take(name, step, walk):
                    failed = name
        finally:
            if walk.workspace_id and not path.keep:
                take("workspace deleted", _delete_workspace, walk)
    return results


def coder_ssh(coderd: Coderd, program: str | None = None) -> Execute | None:
    """How to run a command in a workspace with Coder's own command line tool, if it is there.

    Args:
        coderd: the deployment; its token goes to the tool in the environment.
        program: path of the tool; the one on PATH if None.
    """
    found = program or shutil.which("coder")
    if found is None:
        return None

    def execute(workspace: str, command: Sequence[str]) -> str:
        try:
            done = subprocess.run(
                # One argument: what is on the other side is a shell.
                [found, "ssh", workspace, "--", shlex.join(command)],
                # Never on the command line, which every user of this machine can read.
                env={
                    **os.environ,
                    "CODER_URL": coderd.url,
                    "CODER_SESSION_TOKEN": coderd.token,
                },
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_EXECUTE_SECONDS,
                check=False,
            )
        except OSError as error:
            raise ExecuteError(f"{found} cannot be started: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise ExecuteError(f"no answer from the workspace in {_EXECUTE_SECONDS} s") from None
        if done.returncode != 0:
            said = done.stderr.replace(coderd.token, "[secret]").strip().splitlines()
            raise ExecuteError(said[-1] if said else f"exit code {done.returncode}")
        return done.stdout

    return execute


def _reachable(walk: _Walk) -> str:
    version = walk.api.get("/api/v2/buildinfo")["version"]
    walk.token_user = str(walk.api.get("/api/v2/users/me")["username"])
    return f"Coder {version}, asked by {walk.token_user}"


def _owner_known(walk: _Walk) -> str:
    wanted = walk.path.owner
    if wanted in ("me", walk.token_user):
        walk.owner = walk.token_user
        return f"{walk.owner}, by the owner's own token"
    found = walk.api.get("/api/v2/users", q=wanted)["users"]
    if not any(user["username"] == wanted for user in found):
        raise _StepError(f"there is no user {wanted!r}")
    walk.owner = wanted
    return f"{walk.owner}, by the token of {walk.token_user}"


def _logged_in(walk: _Walk) -> str:
    identity = walk.path.external_auth_id
    if walk.owner != walk.token_user:
        raise _NotChecked(
            f"coderd tells only the token's own user; the build shows whether {walk.owner} is "
            f"logged in to {identity}"
        )
    auth = walk.api.get(f"/api/v2/external-auth/{identity}")
    if auth["device"]:
        raise _StepError(f"{identity} uses the device flow, which GitLab does not have")
    if not auth["authenticated"]:
        raise _StepError(
            f"{walk.owner} is not logged in: open {walk.api.url}/external-auth/{identity}"
        )
    return f"{walk.owner} is logged in to {identity}"


def _template_imported(walk: _Walk) -> str:
    path = walk.path
    try:
        organization = find_organization(walk.api, path.organization)
    except UnknownOrganizationError as error:
        named = f" = {path.organization!r}" if path.organization else ""
        raise _StepError(f"coder.organization{named}: {error}") from None
    templates = walk.api.get(f"/api/v2/organizations/{organization['id']}/templates")
    by_name = {str(each["name"]): each for each in templates}
    if path.template not in by_name:
        names = ", ".join(sorted(by_name)) or "none"
        raise _StepError(f"there is no template {path.template!r}; there are: {names}")
    template = by_name[path.template]
    walk.template_id = str(template["id"])
    version = walk.api.get(f"/api/v2/templateversions/{template['active_version_id']}")
    if version["job"]["status"] != "succeeded":
        raise _StepError(f"version {version['name']} {_job(version['job'])}")
    return f"version {version['name']} is active"


def _workspace_built(walk: _Walk) -> str:
    path = walk.path
    workspace = walk.api.post(
        f"/api/v2/users/{path.owner}/workspaces",
        {
            "template_id": walk.template_id,
            "name": path.workspace,
            "rich_parameter_values": [
                {"name": name, "value": value} for name, value in sorted(path.parameters.items())
            ],
        },
    )
    walk.workspace_id = str(workspace["id"])
    for workspace in _workspaces(walk):
        build = workspace["latest_build"]
        if build["job"]["status"] not in _FINAL_JOB:
            continue
        if build["job"]["status"] != "succeeded" or build["status"] != "running":
            raise _StepError(f"the build {_job(build['job'])}; it is {build['status']}")
        return f"{path.workspace} is running"
    raise _StepError(f"the build has not ended after {path.seconds:.0f} s")


def _agent_ready(walk: _Walk) -> str:
    seen = "there is no agent"
    for workspace in _workspaces(walk):
        agents = [
            agent
            for resource in workspace["latest_build"]["resources"]
            for agent in resource.get("agents") or []
        ]
        states = {(str(agent["status"]), str(agent["lifecycle_state"])) for agent in agents}
        if states == {("connected", "ready")}:
            return f"{len(agents)} agent{'s' if len(agents) > 1 else ''} connected and ready"
        if states:
            seen = "the agent is " + ", ".join(f"{s}, {life}" for s, life in sorted(states))
        if any(life in _BROKEN_AGENT for _, life in states):
            raise _StepError(f"{seen}: see its startup logs")
    raise _StepError(f"{seen} after {walk.path.seconds:.0f} s")


def _inside(walk: _Walk) -> str:
    access_url = (walk.path.access_url or walk.api.url).rstrip("/")
    if walk.execute is None:
        raise _NotChecked(
            "Coder's command line tool is not on PATH; in the workspace's terminal run: "
            f"curl -fsS {access_url}/api/v2/buildinfo"
        )
    name = f"{walk.owner}/{walk.path.workspace}"
    expected = requests(access_url, walk.path.contract)
    wrong = []
    for request in expected:
        where = f"{request.method} {request.url}"
        try:
            status = walk.execute(name, curl(request)).strip()
        except ExecuteError as error:
            raise _StepError(f"{where}: {error}") from None
        if not request.satisfied_by(status):
            wrong.append(f"{where} must be {request.answer} but gets {status or 'nothing'}")
    if wrong:
        raise _StepError("; ".join(wrong))
    return f"{len(expected)} requests answered as they should be"


def requests(access_url: str, contract: Contract | None) -> tuple[Request, ...]:
    """What to ask for in a workspace: coderd as it is, then the contract from inside Boundary."""
    coderd = f"{access_url}/api/v2/buildinfo"
    outside = Request("GET", coderd, "ok", confined=False)
    if contract is None:
        return (outside,)
    return (
        outside,
        Request("GET", coderd, "ok", confined=True),
        *(Request(e.method, e.url, "allowed", confined=True) for e in contract.must_allow),
        *(Request(e.method, e.url, "denied", confined=True) for e in contract.must_deny),
    )


def curl(request: Request) -> list[str]:
    """The command that prints the HTTP status of a request, `000` if there is no answer.

    It succeeds whatever curl ends with: no answer is an answer here.
    """
    boundary = ["boundary", "--"] if request.confined else []
    ask = ["curl", "-s", "-o", "/dev/null", "-m", str(_CURL_SECONDS), "-w", "%{http_code}"]
    # A HEAD asked for with -X waits for a body that never comes.
    method = ["-I"] if request.method == "HEAD" else ["-X", request.method]
    return ["sh", "-c", shlex.join([*boundary, *ask, *method, request.url]) + " || true"]


def _audited(walk: _Walk) -> str:
    try:
        entries = walk.api.get("/api/v2/audit", limit=str(_AUDIT_ENTRIES))["audit_logs"]
    except RefusedError as error:
        raise _NotChecked(f"the token may not read the audit log ({error})") from None
    for entry in entries:
        if entry["resource_id"] == walk.workspace_id and entry["action"] == "create":
            return f"the creation of {walk.path.workspace} is in the audit log"
    raise _StepError(
        f"the creation of {walk.path.workspace} is not among the last {_AUDIT_ENTRIES} entries"
    )


def _delete_workspace(walk: _Walk) -> str:
    by_hand = f"delete {walk.owner}/{walk.path.workspace} by hand"
    try:
        _end_build(walk)
        walk.api.post(f"/api/v2/workspaces/{walk.workspace_id}/builds", {"transition": "delete"})
        for workspace in _workspaces(walk):
            build = workspace["latest_build"]
            if build["status"] == "deleted":
                return f"{walk.path.workspace} is gone"
            if build["transition"] == "delete" and build["job"]["status"] in _FAILED_JOB:
                raise _StepError(f"the build {_job(build['job'])}: {by_hand}")
    except RefusedError as error:
        # coderd answers 410 for a deleted workspace.
        if error.status not in (HTTPStatus.GONE, HTTPStatus.NOT_FOUND):
            raise _StepError(f"{error}: {by_hand}") from None
        return f"{walk.path.workspace} is gone"
    raise _StepError(f"it is still there after {walk.path.seconds:.0f} s: {by_hand}")


def _end_build(walk: _Walk) -> None:
    """Cancel a build that still runs: coderd takes no other while it does."""
    canceled = False
    for workspace in _workspaces(walk):
        build = workspace["latest_build"]
        if build["job"]["status"] in _FINAL_JOB:
            return
        if not canceled:
            walk.api.patch(f"/api/v2/workspacebuilds/{build['id']}/cancel")
            canceled = True


_STEPS: Final[tuple[tuple[str, Callable[[_Walk], str]], ...]] = (
    ("coderd reachable", _reachable),
    ("owner known", _owner_known),
    ("template imported", _template_imported),
    ("owner logged in to GitLab", _logged_in),
    ("workspace built", _workspace_built),
    ("agent ready", _agent_ready),
    ("requests from inside", _inside),
    ("creation audited", _audited),
)


def _workspaces(walk: _Walk) -> Iterator[dict[str, Any]]:
    """The workspace again and again, until the time of the path is over."""
    deadline = walk.clock() + walk.path.seconds
    while True:
        workspace = walk.api.get(f"/api/v2/workspaces/{walk.workspace_id}")
        yield workspace
        if walk.clock() >= deadline:
            return
        walk.sleep(_POLL_SECONDS)


def _job(job: Mapping[str, Any]) -> str:
    error = str(job.get("error") or "").strip()
    return f"{job['status']}: {error}" if error else str(job["status"])
