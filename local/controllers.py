"""What acts on the objects of the local cluster: controllers, and a stand-in for a node.

kube-controller-manager runs with the controllers that need no cloud and no volumes: the garbage
collector, without which a deletion in the foreground (pulumi-kubernetes' own way) never ends, and
those of namespaces, of Deployments, ReplicaSets and Jobs, without which no rollout ends, and of
quotas: pulumi-kubernetes waits until a quota's status says what may be used.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from local.daemon import Daemon, python_environment

BINARY: Final = "kube-controller-manager"
CONTROLLERS: Final = (
    "garbage-collector-controller",
    "namespace-controller",
    "deployment-controller",
    "replicaset-controller",
    "job-controller",
    "resourcequota-controller",
)


class Controllers:
    """Two processes that belong to a cluster.

    Args:
        state_dir: directory of the local stack.
        directory: that of the cluster, which holds their logs.
        kubeconfig: by which they reach the API server.
    """

    def __init__(self, state_dir: Path, directory: Path, kubeconfig: Path) -> None:
        self._state_dir = state_dir
        self._kubeconfig = kubeconfig
        self._directory = directory
        self._node = Daemon("node", directory, f"local.node --state-dir={state_dir}")
        self._manager = Daemon(BINARY, directory, str(directory))

    @property
    def daemons(self) -> tuple[Daemon, Daemon]:
        """The processes, the last one the controllers'."""
        return self._node, self._manager

    @property
    def running(self) -> bool:
        """Whether both processes are there."""
        return all(daemon.pid is not None for daemon in self.daemons)

    def start(self, binary: Path, port: int, progress: Callable[[str], None]) -> None:
        """Start them; the API server has to be there.

        Args:
            binary: kube-controller-manager.
            port: where it says whether it is healthy.
            progress: told in a few words what is being done.

        Raises:
            local.daemon.DaemonError: a program cannot be executed.
        """
        progress(f"starting {BINARY} and a stand-in for a node")
        self._manager.start(
            [
                str(binary),
                f"--kubeconfig={self._kubeconfig}",
                f"--controllers={','.join(CONTROLLERS)}",
                "--leader-elect=false",
                "--bind-address=127.0.0.1",
                f"--secure-port={port}",
                f"--tls-cert-file={self._directory / 'server.crt'}",
                f"--tls-private-key-file={self._directory / 'server.key'}",
                "--profiling=false",
            ]
        )
        self._node.start(
            [sys.executable, "-m", "local.node", f"--state-dir={self._state_dir}"],
            env=python_environment(),
        )

    def stop(self) -> None:
        """End them.

        Raises:
            local.daemon.DaemonError: a process does not end.
        """
        for daemon in self.daemons:
            daemon.stop(grace=0.3)
