"""What an API server sees of us is what it sees of client-go with the same kubeconfig."""

import json
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import kubeconfig
from tests.components.kubeconfig_server import Seen, Server, config, encoded
from toolchain import tools

PLUGIN = """#!/bin/sh
echo "$KUBERNETES_EXEC_INFO" > {folder}/asked.json
printf '%s' '{{"kind":"ExecCredential","apiVersion":"{version}","status":{status}}}'
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # Before a test gives itself another home, where it would be built anew.
    kubeget()
    made = Server(tmp_path_factory.mktemp("server") / "pki")
    yield made
    made.stop()


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
        ({"certificate-authority": "named.crt"}, True),
        ({"certificate-authority": "latin1.crt"}, True),
        ({"certificate-authority": "none.crt"}, False),
        ({"certificate-authority-data": "bm8gUEVN"}, False),
        ({"proxy-url": "http://127.0.0.1:1", "insecure-skip-tls-verify": True}, False),
        ({"tls-server-name": "localhost"}, False),
    ],
)
def test_who_the_server_is(
    server: Server, compare: Any, cluster: dict[str, Any], works: bool
) -> None:
    authority = (server.folder / "ca.crt").read_bytes()
    for name, text in (("named", "# Főtanúsítvány\n".encode()), ("latin1", b"# Aut\xf3ridade\n")):
        (server.folder / f"{name}.crt").write_bytes(text + authority)
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


def test_of_several_files_the_first_that_says_something_wins(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = config(server, {"token": "first"})
    first["current-context"] = ""
    first["clusters"] = first["clusters"][1:]
    second = config(server, {"token": "second"})
    second["clusters"][1]["cluster"]["server"] = server.url
    second["contexts"].append({"name": "more", "context": {"cluster": "elsewhere", "user": "u"}})
    for name, content in (("a", first), ("b", second)):
        (tmp_path / name).write_text(yaml.safe_dump(content))
    paths = ("", tmp_path / "none", tmp_path / "a", tmp_path / "b", tmp_path / "a")
    monkeypatch.setenv("KUBECONFIG", ":".join(map(str, paths)))
    found, _ = asked_by_both(server, None)
    assert found is not None
    assert found["authorization"] == "Bearer first"
    # The first file's cluster of that name is the one that answers nobody.
    assert asked_by_both(server, "more")[0] is None


@pytest.mark.parametrize("broken", ["{", "- a list", "text"])
def test_one_broken_file_among_several(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    (tmp_path / "a").write_text(yaml.safe_dump(config(server, {"token": "t"})))
    (tmp_path / "b").write_text(broken)
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/a:{tmp_path}/b")
    _, error = asked_by_both(server, None)
    assert f"{tmp_path}/b" in error


@pytest.mark.parametrize("named", ["/nowhere/config", "~/.kube/config", "/nowhere:/neither", ":"])
def test_files_that_are_not_there(
    server: Server, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("KUBECONFIG", named)
    found, error = asked_by_both(server, None)
    assert found is None
    assert f"KUBECONFIG={named} is no file that is there" in error


def test_what_is_no_path_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "YXBpVmVyc2lvbjogdjE=")
    assert ours(None) == "KUBECONFIG is no file that is there, and no kubeconfig itself"


@pytest.mark.parametrize(
    "change",
    [
        {"users": [{"name": "u", "user": {"exec": "text"}}]},
        {"users": [{"name": "u", "user": {"exec": {"command": 1}}}]},
        {"users": [{"name": "u", "user": {"client-certificate": ["a"]}}]},
        {"users": ["u"]},
        {"clusters": {"c": {}}},
        {"contexts": [{"name": "here", "context": ["c"]}]},
    ],
)
def test_a_kubeconfig_of_another_form(server: Server, compare: Any, change: dict[str, Any]) -> None:
    found, _ = compare({**config(server, {"token": "t"}), **change})
    assert found is None


def test_paths_in_a_file_are_relative_to_it(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = config(server, {"token": "t"}, **{"certificate-authority": "ca.crt"})
    (server.folder / "config").write_text(yaml.safe_dump(content))
    monkeypatch.setenv("KUBECONFIG", str(server.folder / "config"))
    assert asked_by_both(server, None)[0]
    monkeypatch.chdir(server.folder.parent)
    monkeypatch.setenv("KUBECONFIG", f"{server.folder.name}/config")
    assert asked_by_both(server, None)[0]


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
