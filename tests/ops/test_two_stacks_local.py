"""Two stacks of one state directory, brought up, changed and destroyed at the same time.

The second test goes on from where the first left both.
"""

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
    "templates": [{"name": "closed", "firewall": {"jail": "landjail"}}],
    "mcpServers": [],
}
DEV: dict[str, Any] = {
    "coder": {
        "accessUrl": "https://coder.dev.example.com",
        "namespace": "coder-dev",
    },
    "templates": [{"name": "closed-dev", "firewall": {"jail": "landjail"}}],
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
# One process a stack, as two people have: a process can run one program at a time.
RUN = """
import atexit, gc, json, sys
from pathlib import Path

gc.set_threshold(100_000)
atexit.register(gc.freeze)
from components import mark

marked, bare = mark.marked, False
mark.marked = lambda annotations=None: dict(annotations or {}) if bare else marked(annotations)
from local.environment import Environment
from ops import engine

name, state, changes = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
with engine.session(name, lambda _: None, state=state, changes=changes) as ready:
    found = Environment(state=state)
    passphrase = (found.state / "passphrase").read_text()
    print(json.dumps([found.cluster.kubeconfig.read_text(), found.coderd.url, passphrase]))
    sys.stdout.flush()
    for line in sys.stdin:
        operation, changes, bare = json.loads(line)
        if changes is not None:
            assert found.prepare(name, changes) == {}, "secrets stay"
        try:
            done = getattr(ready.stack, operation)()
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

    def __init__(self, stack: str, state: Path, settings: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", RUN, stack, str(state), json.dumps(settings)],
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

    def ask(
        self, operation: str, settings: dict[str, Any] | None = None, *, bare: bool = False
    ) -> None:
        """Begin an operation, with other settings from now on if there are any.

        A `bare` one makes its objects as a release before the annotation of their stack.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([operation, settings, bare]) + "\n")
        self._process.stdin.flush()

    def does(self, operation: str, settings: dict[str, Any] | None = None) -> Any:
        """Wait for an operation: how many resources by what was done, or why not."""
        self.ask(operation, settings)
        return self.answer()

    def answer(self) -> Any:
        """Wait for what it says next."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self._process.communicate()[1][-2000:]
        return json.loads(line)


@pytest.fixture(scope="module")
def people(empty: Environment) -> Iterator[dict[str, Person]]:
    """Both at once, in an environment that one of them starts."""
    assert not empty.exists
    with ExitStack() as open_people:
        yield {
            name: open_people.enter_context(Person(name, empty.state, settings))
            for name, settings in (("local", LOCAL), ("dev", DEV))
        }


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


def together(
    people: dict[str, Person], *, bare: str = "", **operations: str
) -> dict[str, dict[str, int]]:
    """Run one operation of each stack at the same moment; return the resources by what was done."""
    for name, operation in operations.items():
        people[name].ask(operation, bare=name == bare)
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


OURS, THEIRS = "firewalled-coder/local", "firewalled-coder/dev"
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


def test_two_stacks_start_one_environment_and_come_up_and_go_at_the_same_time(
    empty: Environment, people: dict[str, Person]
) -> None:
    found = [person.answer() for person in people.values()]
    assert found[0] == found[1], "one API server, one coderd, one passphrase"
    make_room(empty)

    done = together(people, local="up", dev="up", bare="local")
    assert set(done["local"]) == set(done["dev"]) == {"create"}
    assert templates(empty) == {"closed", "closed-dev"}
    assert made(empty, "monitoring") == made(empty, "monitoring-dev") != set()
    assert set(whose(empty).values()) == {""}

    # What a release before the annotation has made is taken for the stack's own, and then marked.
    again = together(people, local="up", dev="up")
    assert set(again["local"]) == {"update", "same"}
    assert set(again["dev"]) == {"same"}
    assert set(whose(empty).values()) == {OURS}

    gone = together(people, local="up", dev="destroy")
    assert set(gone["local"]) == {"same"}
    assert set(gone["dev"]) == {"delete"}
    assert templates(empty) == {"closed"}
    assert made(empty, "monitoring-dev") == set()
    assert set(whose(empty).values()) == {OURS}


def test_a_second_stack_of_one_grafana_is_refused_until_it_has_names_of_its_own(
    empty: Environment, people: dict[str, Person]
) -> None:
    local, dev = people["local"], people["dev"]
    before = observed(empty)
    for operation in ("preview", "up"):
        refused = dev.does(operation, BESIDE)
        assert f"there are of the stack {OURS}" in refused, refused
        for line in (
            'grafana.namespace = "monitoring": ConfigMap ',
            'grafana.namespace = "monitoring": Secret aigov-grafana-db there is of',
            'alerts.namespace = "monitoring": PrometheusRule firewalled-coder there is of',
            "give this stack a grafana.prefix of its own",
        ):
            assert line in refused
    assert observed(empty) == before

    named = {**BESIDE, "grafana": {**BESIDE["grafana"], "prefix": "dev"}}
    # The stack itself is there since it was refused.
    assert set(dev.does("up", named)) == {"create", "same"}
    assert {
        name: owner for name, owner in whose(empty).items() if owner == THEIRS
    } == dict.fromkeys(
        (
            "alerts-dev-coder",
            "dashboard-dev-agent-firewall",
            "datasource-dev-aibridge-postgres",
            "datasource-dev-loki",
            "dev-aigov-grafana-db",
            "dev-coder",
            "dev-grafana-ro-sql",
        ),
        THEIRS,
    )
    assert templates(empty) == {"closed", "open-dev"}
    assert set(dev.does("destroy")) == {"delete"}
    assert observed(empty) == before

    # And the files that go on in this environment find nothing there.
    assert set(local.does("destroy")) == {"delete"}
    assert templates(empty) == made(empty, "monitoring") == set()
