"""httpx's client, whose trouble with a proxy of the environment is one error."""

from __future__ import annotations

from typing import Any

import httpx

from components.errors import OperatorError


class ProxyError(OperatorError):
    """A proxy that is named cannot be used; the message has no part of its address."""


def client(**options: Any) -> httpx.Client:
    """Return a client, as `httpx.Client` is made.

    Raises:
        ProxyError: a SOCKS proxy, whose package is not here, or a kind that httpx does not know.
        ValueError, httpx.InvalidURL: as httpx does.
    """
    named = "`proxy-url` of the kubeconfig or ALL_PROXY, HTTPS_PROXY or HTTP_PROXY"
    try:
        return httpx.Client(**options)
    except ImportError:
        raise ProxyError(
            f"a SOCKS proxy ({named}) needs a package that is not installed: "
            "`pip install 'httpx[socks]'` where this runs, or name a proxy of http:// or https://"
        ) from None
    except ValueError as error:
        if "proxy" not in str(error):
            raise
        raise ProxyError(
            f"a proxy ({named}) is of no known kind: http://, https:// or socks5:// is right"
        ) from None
