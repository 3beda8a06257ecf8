"""Several ask a cluster through one client, and nobody twice who cannot be asked."""

import json
from pathlib import Path

import httpx
import pytest

from components.cluster import Cluster
from components.kubeconfig import ClusterError
from tests.components.clusters import Answer, answering


def test_there_is_one_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A plugin of the kubeconfig is run at the first question, and then no more."""
    count, plugin = tmp_path / "count", tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho run >> {count}\nexit 1\n")
    plugin.chmod(0o755)
    run = {"command": str(plugin), "apiVersion": "client.authentication.k8s.io/v1"}
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"exec": run | {"interactiveMode": "Never"}}}],
    }
    monkeypatch.setenv("KUBECONFIG", json.dumps(document))
    with Cluster(None) as cluster:
        assert not count.exists()
        for _ in range(3):
            with pytest.raises(ClusterError, match="plugin"):
                cluster.get("/api")
    assert count.read_text() == "run\n"


def test_its_connection_is_kept_and_closed() -> None:
    with answering(lambda path: httpx.Response(200, text=path)) as cluster:
        assert cluster.get("/api").text == "/api"
        made = cluster._client
        assert cluster.get("/apis").text == "/apis"
        assert made is not None
        assert cluster._client is made
        assert not made.is_closed
    assert made.is_closed


def test_who_does_not_answer_is_not_asked_again() -> None:
    asked: list[str] = []

    def away(path: str) -> Answer:
        asked.append(path)
        return httpx.ConnectError("refused")

    with answering(away) as cluster:
        for path in ("/api", "/apis"):
            with pytest.raises(ClusterError, match="cannot be reached: refused"):
                cluster.get(path)
    assert asked == ["/api"]
