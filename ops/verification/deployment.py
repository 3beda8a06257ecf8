"""coderd as a verification asks it: typed answers, each exchange noted for the evidence.

Of every answer only what is looked at has a type. An answer without it is told as what coderd does
not answer; a mistake of this program is not.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from components.coder import lookup
from components.coder.api import CoderdAccess, CoderdApi, CoderdError, RefusedError
from components.settings.model import Settings
from ops.verification.model import note
from ops.verification.redaction import Redaction

T = TypeVar("T")


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class BuildInfo(_Answer):
    """GET /buildinfo."""

    version: str


class Role(_Answer):
    """A role of a user."""

    name: str


class User(_Answer):
    """GET /users/{user}."""

    id: str
    username: str
    roles: tuple[Role, ...] = ()


class UsersResponse(_Answer):
    """GET /users."""

    users: tuple[User, ...]


class ExternalAuth(_Answer):
    """GET /external-auth/{provider}."""

    authenticated: bool
    device: bool


class Job(_Answer):
    """A provisioner's job."""

    status: str
    error: str | None = None
    file_id: str = ""

    def __str__(self) -> str:
        error = (self.error or "").strip()
        return f"{self.status}: {error}" if error else self.status


class DeployedTemplate(_Answer):
    """A template; `agents_allowed` is None before Coder 2.37."""

    id: str
    name: str
    active_version_id: str
    agents_allowed: bool | None = None


class TemplateVersion(_Answer):
    """A template version."""

    id: str
    name: str
    job: Job


class VersionVariable(_Answer):
    """A Terraform variable of a template version; the value of a sensitive one is not shown."""

    name: str
    value: str


class Agent(_Answer):
    """A workspace's agent."""

    id: str
    name: str
    status: str
    lifecycle_state: str


class WorkspaceResource(_Answer):
    """What a build made."""

    agents: tuple[Agent, ...] | None = None


class WorkspaceBuild(_Answer):
    """A build of a workspace."""

    id: str = ""
    transition: str
    status: str
    job: Job
    template_version_id: str = ""
    resources: tuple[WorkspaceResource, ...] = ()

    @property
    def agents(self) -> tuple[Agent, ...]:
        """Every agent that it has."""
        return tuple(agent for resource in self.resources for agent in resource.agents or ())


class Workspace(_Answer):
    """A workspace."""

    id: str
    name: str = ""
    owner_name: str = ""
    latest_build: WorkspaceBuild


class Made(_Answer):
    """What a POST made."""

    id: str


class Task(_Answer):
    """A Task; coderd makes its workspace with it."""

    id: str
    workspace_id: str | None = None


class AuditEntry(_Answer):
    """A line of coderd's audit log."""

    resource_id: str
    resource_type: str
    action: str


class AuditLog(_Answer):
    """GET /audit."""

    audit_logs: tuple[AuditEntry, ...]


class AnswerError(CoderdError):
    """coderd answered something that coderd does not answer."""


class CoderDeployment:
    """A Coder deployment that is asked for a verification.

    Args:
        coderd: where it is and who asks.
        redaction: what keeps secrets out of what is noted.
    """

    def __init__(self, coderd: CoderdAccess, redaction: Redaction) -> None:
        self.coderd = coderd
        self.redaction = redaction
        self._api = CoderdApi(coderd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._api.__exit__(kind, error, trace)

    @property
    def url(self) -> str:
        """The URL that is asked."""
        return self._api.url

    def organization(self, name: str | None) -> str:
        """Return the id of an organization, of the default one for None.

        Raises:
            UnknownOrganizationError: there is none, or it is hidden from who asks.
            CoderdError: as of get.
        """
        found = str(lookup.organization(self._api, name)["id"])
        note("GET /api/v2/organizations", f"{name or 'the default one'} is {found}")
        return found

    def known(self, settings: Settings) -> lookup.Known:
        """Return what the deployment has of what the settings name."""
        known = lookup.ask(self._api, settings)
        problems = "; ".join(map(str, known.problems)) or "all that the settings name"
        note("GET buildinfo, entitlements, organizations and groups", problems)
        return known

    def get(self, kind: type[T], path: str, **query: str) -> T:
        """Return the answer to a GET; raises CoderdError, RefusedError, AnswerError."""
        return self._typed(kind, "GET", path, lambda: self._api.get(path, **query), query)

    def post(self, kind: type[T], path: str, body: dict[str, Any]) -> T:
        """Return the answer to a POST; raises as get does."""
        return self._typed(kind, "POST", path, lambda: self._api.post(path, body), body)

    def patch(self, path: str) -> None:
        """Send a PATCH without a body; raises as get does."""
        self._typed(dict, "PATCH", path, lambda: self._api.patch(path), {})

    def download(self, path: str) -> bytes:
        """Return the content of a file; raises CoderdError, RefusedError."""
        content = self._api.download(path)
        note(f"GET {path}", f"200, {len(content)} bytes")
        return content

    def _typed(self, kind: type[T], method: str, path: str, send: Any, given: Any) -> T:
        request = f"{method} {path}" + (f" {self.redaction.excerpt(given)}" if given else "")
        try:
            answer = send()
        except RefusedError as error:
            note(request, self.redaction.text(str(error)))
            raise
        except CoderdError as error:
            note(request, self.redaction.text(str(error)))
            raise
        note(request, self.redaction.excerpt(answer))
        try:
            return TypeAdapter(kind).validate_python(answer)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the answer"
            raise AnswerError(
                f"{method} {path}: {where}: {first['msg']}: this is not what coderd answers"
            ) from None
