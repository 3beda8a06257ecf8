"""What the cluster is asked, page by page, and what it means for the jail and the network."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from components import kubeconfig
from components.kubeconfig import ClusterError
from components.settings.model import Settings
from ops import stacks
from ops.verification.access import Access, VerifyOptions, context
from ops.verification.cluster import ClusterReader, DaemonSet
from ops.verification.model import Outcome, Result
from ops.verification.preflight import Preflight
from tests.ops.verification.fake_coderd import FakeCoderd
from tests.ops.verification.making import Making, deployment

AMAZON = "6.12.40-63.114.amzn2023.x86_64"


def node(name: str, kernel: str = AMAZON, image: str = "Amazon Linux 2023") -> dict[str, Any]:
    info = {"kernelVersion": kernel, "osImage": image}
    return {"metadata": {"name": name}, "status": {"nodeInfo": info}}


def daemon(name: str, *args: str) -> dict[str, Any]:
    spec = {"template": {"spec": {"containers": [{"name": "x"}, {"args": list(args)}]}}}
    return {"metadata": {"name": name, "namespace": "kube-system"}, "spec": spec}


class Server:
    """An API server's lists; a token that goes on ends when etcd is compacted, if asked to."""

    def __init__(self, nodes: list[Any] | None = None, daemons: list[Any] | None = None) -> None:
        self.lists = {"/api/v1/nodes": nodes or [], "/apis/apps/v1/daemonsets": daemons or []}
        self.asked: list[str] = []
        self.compacted = False
        self.answer: Callable[[httpx.Request], httpx.Response] | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.raw_path.decode())
        if self.answer:
            return self.answer(request)
        items, query = self.lists[request.url.path], request.url.params
        if "continue" in query and self.compacted:
            return httpx.Response(410, json={"kind": "Status", "reason": "Expired"})
        begin = int(query.get("continue", "0"))
        end = begin + int(query.get("limit", len(items)))
        metadata = {"continue": str(end)} if end < len(items) else {}
        return httpx.Response(200, json={"metadata": metadata, "items": items[begin:end]})

    def cluster(self, page: int = 2) -> ClusterReader:
        transport = httpx.MockTransport(self)
        return ClusterReader(
            lambda: httpx.Client(base_url="https://k8s", transport=transport), page
        )


def settings(name: str = "dev") -> Settings:
    return stacks.settings(name)


def look(folder: Path, cluster: ClusterReader, check: str, jail: str = "landjail") -> Result:
    making = Making(folder)
    run = making.run(chosen=lambda each: each == check)
    found = settings()
    templates = [each for each in found.templates if found.firewall_of(each) is not None]
    assert {walls.jail for each in templates if (walls := found.firewall_of(each))} == {jail}
    Preflight(run, deployment(FakeCoderd()), found, templates, cluster).look()
    return making.results[check]


def test_lists_are_read_to_their_end() -> None:
    server = Server([node(f"n{number}") for number in range(5)])
    assert [each.name for each in server.cluster().nodes()] == ["n0", "n1", "n2", "n3", "n4"]
    assert server.asked == [
        "/api/v1/nodes?limit=2",
        "/api/v1/nodes?limit=2&continue=2",
        "/api/v1/nodes?limit=2&continue=4",
    ]


def test_a_list_whose_token_is_gone_is_read_in_one_answer() -> None:
    server = Server([node(f"n{number}") for number in range(5)])
    server.compacted = True
    assert [each.name for each in server.cluster().nodes()] == ["n0", "n1", "n2", "n3", "n4"]
    assert server.asked[-1] == "/api/v1/nodes"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (httpx.Response(401, json={}), "does not accept the kubeconfig's credentials"),
        (httpx.Response(403, json={}), "may not list /api/v1/nodes"),
        (httpx.Response(410, json={}), "answers /api/v1/nodes with 410"),
        (httpx.Response(503, text="x"), "answers /api/v1/nodes with 503"),
        (httpx.Response(200, text="<html>"), "answers /api/v1/nodes as none does"),
        (httpx.Response(200, json={"metadata": {}, "items": [{}]}), "as none does"),
    ],
)
def test_answers_that_are_none(tmp_path: Path, answer: httpx.Response, message: str) -> None:
    server = Server()
    server.answer = lambda _: answer
    with pytest.raises(ClusterError, match=message):
        server.cluster().nodes()
    result = look(tmp_path, server.cluster(), "preflight.kernel")
    assert result.outcome is Outcome.NOT_CHECKED
    assert message in result.detail
    assert "kubernetes.context" in result.next_step


def test_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    def refused(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    server = Server()
    server.answer = refused
    result = look(tmp_path, server.cluster(), "preflight.network")
    assert (result.outcome, result.detail) == (
        Outcome.NOT_CHECKED,
        "https://k8s cannot be reached: refused",
    )


def test_no_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    result = look(tmp_path, ClusterReader(partial(kubeconfig.client, None)), "preflight.kernel")
    assert result.outcome is Outcome.NOT_CHECKED
    assert "there is no kubeconfig" in result.detail


@pytest.mark.parametrize(
    ("nodes", "outcome", "detail"),
    [
        ([node("a"), node("b")], Outcome.PASSED, f"2 nodes with Linux {AMAZON}"),
        ([node("a"), node("b"), node("old", "6.1.158")], Outcome.FAILED, "old has Linux 6.1.158"),
        ([node("a", "6.7.0-rc1")], Outcome.PASSED, "6.7.0-rc1"),
        ([node("a", "what")], Outcome.FAILED, "landjail needs 6.7"),
        ([], Outcome.NOT_CHECKED, "no nodes"),
    ],
)
def test_kernels(tmp_path: Path, nodes: list[Any], outcome: Outcome, detail: str) -> None:
    """One node on a page behind the first counts as the others do."""
    result = look(tmp_path, Server(nodes).cluster(), "preflight.kernel")
    assert result.outcome is outcome, result
    assert detail in result.detail


BOTTLEROCKET = "Bottlerocket OS 1.48.0 (aws-k8s-1.36)"


@pytest.mark.parametrize(
    ("walls", "image", "outcome", "detail"),
    [
        ({}, BOTTLEROCKET, Outcome.FAILED, "is Bottlerocket, on which nsjail needs firewall."),
        ({"seccomp_unconfined": True}, BOTTLEROCKET, Outcome.PASSED, "1 nodes"),
        ({"no_user_namespace": True}, BOTTLEROCKET, Outcome.PASSED, "1 nodes"),
        ({}, "Amazon Linux 2023", Outcome.PASSED, "1 nodes"),
        ({"seccomp_unconfined": True}, "Fargate", Outcome.FAILED, "nsjail does not run on"),
    ],
)
def test_nodes_that_hold_nsjail_back(
    tmp_path: Path, walls: dict[str, bool], image: str, outcome: Outcome, detail: str
) -> None:
    found = settings()
    templates = [
        each.model_copy(
            update={"firewall": each.firewall.model_copy(update={"jail": "nsjail", **walls})}
        )
        for each in found.templates
        if each.firewall is not None
    ]
    # Any kernel will do for a network namespace.
    cluster = Server([node("a", "5.10.1", image)]).cluster()
    making = Making(tmp_path)
    run = making.run(chosen=lambda each: each == "preflight.kernel")
    Preflight(run, deployment(FakeCoderd()), found, templates, cluster).look()
    result = making.results["preflight.kernel"]
    assert result.outcome is outcome, result
    assert detail in result.detail


def test_nodes_are_no_matter_where_nothing_is_jailed(tmp_path: Path) -> None:
    found = settings()
    templates = [each for each in found.templates if each.firewall is None]
    assert templates
    making = Making(tmp_path)
    run = making.run(chosen=lambda each: each == "preflight.kernel")
    Preflight(run, deployment(FakeCoderd()), found, templates, Server([]).cluster()).look()
    assert making.results == {}


@pytest.mark.parametrize(
    ("daemons", "outcome", "detail"),
    [
        ([daemon("kube-proxy"), daemon("ebs"), daemon("cilium")], Outcome.PASSED, "cilium"),
        ([daemon("aws-node", "--enable-network-policy=true")], Outcome.PASSED, "aws-node"),
        ([daemon("aws-node", "--enable-network-policy=false")], Outcome.NOT_CHECKED, "no network"),
        ([daemon("kube-proxy")], Outcome.NOT_CHECKED, "no network plugin is known"),
    ],
)
def test_network_plugins(tmp_path: Path, daemons: list[Any], outcome: Outcome, detail: str) -> None:
    result = look(tmp_path, Server(daemons=daemons).cluster(), "preflight.network")
    assert result.outcome is outcome, result
    assert detail in result.detail


def test_a_daemon_set_is_read_with_its_arguments() -> None:
    assert Server(daemons=[daemon("x", "-a", "-b")]).cluster().daemons() == [
        DaemonSet("x", ("-a", "-b"))
    ]


def test_the_command_asks_the_cluster_of_the_stacks_context(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str | None] = []

    def client(name: str | None) -> httpx.Client:
        asked.append(name)
        return httpx.Client(base_url="https://k8s", transport=httpx.MockTransport(Server()))

    monkeypatch.setattr(kubeconfig, "client", client)
    found = settings()
    made = context(VerifyOptions("dev"), Access(found, "t"), deployment(FakeCoderd()))
    assert made.cluster.nodes() == []
    assert asked == [found.kubernetes.context]
    assert asked[0]
