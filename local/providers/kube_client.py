"""A client of the Kubernetes API: kubeconfig, discovery and server-side apply, over one pool.

Nothing of the official client is used: importing it takes longer than a whole preview.
"""

import base64
import binascii
import json
import os
import re
import ssl
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

Object = dict[str, Any]
"""A Kubernetes object as the API sends it."""

_DISCOVERY: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_APPLY: Final = "application/apply-patch+yaml"
_TIMEOUT_SECONDS: Final = 30.0
_CONNECTIONS: Final = 32
_WARNING: Final = re.compile(r'^299 \S+ "((?:[^"\\]|\\.)*)"')


class KubeconfigError(Exception):
    """The kubeconfig cannot be used; the message says what is missing in it."""


class Unreachable(Exception):
    """The API server does not answer; the message names its address."""


class ApiError(Exception):
    """The API server refused a request.

    Args:
        status: HTTP status.
        reason: the API's own class of the failure, for example "Conflict".
        message: what it says.
        causes: reason, field and message of each single cause.
    """

    def __init__(
        self, status: int, reason: str, message: str, causes: tuple[Mapping[str, str], ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = causes

    @property
    def conflicts(self) -> tuple[str, ...]:
        """What the server says of each field that another manager owns."""
        return tuple(
            cause.get("message", "")
            for cause in self.causes
            if cause.get("reason") == "FieldManagerConflict"
        )

    def only_with(self, manager: str) -> bool:
        """Whether all conflicts are with one manager."""
        return all(text.startswith(f'conflict with "{manager}"') for text in self.conflicts)


@dataclass(frozen=True)
class ResourceType:
    """A kind of object that the API server serves."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """The path of the objects in a namespace, or of one object."""
        root = "/api/v1" if self.api_version == "v1" else f"/apis/{self.api_version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


@dataclass(frozen=True)
class Target:
    """What a kubeconfig says about one cluster: where it is and how to prove oneself to it."""

    server: str
    namespace: str | None
    tls: ssl.SSLContext | bool
    headers: Mapping[str, str]


def load_kubeconfig(text: str | None) -> Object:
    """Parse a kubeconfig given as contents or as a path; without one, KUBECONFIG or the default.

    Raises:
        KubeconfigError: no file is found, or it is not a kubeconfig.
    """
    base: Path | None = None
    if text is None:
        listed = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
        candidates = [Path(part) for part in listed] or [Path.home() / ".kube" / "config"]
        base = next((path for path in candidates if path.is_file()), None)
        if base is None:
            raise KubeconfigError(
                "no kubeconfig: set the provider's option kubeconfig, or KUBECONFIG"
            )
        text = _read(base)
    elif "\n" not in text and not text.lstrip().startswith("{"):
        base = Path(text).expanduser()
        text = _read(base)
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError:
        raise KubeconfigError("the kubeconfig is not YAML") from None
    if not isinstance(config, dict) or not config.get("clusters"):
        raise KubeconfigError("the kubeconfig holds no clusters")
    if base is not None:
        _absolute(config, base.parent)
    return config


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise KubeconfigError(f"cannot read the kubeconfig {path}: {error.strerror}") from None


def _absolute(config: Object, directory: Path) -> None:
    for section, inner in (("clusters", "cluster"), ("users", "user")):
        for entry in config.get(section) or []:
            values = entry.get(inner) or {}
            for key in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
                if values.get(key):
                    values[key] = str(directory / values[key])


def server_of(config: Object, context: str | None, cluster: str | None) -> str:
    """The address of the API server a kubeconfig points at.

    Raises:
        KubeconfigError: a name in it does not lead anywhere.
    """
    return str(_parts(config, context, cluster)[0].get("server", ""))


def _parts(
    config: Object, context: str | None, cluster: str | None
) -> tuple[Object, Object, Object]:
    def entry(section: str, inner: str, name: str) -> Object:
        for candidate in config.get(section) or []:
            if candidate.get("name") == name:
                return dict(candidate.get(inner) or {})
        known = ", ".join(str(c.get("name")) for c in config.get(section) or []) or "none"
        raise KubeconfigError(f"the kubeconfig has no {inner} {name!r}: there is {known}")

    name = context or config.get("current-context")
    if not name:
        raise KubeconfigError("the kubeconfig has no current-context and no context is given")
    chosen = entry("contexts", "context", name)
    user = entry("users", "user", chosen["user"]) if chosen.get("user") else {}
    return entry("clusters", "cluster", cluster or chosen.get("cluster", "")), user, chosen


def target(config: Object, context: str | None = None, cluster: str | None = None) -> Target:
    """Where to connect to and how.

    Raises:
        KubeconfigError: a name leads nowhere, a file is missing, or the user is one that needs a
            program or a service to get credentials.
    """
    where, user, chosen = _parts(config, context, cluster)
    server = where.get("server")
    if not server:
        raise KubeconfigError("the kubeconfig's cluster has no server")
    for unsupported in ("exec", "auth-provider"):
        if user.get(unsupported):
            raise KubeconfigError(
                f"the kubeconfig's user gets credentials by {unsupported}, which the local "
                "provider does not run: use a token or a client certificate"
            )
    headers = {}
    token = user.get("token")
    if not token and user.get("tokenFile"):
        token = _read(Path(user["tokenFile"])).strip()
    if token:
        headers["Authorization"] = f"Bearer {token}"
    elif user.get("username"):
        pair = f"{user['username']}:{user.get('password', '')}".encode()
        headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
    return Target(
        server=str(server).rstrip("/"),
        namespace=chosen.get("namespace"),
        tls=_tls(where, user),
        headers=headers,
    )


def _tls(where: Object, user: Object) -> ssl.SSLContext | bool:
    try:
        if where.get("insecure-skip-tls-verify"):
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif where.get("certificate-authority-data"):
            authority = base64.b64decode(where["certificate-authority-data"]).decode()
            context = ssl.create_default_context(cadata=authority)
        else:
            context = ssl.create_default_context(cafile=where.get("certificate-authority"))
        certificate = user.get("client-certificate")
        key = user.get("client-key")
        if certificate and key:
            context.load_cert_chain(certificate, key)
        elif user.get("client-certificate-data") and user.get("client-key-data"):
            # ssl reads certificates from files only.
            with tempfile.NamedTemporaryFile() as both:
                both.write(base64.b64decode(user["client-certificate-data"]) + b"\n")
                both.write(base64.b64decode(user["client-key-data"]))
                both.flush()
                context.load_cert_chain(both.name)
    except (OSError, ValueError, binascii.Error) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise KubeconfigError(f"the kubeconfig's certificates cannot be used: {reason}") from None
    return context


class Client:
    """Requests to one API server, over connections that are kept.

    Every method raises Unreachable if the server does not answer, and ApiError if it refuses.

    Args:
        where: the server and the credentials.
    """

    def __init__(self, where: Target) -> None:
        self.server = where.server
        self._http = httpx.Client(
            base_url=where.server,
            verify=where.tls,
            headers={"User-Agent": "firewalled-coder-local", **where.headers},
            timeout=_TIMEOUT_SECONDS,
            limits=httpx.Limits(
                max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS
            ),
            trust_env=False,
        )
        self._types: dict[tuple[str, str], ResourceType] | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def find_type(self, api_version: str, kind: str) -> ResourceType | None:
        """The resource type of a kind, None if the server has none such."""
        types = self._types or self._discover()
        return types.get((api_version, kind))

    def forget_types(self) -> None:
        """Ask the server again about its types: a definition of one may just have been made."""
        with self._lock:
            self._types = None

    def get(self, kind: ResourceType, namespace: str | None, name: str) -> Object | None:
        """The object, None if it does not exist."""
        try:
            return self._request("GET", kind.path(namespace, name))
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def apply(
        self,
        kind: ResourceType,
        manifest: Object,
        *,
        manager: str,
        force: bool,
        dry_run: bool,
        warn: Callable[[str], None] = lambda _: None,
    ) -> Object:
        """Apply the fields of a manifest as those of a field manager.

        Args:
            kind: the type of the object.
            manifest: the fields, with name and namespace.
            manager: name of the field manager.
            force: whether to take fields from other managers instead of failing.
            dry_run: whether to only say what the object would become.
            warn: told what the server warns of, such as fields it does not know.
        """
        metadata = manifest["metadata"]
        params = {"fieldManager": manager, "fieldValidation": "Warn"}
        if force:
            params["force"] = "true"
        if dry_run:
            params["dryRun"] = "All"
        return self._request(
            "PATCH",
            kind.path(metadata.get("namespace"), metadata["name"]),
            params=params,
            content=json.dumps(manifest).encode(),
            headers={"Content-Type": _APPLY},
            warn=warn,
        )

    def delete(
        self, kind: ResourceType, namespace: str | None, name: str, *, propagation: str
    ) -> None:
        """Delete the object; one that does not exist is no error.

        Args:
            kind: the type of the object.
            namespace: where it is; None for types without namespaces.
            name: its name.
            propagation: "Background", "Foreground" or "Orphan".
        """
        try:
            self._request(
                "DELETE",
                kind.path(namespace, name),
                content=json.dumps({"propagationPolicy": propagation}).encode(),
                headers={"Content-Type": "application/json"},
            )
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

    def _discover(self) -> dict[tuple[str, str], ResourceType]:
        with self._lock:
            if self._types is None:
                types: dict[tuple[str, str], ResourceType] = {}
                for path in ("/api", "/apis"):
                    found = self._request("GET", path, headers={"Accept": _DISCOVERY})
                    _collect(found, types)
                self._types = types
            return self._types

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> Object:
        try:
            answer = self._http.request(
                method, path, params=params, content=content, headers=headers
            )
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise Unreachable(
                f"the Kubernetes API server {self.server} is unreachable: {reason}"
            ) from None
        for header in answer.headers.get_list("warning"):
            found = _WARNING.match(header)
            if found:
                warn(found.group(1))
        try:
            body: Object = answer.json()
        except ValueError:
            body = {}
        if answer.is_success:
            return body
        details = body.get("details") or {}
        raise ApiError(
            answer.status_code,
            str(body.get("reason", "")),
            str(body.get("message") or f"HTTP {answer.status_code}"),
            tuple(details.get("causes") or ()),
        )


def _collect(found: Object, types: dict[tuple[str, str], ResourceType]) -> None:
    for group in found.get("items") or []:
        group_name = group["metadata"].get("name")
        for version in group.get("versions") or []:
            name = version["version"]
            api_version = f"{group_name}/{name}" if group_name else name
            for resource in version.get("resources") or []:
                kind = (resource.get("responseKind") or {}).get("kind")
                if kind:
                    types[api_version, kind] = ResourceType(
                        api_version=api_version,
                        kind=kind,
                        plural=resource["resource"],
                        namespaced=resource.get("scope") == "Namespaced",
                    )
