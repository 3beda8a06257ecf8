"""Asks an MCP server what Coder's client will ask it, before Coder does.

Coder drops a server that answers the `notifications/initialized` POST with anything but 200 or
202, 204 included, and says so only in coderd's log (`skipping MCP server ... connection failure`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import httpx

PROTOCOL_VERSION: Final = "2025-03-26"
SESSION_HEADER: Final = "Mcp-Session-Id"
ACCEPTED: Final = (HTTPStatus.OK, HTTPStatus.ACCEPTED)

_LARGEST_ANSWER: Final = 1 << 20
_INITIALIZE_ID: Final = 1


class ProbeError(Exception):
    """The server could not be asked, or does not speak MCP; no header's value is in the text."""


@dataclass(frozen=True)
class ProbeResult:
    """What the server said.

    Args:
        server: name and version that the server gives itself.
        protocol_version: MCP version that the server chose.
        has_session: the server gave a session id.
        notification_status: HTTP status of `notifications/initialized`.
    """

    server: str
    protocol_version: str
    has_session: bool
    notification_status: int

    @property
    def accepted(self) -> bool:
        """Whether Coder's client takes the server."""
        return self.notification_status in ACCEPTED

    def __str__(self) -> str:
        said = f"{self.server} (MCP {self.protocol_version})"
        answer = f"answers notifications/initialized with {self.notification_status}"
        if self.accepted:
            return f"{said} {answer}: Coder takes it"
        return f"{said} {answer}: Coder takes only 200 or 202 and will skip this server"


def probe(
    url: str,
    headers: Mapping[str, str],
    *,
    timeout: float = 10.0,
    transport: httpx.BaseTransport | None = None,
) -> ProbeResult:
    """Open a session as an MCP client does (streamable HTTP), and close it.

    Args:
        url: endpoint of the server.
        headers: what authenticates the client; sent to `url` alone, no redirect is followed.
        timeout: seconds for each request.
        transport: how to reach the server, for tests.

    Raises:
        ProbeError: the server cannot be reached, refuses, or answers what is not MCP.
    """
    try:
        with httpx.Client(headers=dict(headers), timeout=timeout, transport=transport) as client:
            return _probe(client, url)
    except httpx.InvalidURL:
        raise ProbeError("the URL does not parse; it is like https://host/mcp") from None
    except httpx.TimeoutException:
        raise ProbeError(f"{url} does not answer within {timeout:g} s") from None
    except (httpx.LocalProtocolError, UnicodeEncodeError):
        # These quote the header; it may be the key.
        raise ProbeError("a header holds what HTTP cannot carry, such as a newline") from None
    except httpx.HTTPError as error:
        raise ProbeError(f"{url} cannot be reached: {error or type(error).__name__}") from None


def _probe(client: httpx.Client, url: str) -> ProbeResult:
    request = {
        "jsonrpc": "2.0",
        "id": _INITIALIZE_ID,
        "method": "initialize",
        "params": {
            "protocolVersion": PROTOCOL_VERSION,
            "capabilities": {},
            "clientInfo": {"name": "firewalled-coder", "version": "1"},
        },
    }
    with _post(client, url, request, None) as response:
        _expect_success(url, response)
        session = response.headers.get(SESSION_HEADER)
        result = _result(url, response)
    with _post(
        client, url, {"jsonrpc": "2.0", "method": "notifications/initialized"}, session
    ) as response:
        status = response.status_code
    if session:
        # A server keeps a session until it is told; whether it obeys is not of interest.
        with suppress(httpx.HTTPError):
            client.delete(url, headers={SESSION_HEADER: session})
    server = result.get("serverInfo")
    info = server if isinstance(server, dict) else {}
    return ProbeResult(
        server=" ".join(str(info[key]) for key in ("name", "version") if info.get(key)) or url,
        protocol_version=str(result["protocolVersion"]),
        has_session=session is not None,
        notification_status=status,
    )


def _post(client: httpx.Client, url: str, message: dict[str, Any], session: str | None) -> Any:
    headers = {"Accept": "application/json, text/event-stream"}
    if session:
        headers[SESSION_HEADER] = session
    return client.stream("POST", url, json=message, headers=headers)


def _expect_success(url: str, response: httpx.Response) -> None:
    if response.is_success:
        return
    status = f"{response.status_code} {response.reason_phrase}".strip()
    if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise ProbeError(f"{url} refuses the credentials ({status})")
    if response.is_redirect:
        raise ProbeError(f"{url} redirects ({status}); name the endpoint it redirects to")
    raise ProbeError(f"{url} answers initialize with {status}")


def _result(url: str, response: httpx.Response) -> dict[str, Any]:
    """The result of the JSON-RPC answer, sent as JSON or as one event of a stream."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        texts = _events(_lines(url, response))
    else:
        texts = iter(["\n".join(_lines(url, response))])
    for text in texts:
        try:
            message = json.loads(text)
        except ValueError:
            break
        if not isinstance(message, dict) or message.get("id") != _INITIALIZE_ID:
            continue
        if "error" in message:
            error = message["error"]
            reason = error.get("message") if isinstance(error, dict) else error
            raise ProbeError(f"{url} refuses initialize: {reason}")
        result = message.get("result")
        if isinstance(result, dict) and "protocolVersion" in result:
            return result
        break
    raise ProbeError(f"{url} does not answer initialize as an MCP server does")


def _lines(url: str, response: httpx.Response) -> Iterator[str]:
    size = 0
    for line in response.iter_lines():
        size += len(line) + 1
        if size > _LARGEST_ANSWER:
            raise ProbeError(f"{url} answers initialize with more than {_LARGEST_ANSWER} bytes")
        yield line


def _events(lines: Iterable[str]) -> Iterator[str]:
    """The data of each server-sent event (WHATWG HTML, 9.2.6)."""
    data: list[str] = []
    for line in lines:
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []
