"""What an API server sees of us is what it sees of client-go with the same kubeconfig."""

import base64
import json
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import kubeconfig
from local import pki
from toolchain import tools

Seen = dict[str, Any]
SHOWN = ("Authorization", "Impersonate-User", "Impersonate-Uid", "Impersonate-Extra-Team%2fname")
PLUGIN = """#!/bin/sh
echo "$KUBERNETES_EXEC_INFO" > {folder}/asked.json
printf '%s' '{{"kind":"ExecCredential","apiVersion":"{version}","status":{status}}}'
"""


class Server:
    """An HTTPS server that tells what it saw of each request."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        pki.ensure(folder)
        self.folder = folder
        self.seen: list[Seen] = []
        self._name: str | None = None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.crt", folder / "server.key")
        context.load_verify_locations(folder / "ca.crt")
        context.verify_mode = ssl.CERT_OPTIONAL
        context.sni_callback = self._named

        class Handler(BaseHTTPRequestHandler):
            def do_GET(request) -> None:
                self._answer(request)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def _named(self, _: Any, name: str | None, __: Any) -> None:
        self._name = name

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        shown = {name: request.headers.get(name) for name in SHOWN}
        self.seen.append(
            {
                **{name.lower(): value for name, value in shown.items() if value},
                "groups": request.headers.get_all("Impersonate-Group"),
                "path": request.path,
                "certificate": bool(request.connection.getpeercert()),  # type: ignore[attr-defined]
                "name": self._name,
            }
        )
        request.send_response(200)
        request.send_header("Content-Length", "2")
        request.end_headers()
        request.wfile.write(b"{}")

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # Before a test gives itself another home, where it would be built anew.
    kubeget()
    made = Server(tmp_path_factory.mktemp("server") / "pki")
    yield made
    made.stop()


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def config(server: Server, user: dict[str, Any], **cluster: Any) -> dict[str, Any]:
    trust = {"certificate-authority-data": encoded(server.folder / "ca.crt")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [
            {"name": "c", "cluster": {"server": server.url, **(cluster or trust)}},
            {"name": "elsewhere", "cluster": {"server": "https://127.0.0.1:1"}},
        ],
        "users": [{"name": "u", "user": user}],
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u"}},
            {"name": "nobody", "context": {"cluster": "c"}},
            {"name": "there", "context": {"cluster": "elsewhere", "user": "u"}},
        ],
    }


@cache
def kubeget() -> Path:
    return tools.build("kubeget")


def ours(context: str | None) -> str:
    """Ask by our client; return why it failed, or nothing."""
    try:
        with kubeconfig.client(context) as asked:
            kubeconfig.get(asked, "/api/v1/x")
    except kubeconfig.ClusterError as error:
        return str(error)
    return ""


def theirs(context: str | None) -> str:
    """Ask by client-go; return why it failed, or nothing."""
    done = subprocess.run(
        [str(kubeget()), context or "", "/api/v1/x"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stderr.strip() if done.returncode else ""


@pytest.fixture
def compare(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Seen | None, str]]:
    """Ask by both with a kubeconfig; both see the same, which is returned, or both fail."""

    def compare(content: Any, context: str | None = None) -> tuple[Seen | None, str]:
        file = tmp_path / "kubeconfig"
        file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        monkeypatch.setenv("KUBECONFIG", str(file))
        return asked_by_both(server, context)

    return compare


def asked_by_both(server: Server, context: str | None) -> tuple[Seen | None, str]:
    server.seen.clear()
    reference = theirs(context)
    expected = server.seen.pop() if server.seen else None
    error = ours(context)
    found = server.seen.pop() if server.seen else None
    assert bool(error) is bool(reference), (error, reference)
    assert found == expected
    return found, error


def test_a_token_and_impersonation(server: Server, compare: Any) -> None:
    found, _ = compare(
        config(
            server,
            {
                "token": "t0ken",
                "as": "ada",
                "as-uid": "7",
                "as-groups": ["a", "b"],
                "as-user-extra": {"team/name": ["x"]},
            },
        )
    )
    assert found["authorization"] == "Bearer t0ken"
    assert found["impersonate-user"] == "ada"
    assert found["groups"] == ["a", "b"]
    assert found["impersonate-extra-team%2fname"] == "x"


@pytest.mark.parametrize(
    ("user", "authorization"),
    [
        ({}, None),
        ({"token": "spaced "}, "Bearer spaced"),
        ({"token": "broken\n"}, None),
        ({"username": "ada", "password": "pa ss"}, "Basic YWRhOnBhIHNz"),
        ({"auth-provider": {"name": "gcp"}}, None),
    ],
)
def test_other_ways_to_prove_oneself(
    server: Server, compare: Any, user: dict[str, Any], authorization: str | None
) -> None:
    found, _ = compare(config(server, user))
    assert (found or {}).get("authorization", "")[:20].startswith(authorization or "")


def test_a_token_in_a_file_and_one_beside_it(server: Server, compare: Any, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    user = {"tokenFile": str(tmp_path / "token")}
    assert compare(config(server, user))[0]["authorization"] == "Bearer from-file"
    compare(config(server, {"tokenFile": str(tmp_path / "none")}))


def test_a_clients_certificate_in_place_and_in_files(server: Server, compare: Any) -> None:
    certificate, key = server.folder / "server.crt", server.folder / "server.key"
    inline = {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}
    assert compare(config(server, inline))[0]["certificate"]
    files = {"client-certificate": str(certificate), "client-key": str(key)}
    assert compare(config(server, files))[0]["certificate"]
    assert compare(config(server, {**files, "client-key": "/nowhere"}))[0] is None


@pytest.mark.parametrize(
    ("cluster", "works"),
    [
        ({"certificate-authority": "ca.crt"}, True),
        ({"insecure-skip-tls-verify": True}, True),
        ({"certificate-authority": "ca.crt", "tls-server-name": "localhost"}, True),
        ({"certificate-authority": "ca.crt", "tls-server-name": "other.example"}, False),
        ({"certificate-authority": "none.crt"}, False),
        ({"certificate-authority-data": "bm8gUEVN"}, False),
        ({"proxy-url": "http://127.0.0.1:1", "insecure-skip-tls-verify": True}, False),
        ({"tls-server-name": "localhost"}, False),
    ],
)
def test_who_the_server_is(
    server: Server, compare: Any, cluster: dict[str, Any], works: bool
) -> None:
    if "certificate-authority" in cluster:
        path = server.folder / cluster["certificate-authority"]
        cluster = {**cluster, "certificate-authority": str(path)}
    found, _ = compare(config(server, {"token": "t"}, **cluster))
    assert bool(found) is works
    if works and "tls-server-name" in cluster:
        assert found["name"] == "localhost"


def test_a_server_behind_a_path(server: Server, compare: Any) -> None:
    content = config(server, {"token": "t"})
    content["clusters"][0]["cluster"]["server"] += "/k8s/clusters/c-1"
    assert compare(content)[0]["path"] == "/k8s/clusters/c-1/api/v1/x"


@pytest.mark.parametrize("context", [None, "here", "nobody", "there", "none", ""])
def test_contexts(server: Server, compare: Any, context: str | None) -> None:
    _, error = compare(config(server, {"token": "t"}), context)
    if context == "none":
        assert error == ("the kubeconfig has no context 'none'; there are here, nobody, there")


def test_no_current_context(server: Server, compare: Any) -> None:
    content = config(server, {"token": "t"})
    del content["current-context"]
    assert compare(content)[0] is None
    assert compare(content, "here")[0]


@pytest.mark.parametrize("content", ["", "- a list", "{", "text"])
def test_no_kubeconfig(compare: Any, content: str) -> None:
    found, error = compare(content)
    assert found is None
    assert error


def test_a_kubeconfig_in_the_variable_itself(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", json.dumps(config(server, {"token": "inline"})))
    found, _ = asked_by_both(server, None)
    assert found is not None
    assert found["authorization"] == "Bearer inline"


def test_several_files_are_told(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text(yaml.safe_dump(config(server, {"token": "t"})))
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/a:{tmp_path}/b")
    _, error = asked_by_both(server, None)
    assert "names several files" in error


def test_the_default_file_whose_paths_are_relative_to_it(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    # client-go keeps what it read as the home directory; a process of its own reads it anew.
    monkeypatch.setenv("HOME", str(tmp_path))
    assert asked_by_both(server, None)[0] is None
    folder = tmp_path / ".kube"
    folder.mkdir()
    for name in ("ca.crt", "server.crt", "server.key"):
        (folder / name).write_bytes((server.folder / name).read_bytes())
    user = {"client-certificate": "server.crt", "client-key": "server.key"}
    content = config(server, user, **{"certificate-authority": "ca.crt"})
    (folder / "config").write_text(yaml.safe_dump(content))
    found, _ = asked_by_both(server, "here")
    assert found is not None
    assert found["certificate"]


def plugin(folder: Path, version: str, status: dict[str, Any], name: str = "plugin") -> Path:
    path = folder / name
    path.write_text(PLUGIN.format(folder=folder, version=version, status=json.dumps(status)))
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_exec_plugins(server: Server, compare: Any, tmp_path: Path, version: str) -> None:
    full = f"client.authentication.k8s.io/{version}"
    command = plugin(tmp_path, full, {"token": "from-plugin"})
    user = {
        "exec": {
            "apiVersion": full,
            "command": str(command),
            "args": ["get-token"],
            "env": [{"name": "A", "value": "b"}],
            "interactiveMode": "IfAvailable",
            "provideClusterInfo": True,
        }
    }
    found, _ = compare(config(server, user))
    assert bool(found) is (version != "v1alpha1")
    if found:
        assert found["authorization"] == "Bearer from-plugin"
        # It was asked by client-go first, then by us.
        mine = json.loads((tmp_path / "asked.json").read_text())
        theirs(None)
        assert mine == json.loads((tmp_path / "asked.json").read_text())


def test_an_exec_plugins_certificate(server: Server, compare: Any, tmp_path: Path) -> None:
    version = "client.authentication.k8s.io/v1"
    status = {
        "clientCertificateData": (server.folder / "server.crt").read_text(),
        "clientKeyData": (server.folder / "server.key").read_text(),
    }
    command = tmp_path / "plugin"
    answer = {"kind": "ExecCredential", "apiVersion": version, "status": status}
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    command.write_text(f"#!/bin/sh\ncat {tmp_path}/answer.json\n")
    command.chmod(0o755)
    user = {"exec": {"apiVersion": version, "command": str(command), "interactiveMode": "Never"}}
    assert compare(config(server, user))[0]["certificate"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 3", "ended with 3"),
        ("echo not json", "gave no ExecCredential"),
        ("echo '[]'", "gave no ExecCredential"),
        (None, "is not there. Install it from example.com"),
    ],
)
def test_an_exec_plugin_that_fails(
    server: Server, compare: Any, tmp_path: Path, script: str | None, said: str
) -> None:
    command = tmp_path / "plugin"
    if script is not None:
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(command),
            "installHint": "Install it from example.com",
            "interactiveMode": "Never",
        }
    }
    found, error = compare(config(server, user))
    assert found is None
    assert said in error


def test_no_credential_is_in_an_error_or_a_text(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", json.dumps(config(server, {"token": "h\nunter2"})))
    assert "unter2" not in ours("here")
    monkeypatch.setenv("KUBECONFIG", json.dumps(config(server, {"token": "hunter2"})))
    assert "hunter2" not in repr(kubeconfig.find(None))
    assert "hunter2" not in ours("there")
