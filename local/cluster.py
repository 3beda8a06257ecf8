"""A Kubernetes cluster for the stack `local`: etcd, kube-apiserver and controllers without a node.

Objects are stored, defaulted, validated, owned field by field and deleted exactly as in a full
cluster, Deployments roll out, and nothing ever runs: a stand-in says of every pod that it does.
etcd and the API server listen on 127.0.0.1 alone. etcd asks for a client certificate and the API
server for a bearer token, so other users of the machine reach neither.
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from components.errors import OperatorError
from local import controllers, pki
from local.controllers import Controllers
from local.daemon import Daemon, DaemonError
from local.ports import all_free, free_ports
from local.seed import FIELD_MANAGER, SEED

CONTEXT = "firewalled-coder-local"
"""Name of the only context in the kubeconfig."""

PROGRAMS = ("etcd", "kube-apiserver", controllers.BINARY)
"""What has to be found or built."""

NOT_SERVED = (
    "autoscaling/v1",
    "autoscaling/v2",
    "certificates.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1",
    "internal.apiserver.k8s.io/v1alpha1",
    "resource.k8s.io/v1",
)
"""Groups of the API that nothing here asks for, with a sixth of the schema: the server writes that
once, and pulumi-kubernetes reads it in every run."""

_START_SECONDS = 90.0
_POLL_SECONDS = 0.1
_READY_SECONDS = 2.0


class LocalClusterError(OperatorError):
    """The local cluster could not be found, started, ended or seeded."""


class LocalCluster:
    """A cluster with all its state under one directory.

    Args:
        state_dir: directory of the local stack; the cluster lives in `cluster/` below it.
    """

    def __init__(self, state_dir: Path) -> None:
        self.directory = state_dir.resolve() / "cluster"
        self.kubeconfig = self.directory / "kubeconfig"
        marker = str(self.directory)
        self._etcd = Daemon("etcd", self.directory, marker)
        self._api_server = Daemon("kube-apiserver", self.directory, marker)
        self._controllers = Controllers(state_dir.resolve(), self.directory, self.kubeconfig)

    @property
    def running(self) -> bool:
        """Whether all processes are there and the API server says it is ready."""
        if self._etcd.pid is None or self._api_server.pid is None or not self._controllers.running:
            return False
        ports = self._ports()
        if ports is None or not (self.directory / "ca.crt").is_file():
            return False
        with self._client(_url(ports["kube-apiserver"]), _READY_SECONDS) as client:
            return _ready(client, "readyz")

    @property
    def url(self) -> str:
        """The API server's address.

        Raises:
            LocalClusterError: the cluster was never started.
        """
        ports = self._ports()
        if ports is None:
            raise LocalClusterError("the local cluster was never started")
        return _url(ports["kube-apiserver"])

    def start(self, progress: Callable[[str], None] = lambda _: None) -> None:
        """Bring all processes up and write the kubeconfig; what already runs is left alone.

        Objects, credentials and, where they are still free, the ports are those of the last run.
        A cluster that has not been seeded is: controllers look for new types of objects only at
        times, so the types are there before them.

        Args:
            progress: told in a few words what is being done.

        Raises:
            LocalClusterError: a program cannot be found, built or started, or is never ready.
        """
        with self._lock():
            if self.running and self.seeded and self.kubeconfig.is_file():
                return
            binaries = {name: find(name, progress) for name in PROGRAMS}
            self._stop()
            pki.ensure(self.directory)
            token = self._token()
            ports = self._choose_ports()
            try:
                progress("starting etcd")
                self._start_etcd(binaries["etcd"], ports)
                progress("starting kube-apiserver")
                self._start_api_server(binaries["kube-apiserver"], ports)
                self._await_ready(ports["kube-apiserver"], "readyz", self._etcd, self._api_server)
                self._write_kubeconfig(ports["kube-apiserver"], token)
                if not self.seeded:
                    self._seed()
                manager = controllers.BINARY
                self._controllers.start(binaries[manager], ports[manager], progress)
                self._await_ready(ports[manager], "healthz", *self._controllers.daemons)
            except DaemonError as error:
                self._stop()
                raise LocalClusterError(str(error)) from None
            except LocalClusterError:
                self._stop()
                raise

    def stop(self) -> None:
        """End all processes and wait for it; what they stored stays on disk.

        Raises:
            LocalClusterError: a process does not end.
        """
        if not self.directory.is_dir():
            return
        with self._lock():
            self._stop()

    def _seed(self) -> None:
        """Create what a Coder deployment already has before this project comes to it.

        What is there already is left as it is, whoever changed it. Raises LocalClusterError.
        """
        with self.client() as client:
            for path, manifest in SEED:
                try:
                    answer = client.post(
                        path, json=manifest, params={"fieldManager": FIELD_MANAGER}
                    )
                except httpx.HTTPError as error:
                    raise LocalClusterError(
                        f"the local API server at {self.url} does not answer: {error}"
                    ) from None
                if answer.status_code not in (httpx.codes.CREATED, httpx.codes.CONFLICT):
                    name = manifest["metadata"]["name"]
                    raise LocalClusterError(
                        f"the local API server refused {manifest['kind']} {name}: "
                        f"{_message(answer)}"
                    )
            (self.directory / "seeded").write_text(_seed_digest())

    @property
    def seeded(self) -> bool:
        """Whether everything of `local.seed` was made here, by this version of it."""
        try:
            return (self.directory / "seeded").read_text() == _seed_digest()
        except FileNotFoundError:
            return False

    def client(self) -> httpx.Client:
        """An HTTP client with the cluster's address, authority and token, to be closed by the
        caller.

        Raises:
            LocalClusterError: the cluster was never started.
        """
        return self._client(self.url, 10.0)

    def _client(self, url: str, timeout: float) -> httpx.Client:
        return httpx.Client(
            base_url=url,
            verify=self._tls(),
            headers={"Authorization": f"Bearer {self._token()}"},
            timeout=timeout,
            trust_env=False,
        )

    def _start_etcd(self, binary: Path, ports: dict[str, int]) -> None:
        client = f"https://127.0.0.1:{ports['etcd']}"
        peer = f"https://127.0.0.1:{ports['etcd-peer']}"
        certificate, key, authority = self._certificates()
        self._etcd.start(
            [
                str(binary),
                "--name=local",
                f"--data-dir={self.directory / 'etcd'}",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=local={peer}",
                f"--cert-file={certificate}",
                f"--key-file={key}",
                f"--trusted-ca-file={authority}",
                "--client-cert-auth",
                f"--peer-cert-file={certificate}",
                f"--peer-key-file={key}",
                f"--peer-trusted-ca-file={authority}",
                "--peer-client-cert-auth",
                # The data are a trial's: a power cut may cost them, a killed process does not.
                "--unsafe-no-fsync",
                "--log-level=warn",
            ]
        )

    def _start_api_server(self, binary: Path, ports: dict[str, int]) -> None:
        certificate, key, authority = self._certificates()
        service_account_key = self.directory / "service-account.key"
        self._api_server.start(
            [
                str(binary),
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                f"--secure-port={ports['kube-apiserver']}",
                f"--cert-dir={self.directory / 'certificates'}",
                f"--tls-cert-file={certificate}",
                f"--tls-private-key-file={key}",
                f"--etcd-servers=https://127.0.0.1:{ports['etcd']}",
                f"--etcd-cafile={authority}",
                f"--etcd-certfile={certificate}",
                f"--etcd-keyfile={key}",
                f"--token-auth-file={self.directory / 'token.csv'}",
                "--anonymous-auth=false",
                "--authorization-mode=RBAC",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={service_account_key}",
                f"--service-account-signing-key-file={service_account_key}",
                "--service-cluster-ip-range=10.0.0.0/24",
                # No controller makes service accounts, and no node answers for endpoints.
                "--disable-admission-plugins=ServiceAccount",
                "--endpoint-reconciler-type=none",
                f"--runtime-config={','.join(f'{each}=false' for each in NOT_SERVED)}",
                # At rest these are half of its work. Answers are etcd's own without them.
                "--watch-cache=false",
                "--enable-priority-and-fairness=false",
                "--profiling=false",
            ]
        )

    def _await_ready(self, port: int, path: str, *daemons: Daemon) -> None:
        deadline = time.monotonic() + _START_SECONDS
        # One connection: each costs the server, which is busy with its start, a handshake.
        with self._client(_url(port), _READY_SECONDS) as client:
            while not _ready(client, path):
                for daemon in daemons:
                    if daemon.exited():
                        raise LocalClusterError(daemon.failure())
                if time.monotonic() > deadline:
                    logs = " and ".join(str(daemon.log) for daemon in daemons)
                    raise LocalClusterError(
                        f"{daemons[-1].name} is not ready after {_START_SECONDS:.0f} s; see {logs}"
                    )
                time.sleep(_POLL_SECONDS)

    def _stop(self) -> None:
        try:
            self._controllers.stop()
            # The API server would wait for its watchers; all it knows is in etcd.
            self._api_server.stop(grace=0.3)
            self._etcd.stop(grace=5.0)
        except DaemonError as error:
            raise LocalClusterError(str(error)) from None

    def _certificates(self) -> tuple[Path, Path, Path]:
        return (
            self.directory / "server.crt",
            self.directory / "server.key",
            self.directory / "ca.crt",
        )

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.directory / "ca.crt"))

    def _token(self) -> str:
        path = self.directory / "token.csv"
        if not path.is_file():
            line = f'{secrets.token_urlsafe(32)},local-administrator,1,"system:masters"\n'
            pki.write_private(path, line.encode())
        return path.read_text().partition(",")[0]

    def _ports(self) -> dict[str, int] | None:
        try:
            ports: dict[str, int] = json.loads((self.directory / "ports.json").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return ports

    def _choose_ports(self) -> dict[str, int]:
        chosen = self._ports() or {}
        names = ("etcd", "etcd-peer", *PROGRAMS[1:])
        if set(chosen) != set(names) or not all_free(chosen.values()):
            chosen = dict(zip(names, free_ports(len(names)), strict=True))
            pki.write_private(self.directory / "ports.json", json.dumps(chosen).encode())
        return chosen

    def _write_kubeconfig(self, port: int, token: str) -> None:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CONTEXT,
            "clusters": [
                {
                    "name": CONTEXT,
                    "cluster": {
                        "server": _url(port),
                        "certificate-authority": str(self.directory / "ca.crt"),
                        # Of two megabytes of schema in each run, which stay on this machine.
                        "disable-compression": True,
                    },
                }
            ],
            "users": [{"name": CONTEXT, "user": {"token": token}}],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
        }
        pki.write_private(self.kubeconfig, yaml.safe_dump(config, sort_keys=False).encode())

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Keep two commands from starting or ending the same processes at once."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.directory.chmod(0o700)
        with (self.directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def find(name: str, progress: Callable[[str], None] = lambda _: None) -> Path:
    """The program `name`: from the directory KUBEBUILDER_ASSETS, from PATH, or built.

    That directory, which other tools make, holds etcd and kube-apiserver and no controllers.

    Args:
        name: one of PROGRAMS.
        progress: told when the program has to be built.

    Raises:
        LocalClusterError: KUBEBUILDER_ASSETS is set but does not hold the program.
    """
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and name != controllers.BINARY:
        program = Path(assets) / name
        if not os.access(program, os.X_OK):
            raise LocalClusterError(
                f"KUBEBUILDER_ASSETS is {assets}, but there is no program {name} in it: "
                "correct the variable or unset it"
            )
        return program
    on_path = shutil.which(name)
    if on_path:
        return Path(on_path)
    return _build(name, progress)


def _build(name: str, progress: Callable[[str], None]) -> Path:
    from toolchain import tools

    return tools.build(name, progress)


def _seed_digest() -> str:
    return hashlib.sha256(json.dumps(SEED, sort_keys=True).encode()).hexdigest()


def _url(port: int) -> str:
    return f"https://127.0.0.1:{port}"


def _ready(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _message(answer: httpx.Response) -> str:
    try:
        status: dict[str, Any] = answer.json()
    except ValueError:
        return f"HTTP {answer.status_code}"
    return str(status.get("message", f"HTTP {answer.status_code}"))
