"""The API server of the stack local: real processes, real restarts."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from local import cluster as cluster_module
from local.cluster import CONTEXT, PROGRAMS, LocalCluster, LocalClusterError, find
from local.seed import ENVIRONMENT
from toolchain import tools


@pytest.fixture
def own_cluster(state_dir: Path) -> Iterator[LocalCluster]:
    cluster = LocalCluster(state_dir)
    yield cluster
    cluster.stop()


def _pid(cluster: LocalCluster, name: str) -> int:
    return int((cluster.directory / f"{name}.pid").read_text())


def _alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # What ended stays, without doing anything, until the object is asked that started it.
    return stat.rpartition(")")[2].split()[0] != "Z"


def _start_twice_at_once(cluster: LocalCluster) -> None:
    """As two commands in two terminals do: one starts it, the other finds it running."""
    said: list[list[str]] = [[], []]

    def start(heard: list[str]) -> None:
        LocalCluster(cluster.directory.parent).start(heard.append)

    other = threading.Thread(target=start, args=(said[0],))
    other.start()
    cluster.start(said[1].append)
    other.join()
    assert sorted(len(heard) > 0 for heard in said) == [False, True]


def test_stop_spares_a_recycled_pid(own_cluster: LocalCluster) -> None:
    own_cluster.directory.mkdir(parents=True)
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        for name in ("etcd", "kube-apiserver"):
            (own_cluster.directory / f"{name}.pid").write_text(f"{bystander.pid}\n")
        assert not own_cluster.running
        own_cluster.stop()
        assert bystander.poll() is None
        assert not (own_cluster.directory / "etcd.pid").exists()
    finally:
        bystander.kill()
        bystander.wait()


def test_a_taken_port_is_left_to_its_owner(own_cluster: LocalCluster) -> None:
    own_cluster.directory.mkdir(parents=True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        free = own_cluster._choose_ports()
        assert own_cluster._choose_ports() == free, "free ports are used again"
        (own_cluster.directory / "ports.json").write_text(
            json.dumps({**free, "kube-apiserver": port})
        )
        assert port not in own_cluster._choose_ports().values()


def test_a_program_that_ends_at_once_is_reported(
    own_cluster: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only one of them ends, so that it is certain which is seen first.
    for name, script in (
        ("etcd", "echo no space left on device >&2\nexit 1\n"),
        ("kube-apiserver", "exec sleep 60\n"),
    ):
        program = tmp_path / name
        program.write_text("#!/bin/sh\n" + script)
        program.chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    with pytest.raises(LocalClusterError, match=r"etcd ended by itself .*no space left on device"):
        own_cluster.start()
    assert not own_cluster.running


def test_stop_before_start_makes_nothing(state_dir: Path) -> None:
    LocalCluster(state_dir).stop()
    assert not state_dir.exists()


def test_unstarted_cluster_has_no_address(state_dir: Path) -> None:
    with pytest.raises(LocalClusterError, match="never started"):
        _ = LocalCluster(state_dir).url


def test_credentials_are_private(cluster: LocalCluster) -> None:
    assert stat.S_IMODE(cluster.directory.stat().st_mode) == 0o700
    secret = ("kubeconfig", "token.csv", "server.key", "service-account.key")
    for name in secret:
        assert stat.S_IMODE((cluster.directory / name).stat().st_mode) == 0o600
    token = (cluster.directory / "token.csv").read_text().split(",")[0]
    assert len(token) >= 32
    holders = {
        path.name
        for path in cluster.directory.iterdir()
        if path.is_file() and token in path.read_text(errors="replace")
    }
    assert holders == {"kubeconfig", "token.csv"}


def test_nothing_is_served_without_the_token(cluster: LocalCluster) -> None:
    with cluster.client() as client:
        assert client.get("/api/v1/namespaces").status_code == 200
        del client.headers["Authorization"]
        assert client.get("/api/v1/namespaces").status_code == 401
        assert client.get("/readyz").status_code == 401


def test_etcd_asks_for_a_client_certificate(cluster: LocalCluster) -> None:
    etcd = cluster._ports()["etcd"]  # type: ignore[index]
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"https://127.0.0.1:{etcd}/health", verify=cluster._tls())
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{etcd}/health")


def test_kubeconfig_names_the_context(cluster: LocalCluster) -> None:
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    assert config["current-context"] == CONTEXT == "firewalled-coder-local"
    assert [context["name"] for context in config["contexts"]] == [CONTEXT]
    assert config["clusters"][0]["cluster"]["server"] == cluster.url


def test_seed_is_what_the_chart_leaves_and_is_made_once(cluster: LocalCluster) -> None:
    path = "/apis/apps/v1/namespaces/coder/deployments/coder"
    with cluster.client() as client:
        before = client.get(path).json()
        cluster._seed()
        after = client.get(path).json()
        names = {
            item["metadata"]["name"] for item in client.get("/api/v1/namespaces").json()["items"]
        }
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert {"coder", "coder-workspaces", "monitoring"} <= names
    container = after["spec"]["template"]["spec"]["containers"][0]
    assert container["name"] == "coder"
    assert [entry["name"] for entry in container["env"]] == [e["name"] for e in ENVIRONMENT]
    managers = {entry["manager"]: entry for entry in after["metadata"]["managedFields"]}
    assert set(managers) == {"helm", "kube-controller-manager"}
    assert managers["kube-controller-manager"]["subresource"] == "status"


def test_find_prefers_assets_then_path_then_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for directory in ("assets", "path"):
        (tmp_path / directory).mkdir()
        program = tmp_path / directory / "etcd"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    assert find("etcd") == tmp_path / "assets" / "etcd"
    with pytest.raises(LocalClusterError, match=r"there is no program kube-apiserver in it"):
        find("kube-apiserver")
    manager = tmp_path / "path" / "kube-controller-manager"
    manager.write_text("#!/bin/sh\n")
    manager.chmod(0o755)
    assert find("kube-controller-manager") == manager, "which the assets never have"
    monkeypatch.delenv("KUBEBUILDER_ASSETS")
    assert find("etcd") == tmp_path / "path" / "etcd"
    monkeypatch.setenv("PATH", str(tmp_path))
    built: list[str] = []

    def build(name: str, progress: Callable[[str], None]) -> Path:
        built.append(name)
        return tmp_path / "built"

    monkeypatch.setattr(tools, "build", build)
    said: list[str] = []
    assert find("etcd", said.append) == tmp_path / "built"
    assert built == ["etcd"]
    assert said == [], "a build says itself when it builds"


def test_state_survives_stop_crash_and_restart(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last of the file, for it ends the cluster; who wants it after all starts it anew."""
    kubeconfig = cluster.kubeconfig.read_bytes()
    pids = {name: _pid(cluster, name) for name in (*PROGRAMS, "node")}

    # Idempotent, also through another object, as a second command would see it.
    LocalCluster(cluster.directory.parent).start()
    assert {name: _pid(cluster, name) for name in pids} == pids

    assert cluster.seeded
    with cluster.client() as client:
        made = client.get("/api/v1/namespaces/monitoring").json()["metadata"]["uid"]

    os.kill(pids["kube-apiserver"], signal.SIGKILL)
    os.kill(pids["etcd"], signal.SIGKILL)
    _start_twice_at_once(cluster)
    assert cluster.running
    assert cluster.kubeconfig.read_bytes() == kubeconfig
    with cluster.client() as client:
        assert client.get("/api/v1/namespaces/monitoring").json()["metadata"]["uid"] == made
    assert cluster.seeded
    monkeypatch.setattr(cluster_module, "SEED", [*cluster_module.SEED, ("/api/v1/more", {})])
    assert not cluster.seeded, "a later version has more to make"

    pids = {name: _pid(cluster, name) for name in pids}
    cluster.stop()
    assert not cluster.running
    assert not any(_alive(pid) for pid in pids.values())
    cluster.stop()
