"""Asks the cluster that a stack's Kubernetes provider works on, with the same credentials.

For what has to be known before anything is declared and must not stand in the state, as a resource
that the engine reads would. Files are found, merged and read as client-go does, by which the
provider works (tools/clientcmd/loader.go); a kubeconfig that stands in KUBECONFIG itself is handed
to the provider. tests/components/test_kubeconfig.py holds it to client-go itself. The official
Python client is not used: importing it takes as long as half a preview.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx
import yaml

from components import cleartext, proxied, tls
from components.connections import reading
from components.errors import OperatorError
from components.exec_information import told
from components.syntax import is_loopback

_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_EXEC_VERSIONS: Final = tuple(f"client.authentication.k8s.io/{each}" for each in ("v1", "v1beta1"))
# A plugin may wait for somebody to log in with a browser.
_EXEC_SECONDS: Final = 180
_TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
_SECTIONS: Final = ("clusters", "contexts", "users")
_PATHS: Final = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key", "tokenFile"),
}


class ClusterError(OperatorError):
    """The cluster cannot be asked; the message says why, and holds no credential."""


@dataclass(frozen=True)
class ContextAccess:
    """What a kubeconfig says of one context: where the API server is and how to prove oneself.

    Attributes:
        server: its URL, which may have a path.
        authority: PEM of the authorities that sign its certificate; the machine's own if empty.
        insecure: whether its certificate is not looked at.
        server_name: the name in its certificate, if that is not the host's.
        proxy: URL of a proxy, if one is named.
        certificate: PEM of a client's certificate and its key, if there is one.
        headers: credentials and impersonation.
        withheld: whether there are credentials that are not sent, for want of TLS.
    """

    server: str
    authority: str = ""
    insecure: bool = False
    server_name: str = ""
    proxy: str | None = None
    certificate: tuple[str, str] | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    withheld: bool = False


def client(context: str | None) -> httpx.Client:
    """Return a client of the API server; paths begin with /api or /apis.

    Args:
        context: context in the kubeconfig; the current one if not given.

    Raises ClusterError when the kubeconfig cannot be used.
    """
    access = find(context)
    host = urlsplit(access.server).hostname or ""
    extensions = {"sni_hostname": access.server_name} if access.server_name else {}
    try:
        made = proxied.client(
            base_url=access.server,
            headers=list(access.headers),
            verify=_tls(access),
            proxy=access.proxy,
            timeout=_TIMEOUT,
            # As Go's clients, which ask this machine through no proxy of the environment.
            trust_env=not is_loopback(host),
        )
    except proxied.ProxyError as error:
        raise ClusterError(str(error)) from None
    except (ValueError, httpx.InvalidURL):
        raise ClusterError(f"the kubeconfig's server {access.server} is no URL") from None
    made.event_hooks = {
        "request": [lambda request: request.extensions.update(extensions)],
        "response": [_explain_refusal] if access.withheld else [],
    }
    return made


def _explain_refusal(answer: httpx.Response) -> None:
    if why := cleartext.why_refused(answer):
        raise ClusterError(why)


def get(asked: httpx.Client, path: str, accept: str | None = None) -> httpx.Response:
    """Return the answer to a GET, whatever its status; raises ClusterError when there is none."""
    try:
        return reading(lambda: asked.get(path, headers={"Accept": accept} if accept else None))
    except httpx.TimeoutException:
        raise ClusterError(f"{asked.base_url} does not answer in time") from None
    except (httpx.LocalProtocolError, UnicodeEncodeError):
        # These quote the header, which holds the token.
        raise ClusterError("the kubeconfig's token holds what HTTP cannot carry") from None
    except httpx.HTTPError as error:
        raise ClusterError(f"{asked.base_url} cannot be reached: {error}") from None


def message(answer: httpx.Response) -> str:
    """Return the message of a Kubernetes Status, nothing for any other body."""
    try:
        body = answer.json()
    except ValueError:
        return ""
    found = isinstance(body, Mapping) and body.get("kind") == "Status"
    return str(body.get("message", "")) if found else ""


def find(context: str | None) -> ContextAccess:
    """Return what the kubeconfig says of a context; see client."""
    config = _config()
    if config is None:
        inside = None if context else _in_cluster()
        if inside is None:
            raise ClusterError("there is no kubeconfig: set KUBECONFIG, or make ~/.kube/config")
        return inside
    name = context or config.get("current-context")
    if not name:
        raise ClusterError("the kubeconfig has no current context; set kubernetes.context")
    chosen = _entry(config, "contexts", "context", name)
    cluster = _entry(config, "clusters", "cluster", str(chosen.get("cluster", "")))
    user = _entry(config, "users", "user", str(chosen["user"])) if chosen.get("user") else {}
    return _access(cluster, user)


def in_variable() -> str:
    """Return the kubeconfig that KUBECONFIG holds itself, in place of paths; "" if it does not."""
    named = os.environ.get("KUBECONFIG", "")
    return named if "\n" in named or named.startswith("{") else ""


def _config() -> dict[str, Any] | None:
    """Return the kubeconfig, None if there is no file; of several, what the first one says wins."""
    if text := in_variable():
        return _parsed(text, "in KUBECONFIG")
    named = os.environ.get("KUBECONFIG", "")
    paths = named.split(os.pathsep) if named else [str(Path.home() / ".kube" / "config")]
    read = []
    for path in dict.fromkeys(filter(None, paths)):
        try:
            text = Path(path).read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise ClusterError(f"the kubeconfig cannot be read: {error}") from None
        read.append(_parsed(text, path))
        _absolute(read[-1], Path(path).absolute().parent)
    if named and not read:
        # A kubeconfig in base64 is a credential.
        shown = f"={named}" if all(map(_is_path, named.split(os.pathsep))) else ""
        raise ClusterError(f"KUBECONFIG{shown} is no file that is there, and no kubeconfig itself")
    if not any(read):
        return None
    current = [each["current-context"] for each in read if each.get("current-context")]
    return {
        "current-context": current[0] if current else None,
        **{part: [one for each in read for one in _listed(each, part)] for part in _SECTIONS},
    }


def _parsed(text: str, place: str) -> dict[str, Any]:
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ClusterError(f"the kubeconfig {place} is not YAML") from None
    if config is not None and not isinstance(config, dict):
        raise ClusterError(f"the kubeconfig {place} is no mapping")
    return config or {}


def _is_path(text: str) -> bool:
    return text.startswith(("/", "~", ".")) or not text


def _absolute(config: Mapping[str, Any], folder: Path) -> None:
    """Resolve paths in place, which are relative to the file that they stand in."""
    for kind, keys in _PATHS.items():
        for entry in _listed(config, f"{kind}s"):
            values = entry.get(kind)
            if not isinstance(values, dict):
                continue
            values |= {key: str(folder / str(values[key])) for key in keys if values.get(key)}
            plugin = values.get("exec")
            if isinstance(plugin, dict) and "/" in str(plugin.get("command", "")):
                plugin["command"] = str(folder / str(plugin["command"]))


def _listed(config: Mapping[str, Any], section: str) -> list[Mapping[str, Any]]:
    found = config.get(section)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _entry(config: Mapping[str, Any], section: str, kind: str, name: str) -> Mapping[str, Any]:
    listed = _listed(config, section)
    # As client-go reads a list into a map: of two with one name, the first.
    found = next((each for each in listed if each.get("name") == name), None)
    if found is None:
        there = ", ".join(sorted(str(each.get("name")) for each in listed)) or "none"
        raise ClusterError(f"the kubeconfig has no {kind} {name!r}; there are {there}")
    value = found.get(kind)
    return value if isinstance(value, Mapping) else {}


def _access(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ContextAccess:
    server = str(cluster.get("server") or "")
    if not server:
        raise ClusterError("the kubeconfig names no server for the context")
    insecure = bool(cluster.get("insecure-skip-tls-verify"))
    authority = _content(cluster, "certificate-authority")
    if "://" not in server:
        server = f"{'https' if authority or insecure else 'http'}://{server}"
    headers, certificate = (
        _credentials(user, cluster) if cleartext.is_secure(server) else ([], None)
    )
    return ContextAccess(
        server=server,
        authority=authority,
        insecure=insecure,
        server_name=str(cluster.get("tls-server-name") or ""),
        proxy=cluster.get("proxy-url") or None,
        certificate=certificate,
        headers=(*headers, *_impersonation(user)),
        withheld=cleartext.are_withheld(user, server),
    )


def _content(values: Mapping[str, Any], key: str) -> str:
    """Return what stands under KEY-data, or in the file that KEY names."""
    data, path = values.get(f"{key}-data"), values.get(key)
    try:
        if data:
            return base64.b64decode(str(data), validate=False).decode()
        return Path(str(path)).read_text(encoding="utf-8", errors="replace") if path else ""
    except (binascii.Error, UnicodeDecodeError):
        raise ClusterError(f"the kubeconfig's {key} is no PEM in base64") from None
    except OSError as error:
        raise ClusterError(f"the kubeconfig's {key} {path}: {error.strerror}") from None


def _credentials(
    user: Mapping[str, Any], cluster: Mapping[str, Any]
) -> tuple[list[tuple[str, str]], tuple[str, str] | None]:
    certificate: tuple[str, str] | None = None
    if shown := _content(user, "client-certificate"):
        certificate = (shown, _content(user, "client-key"))
    token = str(user.get("token") or "")
    if not token and user.get("tokenFile"):
        token = _content({"tokenFile": user["tokenFile"]}, "tokenFile").strip()
    provider = user.get("auth-provider") or {}
    if not token and user.get("exec"):
        if not isinstance(user["exec"], Mapping):
            raise ClusterError("the kubeconfig's exec is no mapping")
        token, given = _plugin(user["exec"], cluster)
        certificate = given or certificate
    elif not token and provider:
        if provider.get("name") != "oidc":
            raise ClusterError(
                f"the kubeconfig's auth-provider {provider.get('name')} is gone from Kubernetes' "
                "clients; use an exec plugin"
            )
        token = str((provider.get("config") or {}).get("id-token") or "")
    if token:
        return [("Authorization", f"Bearer {token.strip(' ')}")], certificate
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password') or ''}"
        basic = base64.b64encode(pair.encode()).decode()
        return [("Authorization", f"Basic {basic}")], certificate
    return [], certificate


def _impersonation(user: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if user.get("as"):
        yield "Impersonate-User", str(user["as"])
    if user.get("as-uid"):
        yield "Impersonate-Uid", str(user["as-uid"])
    for group in user.get("as-groups") or ():
        yield "Impersonate-Group", str(group)
    for key, values in (user.get("as-user-extra") or {}).items():
        for value in values:
            yield f"Impersonate-Extra-{quote(str(key), safe='')}", str(value)


def _plugin(
    plugin: Mapping[str, Any], cluster: Mapping[str, Any]
) -> tuple[str, tuple[str, str] | None]:
    """Run an exec plugin; return its token and its certificate with the key."""
    version, command = str(plugin.get("apiVersion")), str(plugin.get("command") or "")
    if version not in _EXEC_VERSIONS:
        raise ClusterError(f"the kubeconfig's exec plugin is of {version}; Kubernetes takes v1")
    if shutil.which(command) is None:
        hint = str(plugin.get("installHint") or "").strip()
        raise ClusterError(f"the kubeconfig's exec plugin {command} is not there. {hint}".strip())
    spec: dict[str, Any] = {"interactive": False}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = told(cluster, _content(cluster, "certificate-authority"))
    information = {"kind": "ExecCredential", "apiVersion": version, "spec": spec}
    variables = {str(each["name"]): str(each["value"]) for each in plugin.get("env") or ()}
    try:
        done = subprocess.run(
            [command, *map(str, plugin.get("args") or ())],
            env={**os.environ, **variables, "KUBERNETES_EXEC_INFO": json.dumps(information)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=_EXEC_SECONDS,
            check=True,
        )
        status = json.loads(done.stdout)["status"]
    except subprocess.CalledProcessError as error:
        raise ClusterError(
            f"the kubeconfig's exec plugin {command} ended with {error.returncode}"
        ) from None
    except subprocess.TimeoutExpired:
        raise ClusterError(
            f"the kubeconfig's exec plugin {command} did not end in {_EXEC_SECONDS} s"
        ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise ClusterError(
            f"the kubeconfig's exec plugin {command} gave no ExecCredential"
        ) from None
    shown, key = status.get("clientCertificateData"), status.get("clientKeyData")
    return str(status.get("token") or ""), (str(shown), str(key)) if shown and key else None


def _in_cluster() -> ContextAccess | None:
    """Return the access of a pod's service account, None outside of a pod."""
    host = os.environ.get("KUBERNETES_SERVICE_HOST")
    port = os.environ.get("KUBERNETES_SERVICE_PORT")
    try:
        token = (_SERVICE_ACCOUNT / "token").read_text(encoding="utf-8").strip()
        authority = (_SERVICE_ACCOUNT / "ca.crt").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    if not host or not port:
        return None
    named = f"[{host}]" if ":" in host else host
    return ContextAccess(
        server=f"https://{named}:{port}",
        authority=authority,
        headers=(("Authorization", f"Bearer {token}"),),
    )


def _tls(access: ContextAccess) -> ssl.SSLContext | bool:
    if not cleartext.is_secure(access.server):
        return False
    try:
        # The machine's authorities are read, which takes a while, only where none is named.
        made = ssl.create_default_context(cadata=tls.certificates(access.authority))
        # Authorities that kubeadm makes have no key identifier, which Go does not ask for.
        made.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if access.insecure:
            made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        if access.certificate:
            _load(made, *access.certificate)
    except (ssl.SSLError, ValueError) as error:
        raise ClusterError(f"the kubeconfig's certificates cannot be used: {error}") from None
    return made


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    # OpenSSL reads files alone; these are of this user alone, and gone at once.
    with tempfile.TemporaryDirectory(prefix="firewalled-coder-") as folder:
        names = Path(folder, "certificate"), Path(folder, "key")
        for path, content in zip(names, (certificate, key), strict=True):
            path.touch(mode=0o600)
            path.write_text(content, encoding="utf-8")
        context.load_cert_chain(*names)
