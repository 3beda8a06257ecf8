"""Objects that another stack has made are told before anything is declared."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from components import ownership
from components.network.namespace_args import STACK_ANNOTATION
from components.ownership import Objects
from tests.components.clusters import Answer, answering

MAPS, SECRET = (f"/api/v1/namespaces/monitoring/{each}" for each in ("configmaps", "secrets/db"))
POLICIES = "/apis/networking.k8s.io/v1/namespaces/work/networkpolicies"
FORBIDDEN = httpx.Response(403, json={"kind": "Status", "message": "configmaps is forbidden"})
NOT_FOUND = httpx.Response(404, json={"kind": "Status", "message": "not found"})
OTHER = "firewalled-coder/prod"

CONFIG_MAPS = Objects(
    "grafana.namespace",
    "monitoring",
    "/api/v1",
    "ConfigMap",
    ("one", "two", "three", "four", "alerts-a"),
    "give this stack a grafana.prefix of its own",
    folder="Coder",
)
DATABASE = Objects("grafana.namespace", "monitoring", "/api/v1", "Secret", ("db",), "do so")
NETWORK = Objects(
    "workspaces.namespace",
    "work",
    "/apis/networking.k8s.io/v1",
    "NetworkPolicy",
    ("a", "b"),
    "name another",
)


def metadata(name: str, by: str = "", **labels: str) -> dict[str, Any]:
    annotations = {STACK_ANNOTATION: by} if by else {}
    return {"metadata": {"name": name, "annotations": annotations, "labels": labels}}


def listed(*items: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"items": list(items)})


def look_up(answers: Mapping[str, Answer], *wanted: Objects) -> list[str]:
    """What is told of a cluster that answers so; nothing else is asked, nothing twice."""
    with answering(dict(answers).pop) as cluster:
        return [str(problem) for problem in ownership.look_up("dev", wanted, cluster)]


def test_what_another_stack_has_made_is_told_with_its_name_and_what_works_instead() -> None:
    (told,) = look_up({MAPS: listed(metadata("two", OTHER), metadata("elses", OTHER))}, CONFIG_MAPS)
    assert told == (
        'grafana.namespace = "monitoring": ConfigMap two there is of the stack '
        "firewalled-coder/prod, and whichever of two stacks is destroyed takes it away: give this "
        "stack a grafana.prefix of its own; if that stack is gone, run `kubectl annotate -n "
        "monitoring configmap two firewalled-coder/stack-`"
    )


def test_many_are_counted_and_two_stacks_told_apart() -> None:
    made = [metadata(name, OTHER) for name in ("one", "two", "three", "four")]
    several, one = look_up(
        {MAPS: listed(*made, metadata("alerts-a", "firewalled-coder/test"))}, CONFIG_MAPS
    )
    assert "ConfigMap four, one, three and 1 more there are of the stack firewalled-coder/prod" in (
        several
    )
    assert "takes them away" in several
    assert "configmap four one three two firewalled-coder/stack-`" in several
    assert "ConfigMap alerts-a there is of the stack firewalled-coder/test" in one


def test_one_of_a_kind_is_asked_for_by_its_name() -> None:
    there = httpx.Response(200, json=metadata("db", OTHER))
    (told,) = look_up({SECRET: there}, DATABASE)
    assert "Secret db there is of the stack" in told
    (told,) = look_up({POLICIES: listed(metadata("b", OTHER))}, NETWORK)
    assert told.startswith('workspaces.namespace = "work": NetworkPolicy b there is of')


@pytest.mark.parametrize(
    "answer",
    [
        listed(metadata("one", "firewalled-coder/dev"), metadata("two")),
        listed(),
        NOT_FOUND,
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"items": [None, {"metadata": None}]}),
        httpx.ConnectError("refused"),
    ],
)
def test_the_stacks_own_and_what_does_not_say_are_taken(answer: Answer) -> None:
    assert look_up({MAPS: answer}, CONFIG_MAPS) == []


def test_who_may_list_nothing_is_told_of_one_at_least() -> None:
    one = f"{MAPS}/alerts-a"
    there = httpx.Response(200, json=metadata("alerts-a", OTHER))
    (told,) = look_up({MAPS: FORBIDDEN, one: there}, CONFIG_MAPS)
    assert "ConfigMap alerts-a there is of the stack firewalled-coder/prod" in told
    assert look_up({MAPS: FORBIDDEN, one: FORBIDDEN}, CONFIG_MAPS) == []


def test_the_metadata_alone_is_asked_for() -> None:
    forms = []

    def handle(request: httpx.Request) -> httpx.Response:
        forms.append(request.headers["Accept"])
        return listed()

    client = httpx.Client(base_url="https://k8s", transport=httpx.MockTransport(handle))
    with pytest.MonkeyPatch.context() as patch, ownership.Cluster(None) as cluster:
        patch.setattr("components.kubeconfig.client", lambda _: client)
        ownership.look_up("dev", [CONFIG_MAPS, DATABASE], cluster)
    # The API server refuses the form of a list for one object.
    assert [form.split(";")[1] for form in forms] == [
        "as=PartialObjectMetadataList",
        "as=PartialObjectMetadata",
    ]


@pytest.mark.parametrize(("folder", "told"), [("Coder", True), ("Coder prod", False)])
def test_alerts_of_two_stacks_are_in_two_folders(folder: str, told: bool) -> None:
    theirs = metadata("alerts-prod-coder", OTHER, grafana_alert="1")
    full = {**theirs, "data": {"a.yaml": f"groups: [{{name: a, folder: {folder}}}]", "b": "{"}}
    answers = {
        MAPS: listed(theirs),
        f"{MAPS}/alerts-prod-coder": httpx.Response(200, json=full),
    }
    found = look_up(answers, CONFIG_MAPS)
    assert found == (
        [
            'grafana.folder = "Coder": the alerts of the stack firewalled-coder/prod are in this '
            "folder (ConfigMap alerts-prod-coder), in which Grafana has a title once: name another"
        ]
        if told
        else []
    )
