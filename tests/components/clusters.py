"""A cluster that answers as a test says, in place of the one that the kubeconfig names."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import httpx

from components import kubeconfig
from components.cluster import Cluster

Answer = httpx.Response | Exception


@contextmanager
def answering(answer: Callable[[str], Answer]) -> Iterator[Cluster]:
    """Yield a cluster that answers a path so; an exception is raised by the connection."""

    def handle(request: httpx.Request) -> httpx.Response:
        found = answer(request.url.path)
        if isinstance(found, Exception):
            raise found
        return found

    def client(context: str | None) -> httpx.Client:
        assert context == "gov"
        return httpx.Client(base_url="https://k8s", transport=httpx.MockTransport(handle))

    with mock.patch.object(kubeconfig, "client", client), Cluster("gov") as cluster:
        yield cluster
