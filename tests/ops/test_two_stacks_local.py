"""Two stacks of one state directory, brought up, changed and destroyed at the same time."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from components.network.namespace_args import STACK_ANNOTATION
from local import seed
from local.environment import Environment
from ops import project

LOCAL: dict[str, Any] = {
    "grafana": {"dashboards": ["agent-firewall"]},
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
    "grafana": {"namespace": "monitoring-dev", "dashboards": ["agent-firewall"]},
    "alerts": {"namespace": "monitoring-dev"},
    "mcpServers": [],
}
# On the coderd and the Grafana of the stack `local`.
BESIDE: dict[str, Any] = {
    "coder": {"accessUrl": "https://coder.dev.example.com", "variables": "none"},
    "templates": [{"name": "open-dev"}],
    "workspaces": {"namespace": "workspaces-dev"},
    "grafana": {"dashboards": ["agent-firewall"]},
    "mcpServers": [],
}
SETTINGS = {"local": LOCAL, "dev": DEV}
# One process a stack, as two people have: a process can run one program at a time.
RUN = """
import json, sys
from pathlib import Path
from local.environment import Environment
from ops import engine

name, state, changes, marks = sys.argv[1:]
if not json.loads(marks):
    from components import mark
    # As an earlier release made its objects.
    mark.marked = lambda annotations=None: dict(annotations or {})
with engine.session(
    name, lambda _: None, state=Path(state), changes=json.loads(changes)
) as ready:
    found = Environment(state=Path(state))
    passphrase = (found.state / "passphrase").read_text()
    print(json.dumps([found.cluster.kubeconfig.read_text(), found.coderd.url, passphrase]))
    sys.stdout.flush()
    for operation in sys.stdin:
        try:
            done = getattr(ready.stack, operation.strip())()
        except Exception as error:
            print(json.dumps(str(error)), flush=True)
            continue
        changed = getattr(done, "change_summary", None)
        changed = done.summary.resource_changes or {} if changed is None else changed
        changed = {str(getattr(kind, "value", kind)): count for kind, count in changed.items()}
        print(json.dumps(changed), flush=True)
"""


class Person:
    """A process with one stack open, for as long as the context lasts."""

    def __init__(
        self, stack: str, state: Path, settings: dict[str, Any], *, marks: bool = True
    ) -> None:
        told = (str(state), json.dumps(settings), json.dumps(marks))
        self._process = subprocess.Popen(
            [sys.executable, "-c", RUN, stack, *told],
            cwd=project.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Person":
        return self

    def __exit__(self, failure: object, *_: object) -> None:
        with self._process as process:
            if failure:
                process.kill()
            else:
                wrong = process.communicate(timeout=60)[1]
                assert process.returncode == 0, wrong[-2000:]

    def ask(self, operation: str) -> None:
        """Begin an operation."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{operation}\n")
        self._process.stdin.flush()

    def does(self, operation: str) -> Any:
        """Wait for an operation: how many resources by what was done, or why not."""
        self.ask(operation)
        return self.answer()

    def answer(self) -> Any:
        """Wait for what it says next."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self._process.communicate()[1][-2000:]
        return json.loads(line)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    environment = Environment(state=tmp_path)
    try:
        yield environment
    finally:
        environment.remove()


def make_room(environment: Environment) -> None:
    """Make what the stack `dev` goes to."""
    with environment.cluster.client() as client:
        for name in ("coder-dev", "monitoring-dev", "workspaces-dev"):
            body: dict[str, Any] = {"metadata": {"name": name}}
            client.post("/api/v1/namespaces", json=body).raise_for_status()
        for place, manifest in seed.SEED:
            if "/namespaces/coder/" in place:
                path = place.replace("/coder/", "/coder-dev/")
                metadata = {**manifest["metadata"], "namespace": "coder-dev"}
                client.post(path, json={**manifest, "metadata": metadata}).raise_for_status()


def together(people: dict[str, Person], **operations: str) -> dict[str, dict[str, int]]:
    """Run one operation of each stack at the same moment; return the resources by what was done."""
    for name, operation in operations.items():
        people[name].ask(operation)
    return {name: people[name].answer() for name in operations}


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


def test_two_stacks_start_one_environment_and_come_up_and_go_at_the_same_time(
    environment: Environment,
) -> None:
    with ExitStack() as open_people:
        people = {
            name: open_people.enter_context(Person(name, environment.state, settings))
            for name, settings in SETTINGS.items()
        }
        found = [person.answer() for person in people.values()]
        assert found[0] == found[1], "one API server, one coderd, one passphrase"
        make_room(environment)

        done = together(people, local="up", dev="up")
        assert set(done["local"]) == set(done["dev"]) == {"create"}
        assert templates(environment) == {"open", "closed", "open-dev", "closed-dev"}
        assert made(environment, "monitoring") == made(environment, "monitoring-dev") != set()

        again = together(people, local="up", dev="up")
        assert set(again["local"]) == set(again["dev"]) == {"same"}

        gone = together(people, local="destroy", dev="up")
        assert set(gone["local"]) == {"delete"}
        assert set(gone["dev"]) == {"same"}
        assert templates(environment) == {"open-dev", "closed-dev"}
        assert made(environment, "monitoring") == set()
        assert made(environment, "monitoring-dev") != set()


OBSERVED = (
    "/api/v1/namespaces/monitoring/configmaps",
    "/api/v1/namespaces/monitoring/secrets",
    "/apis/monitoring.coreos.com/v1/namespaces/monitoring/prometheusrules",
)


def observed(environment: Environment) -> dict[str, Any]:
    """What stands in Grafana's namespace, as it is."""
    with environment.cluster.client() as client:
        items = [item for path in OBSERVED for item in client.get(path).json()["items"]]
    return {each["metadata"]["uid"]: each for each in items}


def whose(environment: Environment) -> dict[str, str]:
    """The stack of each object there, by its name; empty of one that does not say."""
    return {
        each["metadata"]["name"]: each["metadata"].get("annotations", {}).get(STACK_ANNOTATION, "")
        for each in observed(environment).values()
        if each["metadata"]["name"] != "kube-root-ca.crt"
    }


def test_a_second_stack_of_one_grafana_is_refused_until_it_has_names_of_its_own(
    environment: Environment,
) -> None:
    ours, theirs = "firewalled-coder/local", "firewalled-coder/dev"
    # What a release before the annotation has made is taken for the stack's own, and then marked.
    with Person("local", environment.state, LOCAL, marks=False) as local:
        local.answer()
        make_room(environment)
        assert set(local.does("up")) == {"create"}
    assert set(whose(environment).values()) == {""}
    with Person("local", environment.state, LOCAL) as local:
        local.answer()
        assert set(local.does("up")) == {"update", "same"}
        assert set(local.does("up")) == {"same"}
    assert set(whose(environment).values()) == {ours}
    before = observed(environment)

    with Person("dev", environment.state, BESIDE) as dev:
        dev.answer()
        for operation in ("preview", "up"):
            refused = dev.does(operation)
            assert f"there are of the stack {ours}" in refused, refused
            for line in (
                'grafana.namespace = "monitoring": ConfigMap ',
                'grafana.namespace = "monitoring": Secret aigov-grafana-db there is of',
                'alerts.namespace = "monitoring": PrometheusRule firewalled-coder there is of',
                "give this stack a grafana.prefix of its own",
            ):
                assert line in refused
    assert observed(environment) == before

    named = {**BESIDE, "grafana": {**BESIDE["grafana"], "prefix": "dev"}}
    with Person("dev", environment.state, named) as dev:
        dev.answer()
        # The stack itself is there since it was refused.
        assert set(dev.does("up")) == {"create", "same"}
        beside = whose(environment)
        assert {name: owner for name, owner in beside.items() if owner == theirs} == dict.fromkeys(
            (
                "alerts-dev-coder",
                "dashboard-dev-agent-firewall",
                "datasource-dev-aibridge-postgres",
                "datasource-dev-loki",
                "dev-aigov-grafana-db",
                "dev-coder",
                "dev-grafana-ro-sql",
            ),
            theirs,
        )
        assert templates(environment) == {"open", "closed", "open-dev"}
        assert set(dev.does("destroy")) == {"delete"}
    assert observed(environment) == before
