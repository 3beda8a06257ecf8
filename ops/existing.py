"""What a deployment has already of what a stack declares, asked of coderd and of the cluster.

What is not there is told from what cannot be asked: a wrong address, a token that is not valid, and
an account that may not look are errors, never an absence.
"""

from __future__ import annotations

import io
import logging
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from importlib import import_module
from typing import Any, Final

import pulumi
from pulumi import automation

from components.coder.api import CoderdApi, CoderdError, RefusedError
from components.coder.lookup import UnknownOrganizationError
from components.coder.lookup import organization as find_organization
from components.errors import OperatorError
from ops import diagnostics
from ops.tokens import NETWORK_POLICY

# Kubernetes objects are read by the engine and its provider, with the stack's own credentials.
_BUILT_IN: Final = frozenset(
    {
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:core/v1:Secret",
        "kubernetes:core/v1:LimitRange",
        "kubernetes:core/v1:Namespace",
        "kubernetes:core/v1:ResourceQuota",
        "kubernetes:apps/v1:Deployment",
        "kubernetes:batch/v1:Job",
        NETWORK_POLICY,
    }
)
# The engine's own words for a provider that found nothing; everything else is a failure.
_ABSENT: Final = re.compile(r"resource '[^']*' does not exist\s*\Z")
_UNREACHABLE: Final = "configured Kubernetes cluster is unreachable"
# What coderd adds to the tags of every import.
_OWN_TAGS: Final = frozenset({"scope", "owner"})


class ExistingError(OperatorError):
    """It cannot be told what is there; the message says who was asked and why not."""


Object = tuple[str, str]
"""Type token and id of a Kubernetes object: namespace/name, or the name alone."""


def is_object(kind: str) -> bool:
    """Whether a type token is that of a Kubernetes object that can be looked for."""
    return kind in _BUILT_IN or is_custom(kind)


def is_custom(kind: str) -> bool:
    """Whether a type token is that of a custom resource."""
    # It has its API group, which has a dot.
    return kind.startswith("kubernetes:") and "." in kind and not kind.endswith("Patch")


def objects(
    stack: automation.Stack, context: str | None, wanted: Sequence[Object]
) -> dict[Object, dict[str, Any]]:
    """Return the Kubernetes objects that are there, their secrets masked.

    Args:
        stack: whose engine and credentials are used; nothing of it changes.
        context: the kubeconfig's context, as in the stack's settings.
        wanted: what to look for.

    Raises ExistingError when one cannot be looked for.
    """
    left = list(dict.fromkeys(wanted))
    there: dict[Object, dict[str, Any]] = {}
    while left:
        found, failed = _read(stack, context, left)
        absent = {key for key, message in failed.items() if _ABSENT.search(message)}
        for key, message in failed.items():
            if key not in absent:
                what = f"{key[0].rpartition(':')[2]} {key[1]}" if key else "the cluster"
                raise ExistingError(
                    f"cannot look for {what}: {_said(message)}; nothing was changed"
                )
        there |= found
        # What was read before the first that is not there ended the preview is known.
        left = [key for key in left if failed and key not in absent and key not in there]
    return there


def _read(
    stack: automation.Stack, context: str | None, wanted: Sequence[Object]
) -> tuple[dict[Object, dict[str, Any]], dict[Any, str]]:
    """Preview a program that only reads: what it found, and what failed and why."""
    names = {f"existing-{place}": key for place, key in enumerate(wanted)}
    found: dict[Object, dict[str, Any]] = {}
    failed: dict[Any, str] = {}
    unreachable: dict[Any, str] = {}

    def program() -> None:
        from pulumi_kubernetes import Provider  # noqa: PLC0415
        from pulumi_kubernetes.apiextensions import CustomResource  # noqa: PLC0415

        reading = pulumi.ResourceOptions(provider=Provider("existing", context=context))
        for name, (kind, identifier) in names.items():
            _, version, object_kind = kind.split(":")
            if kind in _BUILT_IN:
                # Loaded when wanted: every command starts with this module.
                group, _, release = version.partition("/")
                # networking.k8s.io is the module networking.
                module = import_module(f"pulumi_kubernetes.{group.partition('.')[0]}.{release}")
                getattr(module, object_kind).get(name, identifier, opts=reading)
            else:
                CustomResource.get(name, version, object_kind, identifier, opts=reading)

    def on_event(event: automation.events.EngineEvent) -> None:
        if event.res_outputs_event is not None:
            step = event.res_outputs_event.metadata
            key = names.get(_name(step.urn))
            if key is not None and step.new is not None:
                found[key] = dict(step.new.outputs or {})
        told = event.diagnostic_event
        if told is None or not told.urn:
            return
        if told.severity == "error":
            failed[names.get(_name(told.urn))] = told.message
        elif _UNREACHABLE in told.message:
            unreachable[names.get(_name(told.urn))] = told.message

    try:
        with _quiet():
            # The first that is not there ends the preview: all at once, few previews find them all.
            diagnostics.run(
                stack.preview, program=program, on_event=on_event, parallel=len(names) + 1
            )
    except diagnostics.RunError as error:
        if not failed:
            failed[None] = str(error)
    # The error itself advises to forget what the state knows; the warning before it says why.
    return found, failed | {key: unreachable[key] for key in failed.keys() & unreachable.keys()}


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what gRPC logs of an engine that ends early, which a missing object makes it do."""
    logger = logging.getLogger("grpc._server")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[1]


def _said(message: str) -> str:
    told = re.findall(r"^error: .*$", message, re.MULTILINE)
    text = (told[0] if told else message).strip().removeprefix("error: ")
    return text.removeprefix("Preview failed: ").rstrip(".")


@dataclass(frozen=True)
class Version:
    """A template version as coderd runs it.

    Attributes:
        id: its id.
        name: its name.
        message: its message.
        files: contents of the uploaded archive by path; None when coderd does not give it.
        variables: values of the Terraform variables that are not sensitive, by name.
        defaults: what they are when not given.
        tags: provisioner tags, without those that coderd adds.
    """

    id: str
    name: str
    message: str
    files: Mapping[str, bytes] | None
    variables: Mapping[str, str]
    defaults: Mapping[str, str]
    tags: Mapping[str, str]


class Existing:
    """What one organization of a coderd has.

    Args:
        api: the deployment and who asks.
        organization: name of the organization; None for the deployment's default one.

    Raises ExistingError when coderd cannot be asked, or hides a part from who asks.
    """

    def __init__(self, api: CoderdApi, organization: str | None) -> None:
        self._api = api
        try:
            # Any other server may answer 404 to the rest, which would look like an absence.
            if "version" not in api.get("/api/v2/buildinfo"):
                raise CoderdError(f"{api.url} does not answer as coderd does")
            found = find_organization(api, organization)
        except UnknownOrganizationError as error:
            named = f" = {organization!r}" if organization else ""
            raise ExistingError(f"coder.organization{named} at {api.url}: {error}") from None
        except (CoderdError, TypeError) as error:
            raise self._failed(error) from None
        self.organization = str(found["id"])
        self._name = str(found["name"])

    def templates(self) -> dict[str, dict[str, Any]]:
        """Return the organization's templates by name."""
        self._may_see_all()
        path = f"/api/v2/organizations/{self.organization}/templates"
        return {str(each["name"]): each for each in self._get(path) or []}

    def servers(self) -> dict[str, str]:
        """Return the ids of the organization's MCP servers by slug; none before Coder 2.37."""
        path = f"/api/experimental/organizations/{self.organization}/mcp-servers"
        return {str(each["slug"]): str(each["id"]) for each in self._get(path) or []}

    def ai_providers(self) -> dict[str, dict[str, Any]]:
        """Return the AI Gateway's providers by name; none before Coder 2.34."""
        return {str(each["name"]): each for each in self._get("/api/v2/ai/providers") or []}

    def access(self, template: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
        """Return a template's access list as its provider writes it: groups and users with roles.

        Empty where the deployment has none to tell of, which takes a licence.
        """
        try:
            found = self._api.get(f"/api/v2/templates/{template['id']}/acl")
        except RefusedError as error:
            if error.status == HTTPStatus.FORBIDDEN:
                return {}
            raise self._failed(error) from None
        except CoderdError as error:
            raise self._failed(error) from None
        return {
            kind: [{"id": str(each["id"]), "role": str(each["role"])} for each in found[key] or ()]
            for kind, key in (("groups", "group"), ("users", "users"))
        }

    def running(self, template: Mapping[str, Any]) -> Version:
        """Return the version that new builds of a template use."""
        path = f"/api/v2/templateversions/{template['active_version_id']}"
        try:
            version = self._api.get(path)
        except CoderdError as error:
            raise self._failed(error) from None
        file = version["job"].get("file_id")
        try:
            files = _unpacked(self._api.download(f"/api/v2/files/{file}"))
        except RefusedError:
            files = None
        except CoderdError as error:
            raise self._failed(error) from None
        variables = [
            each for each in self._get(f"{path}/variables") or [] if not each.get("sensitive")
        ]
        return Version(
            id=str(version["id"]),
            name=str(version["name"]),
            message=str(version.get("message", "")),
            files=files,
            variables={str(each["name"]): str(each["value"]) for each in variables},
            defaults={str(each["name"]): str(each["default_value"]) for each in variables},
            tags={
                key: value
                for key, value in (version["job"].get("tags") or {}).items()
                if key not in _OWN_TAGS
            },
        )

    def _may_see_all(self) -> None:
        check = {
            "object": {"resource_type": "template", "organization_id": self.organization},
            "action": "update",
        }
        try:
            answer = self._api.post("/api/v2/authcheck", {"checks": {"all": check}})
        except CoderdError as error:
            raise self._failed(error) from None
        if not answer.get("all"):
            raise ExistingError(
                f"the token's user may not see every template of organization {self._name!r} at "
                f"{self._api.url}, so what is missing cannot be told from what is hidden; use a "
                "token of a template administrator"
            )

    def _get(self, path: str) -> Any:
        try:
            return self._api.get(path)
        except RefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise self._failed(error) from None
        except CoderdError as error:
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> ExistingError:
        return ExistingError(
            f"cannot ask coderd at {self._api.url} what is there: {error}; nothing was changed"
        )


def _unpacked(archive: bytes) -> dict[str, bytes]:
    files = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            for member in opened:
                content = opened.extractfile(member) if member.isfile() else None
                if content is not None:
                    files[member.name.removeprefix("./")] = content.read()
    except tarfile.TarError:
        # A zip file, as the web interface uploads: nothing that this program made.
        return {}
    return files
