"""Two stacks of one state directory, brought up, changed and destroyed at the same time."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import seed
from local.environment import Environment
from ops import project

LOCAL: dict[str, Any] = {
    "templates": [{"name": "open"}, {"name": "closed", "firewall": {"jail": "landjail"}}],
    "mcpServers": [],
}
DEV: dict[str, Any] = {
    "coder": {
        "accessUrl": "https://coder.dev.example.com",
        "namespace": "coder-dev",
    },
    "templates": [{"name": "open-dev"}, {"name": "closed-dev", "firewall": {"jail": "landjail"}}],
    "workspaces": {"namespace": "workspaces-dev"},
    "grafana": {"namespace": "monitoring-dev"},
    "alerts": {"namespace": "monitoring-dev"},
    "mcpServers": [],
}
# One process a stack, as two people have: a process can run one program at a time.
RUN = """
import json, sys
from pathlib import Path
from ops import engine

name, operation, state, changes = sys.argv[1:]
with engine.session(
    name, lambda _: None, state=Path(state), changes=json.loads(changes)
) as ready:
    print("ready", flush=True)
    sys.stdin.readline()
    done = getattr(ready.stack, operation)()
    changed = done.summary.resource_changes or {}
    print(json.dumps({str(getattr(kind, "value", kind)): count for kind, count in changed.items()}))
"""

START = """
import sys
from pathlib import Path
from local.environment import Environment

environment = Environment(state=Path(sys.argv[1]))
environment.start(lambda _: None)
print(environment.cluster.kubeconfig.read_text(), environment.coderd.url)
print((environment.state / "passphrase").read_text())
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    made = Environment(state=tmp_path_factory.mktemp("state"))
    made.start(lambda _: None)
    try:
        with made.cluster.client() as client:
            for name in ("coder-dev", "monitoring-dev", "workspaces-dev"):
                body: dict[str, Any] = {"metadata": {"name": name}}
                client.post("/api/v1/namespaces", json=body).raise_for_status()
            for place, manifest in seed.SEED:
                if "/namespaces/coder/" in place:
                    path = place.replace("/coder/", "/coder-dev/")
                    metadata = {**manifest["metadata"], "namespace": "coder-dev"}
                    client.post(path, json={**manifest, "metadata": metadata}).raise_for_status()
        yield made
    finally:
        made.remove()


def together(environment: Environment, **operations: str) -> dict[str, dict[str, int]]:
    """Run one operation of each stack at the same moment; return the resources by what was done."""
    settings = {"local": LOCAL, "dev": DEV}
    running = {
        name: subprocess.Popen(
            [
                *(sys.executable, "-c", RUN, name, operation, str(environment.state)),
                json.dumps(settings[name]),
            ],
            cwd=project.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, operation in operations.items()
    }
    for process in running.values():
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    answers = {}
    for process in running.values():
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for name, process in running.items():
        said, wrong = process.communicate(timeout=300)
        assert process.returncode == 0, wrong[-2000:]
        answers[name] = json.loads(said)
    return answers


def templates(environment: Environment) -> set[str]:
    with environment.coderd.client() as client:
        return {
            str(each["name"])
            for each in client.get("/api/v2/organizations/default/templates").json()
        }


def made(environment: Environment, namespace: str) -> set[str]:
    with environment.cluster.client() as client:
        items = client.get(f"/api/v1/namespaces/{namespace}/configmaps").json()["items"]
    return {each["metadata"]["name"] for each in items}


def test_two_stacks_find_one_environment_when_neither_has_started_it(tmp_path: Path) -> None:
    environment = Environment(state=tmp_path)
    try:
        running = [
            subprocess.Popen(
                [sys.executable, "-c", START, str(tmp_path)],
                cwd=project.ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        said = [process.communicate(timeout=300) for process in running]
        assert [process.returncode for process in running] == [0, 0], said
        addresses = {out for out, _ in said}
        assert len(addresses) == 1, "one API server, one coderd, one passphrase"
    finally:
        environment.remove()


def test_two_stacks_come_up_and_go_at_the_same_time(environment: Environment) -> None:
    done = together(environment, local="up", dev="up")
    assert set(done["local"]) == set(done["dev"]) == {"create"}
    assert templates(environment) == {"open", "closed", "open-dev", "closed-dev"}
    assert made(environment, "monitoring") == made(environment, "monitoring-dev") != set()

    again = together(environment, local="up", dev="up")
    assert set(again["local"]) == set(again["dev"]) == {"same"}

    gone = together(environment, local="destroy", dev="up")
    assert set(gone["local"]) == {"delete"}
    assert set(gone["dev"]) == {"same"}
    assert templates(environment) == {"open-dev", "closed-dev"}
    assert made(environment, "monitoring") == set()
    assert made(environment, "monitoring-dev") != set()
