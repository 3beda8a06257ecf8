"""The cluster as it is, for several who ask it before anything is declared."""

from __future__ import annotations

from typing import Self

import httpx

from components import kubeconfig
from components.kubeconfig import ClusterError


class Cluster:
    """The API server of a kubeconfig's context.

    There is one client, made at the first question: a kubeconfig's plugin may want somebody to log
    in. Who cannot be asked is not asked again. To be used as a context manager.

    Args:
        context: context in the kubeconfig; the current one if not given.
    """

    def __init__(self, context: str | None) -> None:
        self._context = context
        self._client: httpx.Client | None = None
        self._failure: ClusterError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()

    def get(self, path: str, accept: str | None = None) -> httpx.Response:
        """Return the answer to a GET, whatever its status; raises ClusterError.

        Args:
            path: begins with /api or /apis.
            accept: in which form the answer is wanted, if not in full.
        """
        if self._failure is not None:
            raise self._failure
        try:
            if self._client is None:
                self._client = kubeconfig.client(self._context)
            return kubeconfig.get(self._client, path, accept)
        except ClusterError as error:
            self._failure = error
            raise
