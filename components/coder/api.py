"""coderd's REST API, for the program and the operator's commands; errors never hold the token."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

import httpx
import truststore

from components import proxied
from components.connections import reading
from components.errors import OperatorError
from components.syntax import is_loopback
from components.tls import certificate_problem

TOKEN_HEADER: Final = "Coder-Session-Token"  # noqa: S105  the name of a header


class CoderdError(OperatorError):
    """coderd could not be asked, or did not answer as coderd does."""


class RefusedError(CoderdError):
    """coderd refused a request.

    Args:
        status: HTTP status of the answer.
        message: what coderd said.
        path: what was asked.
    """

    def __init__(self, status: int, message: str, path: str = "") -> None:
        self.status = status
        self.path = path
        super().__init__(f"{status}: {message}" if message else str(status))


@dataclass(frozen=True)
class CoderdAccess:
    """Where coderd is and who asks.

    Args:
        url: the access URL.
        token: a session token.
        transport: how to reach coderd, for tests.
        timeout: seconds for each request.
    """

    url: str
    token: str = field(repr=False)
    transport: httpx.BaseTransport | None = field(default=None, repr=False)
    timeout: float = 15.0


class CoderdApi:
    """Requests to one coderd, as JSON. A redirect is not followed: it would carry the token."""

    def __init__(self, coderd: CoderdAccess) -> None:
        self.url = coderd.url.rstrip("/")
        self._headers = {TOKEN_HEADER: coderd.token, "Accept": "application/json"}
        here = is_loopback(urlsplit(self.url).hostname or "")
        try:
            self._client = proxied.client(
                timeout=coderd.timeout,
                transport=coderd.transport,
                verify=verification(self.url),
                # Coder's provider asks this machine through no proxy of the environment.
                trust_env=not here,
            )
        except proxied.ProxyError as error:
            raise CoderdError(str(error)) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(self, path: str, **query: str) -> Any:
        """Return the answer to a GET.

        Raises:
            CoderdError: no answer, or none in JSON.
            RefusedError: any status but 2xx.
        """
        return self._send("GET", path, params=query)

    def download(self, path: str) -> bytes:
        """Return the content of a file; raises as get does, whatever is in it."""
        return self._asked("GET", path).content

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Return the answer to a POST; raises as get does."""
        return self._send("POST", path, json=body)

    def patch(self, path: str) -> Any:
        """Return the answer to a PATCH without a body; raises as get does."""
        return self._send("PATCH", path)

    def _send(self, method: str, path: str, **content: Any) -> Any:
        response = self._asked(method, path, **content)
        try:
            return response.json()
        except ValueError:
            raise CoderdError(f"{self.url}{path} does not answer as coderd does") from None

    def _asked(self, method: str, path: str, **content: Any) -> httpx.Response:
        def ask() -> httpx.Response:
            url = f"{self.url}{path}"
            return self._client.request(method, url, headers=self._headers, **content)

        try:
            response = reading(ask) if method == "GET" else ask()
        except httpx.InvalidURL:
            raise CoderdError(f"{self.url} is no URL") from None
        except httpx.TimeoutException:
            raise CoderdError(f"{self.url} does not answer in time") from None
        except (httpx.LocalProtocolError, UnicodeEncodeError):
            # These quote the header, which is the token.
            raise CoderdError("the session token holds what HTTP cannot carry") from None
        except httpx.HTTPError as error:
            why = certificate_problem(error) or str(error) or type(error).__name__
            raise CoderdError(f"{self.url} cannot be reached: {why}") from None
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            raise RefusedError(response.status_code, "the session token is not valid")
        if response.is_redirect:
            raise CoderdError(f"{self.url} redirects: it is not the address of coderd itself")
        if not response.is_success:
            raise RefusedError(response.status_code, _message(response), path)
        return response


def verification(url: str) -> ssl.SSLContext | Literal[False]:
    """Return by what the certificate of a URL's host is verified, False where there is no TLS.

    By the machine's own authorities, as Coder's provider does; SSL_CERT_FILE names others.
    """
    # Without TLS there is no need to read them, which takes a while; no redirect is followed.
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("https:") else False


def _message(response: httpx.Response) -> str:
    """What coderd says of its refusal: codersdk.Response has message, detail and validations."""
    try:
        body = response.json()
    except ValueError:
        return response.reason_phrase
    if not isinstance(body, dict):
        return response.reason_phrase
    validations = body.get("validations") or []
    parts = [
        body.get("message"),
        body.get("detail"),
        *(f"{each.get('field')}: {each.get('detail')}" for each in validations),
    ]
    return " ".join(str(part) for part in parts if part)
