"""The golden path: a workspace of a template is built, its agent connects, and it is deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from components.coder.api import RefusedError
from components.coder.lookup import UnknownOrganizationError
from components.coder_agents import is_chat_agent
from ops.verification.catalogue import of
from ops.verification.deployment import (
    CoderDeployment,
    DeployedTemplate,
    ExternalAuth,
    Made,
    Task,
    TemplateVersion,
    User,
    UsersResponse,
    Workspace,
)
from ops.verification.model import CheckGroup, Failed, Interrupted, NotChecked
from ops.verification.plan import Target
from ops.verification.run import Clock, Run
from ops.verification.state import Leftover
from ops.verification.terminal import Terminal

_FAILED_JOB: Final = frozenset({"failed", "canceled"})
_FINAL_JOB: Final = _FAILED_JOB | {"succeeded"}
_BROKEN_AGENT: Final = frozenset({"start_error", "start_timeout", "off", "shutting_down"})
_DECLARED: Final = "path.declared"
_POLL_SECONDS: Final = 2.0
_CURL_SECONDS: Final = 20
_PROMPT: Final = "Answer with the word ready, and do nothing else."
# Where Coder has Tasks: the first is that of 2.29 and newer.
_TASKS: Final = ("/api/v2/tasks", "/api/experimental/tasks")

_INSIDE: Final = f"""\
say status "$(curl -q -s -o /dev/null -m {_CURL_SECONDS} -w '%{{http_code}}' -- "$url" 2>/dev/null)"
"""


class Visit:
    """A workspace that is made, looked at and deleted.

    Args:
        run: takes the checks.
        deployment: the deployment.
        target: what to make.
        declared: says that a template's version is what the settings make; raises as a check does.

    Attributes:
        owner: user name of the owner, once it is known.
        version: the template's active version, once it is known.
        template_id: id of the template, once it is known.
        workspace_id: id of the workspace, once it is made.
        build_id: id of its first build, once it ended.
        agent_id: id of its agent, once it is connected and ready; not of that for Coder's own.
        chat_agent_id: id of that for Coder's own agents then, empty if there is none.
    """

    def __init__(
        self,
        run: Run,
        deployment: CoderDeployment,
        target: Target,
        declared: Callable[[str, TemplateVersion], str],
    ) -> None:
        self.run = run
        self._is_declared = declared
        self.deployment = deployment
        self.target = target
        self.owner = ""
        self.version: TemplateVersion | None = None
        self.template_id = ""
        self.workspace_id = ""
        self.build_id = ""
        self.agent_id = ""
        self.chat_agent_id = ""
        self._token_user = ""
        self._clock = run.clock

    @property
    def name(self) -> str:
        """OWNER/NAME of the workspace."""
        return f"{self.owner or self.target.owner}/{self.target.workspace}"

    @property
    def url(self) -> str:
        """The URL by which it reaches coderd."""
        return (self.target.access_url or self.deployment.url).rstrip("/")

    @property
    def terminal(self) -> Terminal:
        """Terminals of its agent."""
        return self.terminal_of(self.agent_id)

    def terminal_of(self, agent_id: str) -> Terminal:
        """Return the terminals of one of its agents."""
        return Terminal(
            self.deployment.coderd, agent_id, clock=self._clock.now, check=self._clock.check
        )

    def build(self) -> None:
        """Take the path up to a ready agent; a step that fails ends it."""
        steps = (
            ("path.owner", self._owner),
            ("path.template", self._template),
            (_DECLARED, self._declared),
            ("path.built", self._built),
            ("path.agent", self._agent),
        )
        for check, step in steps:
            # Of another version than the settings' the rest is worth knowing.
            if not self.run.take(check, self.target.subject, step) and check != _DECLARED:
                why = f"after: {check}"
                rest = [each.id for each in of(CheckGroup.PATH) if each.id != "path.deleted"]
                self.run.leave(rest, self.target.subject, why, "mend that first")
                return

    def look_inside(self) -> None:
        """Ask coderd from inside, outside of any jail."""
        if self.agent_id:
            self.run.take("path.inside", self.target.subject, self._inside)

    def delete(self) -> None:
        """Delete the workspace, whatever became of it."""
        if self.workspace_id:
            # Also when the run is to end.
            self._clock = replace(self._clock, ending=type(self._clock.ending)())
            self.run.take("path.deleted", self.target.subject, self._deleted, always=True)

    def _owner(self) -> str:
        self._token_user = self.deployment.get(User, "/api/v2/users/me").username
        name, identity = self.target.owner, self.target.external_auth
        if name not in ("me", self._token_user):
            found = self.deployment.get(UsersResponse, "/api/v2/users", q=name).users
            if not any(user.username == name for user in found):
                raise Failed(f"there is no user {name!r}", "name one that there is by --owner")
            self.owner = name
            # coderd tells the logins of the token's own user alone; the build shows this one's.
            return f"{name}, by the token of {self._token_user}"
        self.owner = self._token_user
        auth = self.deployment.get(ExternalAuth, f"/api/v2/external-auth/{identity}")
        if auth.device:
            raise Failed(
                f"{identity} uses the device flow, which GitLab does not have",
                "remove its device flow from coderd's variables",
            )
        if not auth.authenticated:
            url = f"{self.target.access_url or self.deployment.url}/external-auth/{identity}"
            raise Failed(f"{self.owner} is not logged in to {identity}", f"open {url}")
        return f"{self.owner}, logged in to {identity}"

    def _template(self) -> str:
        organization = organization_of(self.deployment, self.target.organization)
        path = f"/api/v2/organizations/{organization}/templates"
        by_name = {
            each.name: each for each in self.deployment.get(tuple[DeployedTemplate, ...], path)
        }
        if self.target.template not in by_name:
            names = ", ".join(sorted(by_name)) or "none"
            raise Failed(
                f"there is no template {self.target.template!r}; there are: {names}",
                "bring the stack up",
            )
        template = by_name[self.target.template]
        self.template_id = template.id
        self.version = self.deployment.get(
            TemplateVersion, f"/api/v2/templateversions/{template.active_version_id}"
        )
        if self.version.job.status != "succeeded":
            raise Failed(f"version {self.version.name} {self.version.job}", "read its import's log")
        return f"version {self.version.name} is active"

    def _declared(self) -> str:
        assert self.version is not None  # noqa: S101  path.template found it
        return self._is_declared(self.target.template, self.version)

    def _built(self) -> str:
        target = self.target
        leftover = Leftover(self.owner, target.workspace, target.task)
        self.run.state.making(leftover)
        self.run.says(f"{target.subject}: {self.name} is being built")
        try:
            self.workspace_id = self._task() if target.task else self._workspace()
        except (RefusedError, NotChecked):
            self.run.state.gone(leftover)
            raise
        for workspace in self._workspaces():
            build = workspace.latest_build
            if build.job.status not in _FINAL_JOB:
                continue
            if build.job.status != "succeeded" or build.status != "running":
                raise Failed(
                    f"the build {build.job}; it is {build.status}", "read the build's log in Coder"
                )
            self.build_id = build.id
            return f"{self.name} is running"
        raise Failed(
            f"the build has not ended after {target.seconds:.0f} s",
            "read its log in Coder; give more time by --minutes",
        )

    def _workspace(self) -> str:
        target = self.target
        parameters = [{"name": n, "value": v} for n, v in sorted(target.parameters.items())]
        body = {
            "template_id": self.template_id,
            "name": target.workspace,
            "rich_parameter_values": parameters,
        }
        return self.deployment.post(Made, f"/api/v2/users/{target.owner}/workspaces", body).id

    def _task(self) -> str:
        target = self.target
        body = {
            "template_version_id": self.version.id if self.version else "",
            "input": _PROMPT,
            "name": target.workspace,
        }
        for path in _TASKS:
            try:
                task = self.deployment.post(Task, f"{path}/{target.owner}", body)
            except RefusedError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
                continue
            return task.workspace_id or self._found().id
        raise NotChecked(
            "this Coder has no Tasks, which the stack's templates are wired for",
            "set workspaces.tasks: false, or turn Tasks on in coderd",
        )

    def _found(self) -> Workspace:
        path = f"/api/v2/users/{self.owner}/workspace/{self.target.workspace}"
        return self.deployment.get(Workspace, path)

    def _agent(self) -> str:
        if not self.workspace_id:
            raise NotChecked("no workspace was made", "see path.built")
        seen = "there is no agent"
        for workspace in self._workspaces():
            agents = workspace.latest_build.agents
            states = {(agent.status, agent.lifecycle_state) for agent in agents}
            people = [agent for agent in agents if not is_chat_agent(agent.name)]
            if people and states == {("connected", "ready")}:
                self.agent_id = people[0].id
                chat = [agent.id for agent in agents if is_chat_agent(agent.name)]
                self.chat_agent_id = chat[0] if chat else ""
                return f"{len(agents)} agent{'s' if len(agents) > 1 else ''} connected and ready"
            if states:
                seen = "the agent is " + ", ".join(f"{s}, {life}" for s, life in sorted(states))
            if any(life in _BROKEN_AGENT for _, life in states):
                raise Failed(seen, "read the agent's startup logs in Coder")
        raise Failed(
            f"{seen} after {self.target.seconds:.0f} s",
            "read the agent's startup logs; give more time by --minutes",
        )

    def _inside(self) -> str:
        return coderd_answers(self.terminal, self.url)

    def _deleted(self) -> str:
        by_hand = f"delete {self.name} by hand"
        leftover = Leftover(self.owner, self.target.workspace, self.target.task)
        try:
            said = delete(self.deployment, self.workspace_id, self._clock, self.target.seconds)
        except RefusedError as error:
            raise Failed(str(error), by_hand) from None
        if said:
            raise Failed(said, by_hand)
        self.run.state.gone(leftover)
        return f"{self.name} is gone"

    def _workspaces(self) -> Iterator[Workspace]:
        """The workspace again and again, until its time is over."""
        for _ in self._clock.turns(self.target.seconds, _POLL_SECONDS):
            yield self.deployment.get(Workspace, f"/api/v2/workspaces/{self.workspace_id}")


def coderd_answers(terminal: Terminal, url: str) -> str:
    """Say that coderd answers a pod, outside of any jail; raises Failed, NotChecked."""
    asked = f"{url}/api/v2/buildinfo"
    ((status,),) = terminal.run(_INSIDE, {"url": asked}).of("status")
    if not status:
        raise NotChecked(
            "the image has no curl", f"in the workspace's terminal ask for {asked} by other means"
        )
    if status != str(int(HTTPStatus.OK)):
        raise Failed(
            f"GET {asked} gets {status if status.strip('0') else 'no answer'}",
            "see what stands between the workspaces' pods and coderd",
        )
    return f"GET {asked} gets 200"


def organization_of(deployment: CoderDeployment, name: str | None) -> str:
    """Return the id of an organization, of the default one for None; raises Failed, CoderdError."""
    try:
        return deployment.organization(name)
    except UnknownOrganizationError as error:
        named = f" = {name!r}" if name else ""
        raise Failed(f"coder.organization{named}: {error}", "name one of them") from None


def delete(deployment: CoderDeployment, id: str, clock: Clock, seconds: float) -> str:
    """Delete a workspace and wait until it is gone; returns why it is not, empty if it is.

    Raises:
        RefusedError: coderd does not let the token.
    """
    path = f"/api/v2/workspaces/{id}"
    try:
        # coderd takes no other build while one runs.
        canceled = False
        for _ in clock.turns(seconds, _POLL_SECONDS):
            build = deployment.get(Workspace, path).latest_build
            if build.job.status in _FINAL_JOB:
                break
            if not canceled:
                deployment.patch(f"/api/v2/workspacebuilds/{build.id}/cancel")
                canceled = True
        deployment.post(dict, f"{path}/builds", {"transition": "delete"})
        for _ in clock.turns(seconds, _POLL_SECONDS):
            build = deployment.get(Workspace, path).latest_build
            if build.status == "deleted":
                return ""
            if build.transition == "delete" and build.job.status in _FAILED_JOB:
                return f"the build {build.job}"
    except RefusedError as error:
        # coderd answers 410 for a deleted workspace.
        if error.status not in (HTTPStatus.GONE, HTTPStatus.NOT_FOUND):
            raise
        return ""
    return f"it is still there after {seconds:.0f} s"


def clean(run: Run, deployment: CoderDeployment, seconds: float) -> list[str]:
    """Delete what a run left; returns what could not be, with the reason."""
    failed = []
    for leftover in run.state.leftovers:
        try:
            run.clock.check()
            run.says(f"deleting {leftover}, which an earlier run left")
            path = f"/api/v2/users/{leftover.owner}/workspace/{leftover.name}"
            workspace = deployment.get(Workspace, path)
            said = delete(deployment, workspace.id, run.clock, seconds)
        except RefusedError as error:
            gone = error.status in (HTTPStatus.GONE, HTTPStatus.NOT_FOUND)
            said = "" if gone else str(error)
        except Interrupted:
            said = "the run was interrupted"
        if said:
            failed.append(f"{leftover}: {said}")
        else:
            run.state.gone(leftover)
    return failed
