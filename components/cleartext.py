"""Credentials of a kubeconfig for a server without TLS: no client of Kubernetes sends them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import httpx

# What of a user is no impersonation.
_CREDENTIALS: Final = (
    *("token", "tokenFile", "username", "exec", "auth-provider"),
    *("client-certificate", "client-certificate-data"),
)


def are_withheld(user: Mapping[str, Any], server: str) -> bool:
    """Return whether a user of a kubeconfig has credentials that the server does not get."""
    return not is_secure(server) and any(user.get(key) for key in _CREDENTIALS)


def is_secure(server: str) -> bool:
    """Return whether a URL has TLS; client-go reads no credentials without (ClientConfig)."""
    return server.lower().startswith("https:")


def why_refused(answer: httpx.Response) -> str:
    """Return why a server refuses who kept the credentials back, "" if it does not."""
    if answer.status_code not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return ""
    address = answer.request.url.copy_with(raw_path=b"/")
    return (
        f"{address} answers {answer.status_code} to a request without credentials: its address in "
        "the kubeconfig has no TLS, so neither this nor any client of Kubernetes sends them. Give "
        "the server as https:// there"
    )
