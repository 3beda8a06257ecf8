"""Asks an MCP server what Coder's client will ask it, before Coder does.

Coder drops a server that answers the `notifications/initialized` POST with anything but 200 or
202, 204 included, and says so only in coderd's log (`skipping MCP server ... connection failure`).
"""

import json
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

import httpx

from components import proxied
from components.boundary.credentials import HIDDEN
from ops.markdown import clip, visible

PROTOCOL_VERSION: Final = "2025-03-26"
SESSION_HEADER: Final = "Mcp-Session-Id"
ACCEPTED: Final = (HTTPStatus.OK, HTTPStatus.ACCEPTED)

# Shorter words, such as Bearer, are in many texts.
_SHORTEST_KEY: Final = 8
_LARGEST_ANSWER: Final = 1 << 20
_INITIALIZE_ID: Final = 1
_TOOLS_ID: Final = 2
_LARGEST_LIST: Final = 100
_VERSION_HEADER: Final = "MCP-Protocol-Version"


class ProbeError(Exception):
    """The server could not be asked, or does not speak MCP; no header's value is in the text."""


class UnresolvedError(ProbeError):
    """The name of the server's host is not known here."""


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
        ProbeError: the server cannot be reached, refuses, or answers what is not MCP;
            UnresolvedError when its host is not known.
    """
    with (
        _quoted(headers) as clean,
        _client(url, headers, timeout, transport) as client,
        _opened(client, url) as session,
    ):
        result = _probe(client, url, session)
        return replace(
            result,
            server=clean(result.server),
            protocol_version=clean(result.protocol_version),
        )


def tools(
    url: str,
    headers: Mapping[str, str],
    *,
    timeout: float = 10.0,
    transport: httpx.BaseTransport | None = None,
) -> list[str]:
    """Return the names of the tools that a server has for these headers, in its order.

    Args and raises: as of `probe`.
    """
    with (
        _quoted(headers) as clean,
        _client(url, headers, timeout, transport) as client,
        _opened(client, url) as session,
    ):
        with _post(client, url, _NOTIFICATION, session):
            pass
        return [clean(name) for name in _tools(client, url, session)]


@contextmanager
def _quoted(headers: Mapping[str, str]) -> Iterator[Callable[[str], str]]:
    """Yield what makes a server's own words fit to be shown; errors are shown so, too.

    A server may say back what it was sent, and write what moves a terminal's cursor.
    """
    values = {part for value in headers.values() for part in (value, *value.split())}
    # The longest first: a part of one may be another. What is as short as a scheme is no secret.
    hidden = sorted((each for each in values if len(each) >= _SHORTEST_KEY), key=len, reverse=True)

    def clean(text: str) -> str:
        for each in hidden:
            text = text.replace(each, HIDDEN)
        return clip(visible(" ".join(text.split())))

    try:
        yield clean
    except ProbeError as error:
        raise type(error)(clean(str(error))) from None


@contextmanager
def _client(
    url: str,
    headers: Mapping[str, str],
    timeout: float,
    transport: httpx.BaseTransport | None,
) -> Iterator[httpx.Client]:
    try:
        with proxied.client(headers=dict(headers), timeout=timeout, transport=transport) as client:
            yield client
    except httpx.InvalidURL:
        raise ProbeError("the URL does not parse; it is like https://host/mcp") from None
    except httpx.TimeoutException:
        raise ProbeError(f"{url} does not answer within {timeout:g} s") from None
    except (httpx.LocalProtocolError, UnicodeEncodeError):
        # These quote the header; it may be the key.
        raise ProbeError("a header holds what HTTP cannot carry, such as a newline") from None
    except httpx.HTTPError as error:
        if _is_unresolved(error):
            raise UnresolvedError(f"{url}: its host cannot be resolved from here") from None
        raise ProbeError(f"{url} cannot be reached: {error or type(error).__name__}") from None


def _is_unresolved(error: BaseException) -> bool:
    """Whether an error is of a name that no resolver knew; httpx tells it by its text alone."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, socket.gaierror):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


@dataclass(frozen=True)
class _Session:
    id: str | None
    result: Mapping[str, Any]


@contextmanager
def _opened(client: httpx.Client, url: str) -> Iterator[_Session]:
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
        _expect_success(url, response, "initialize")
        id = response.headers.get(SESSION_HEADER)
        result = _result(url, response, _INITIALIZE_ID, "initialize")
    if "protocolVersion" not in result:
        raise ProbeError(f"{url} does not answer initialize as an MCP server does")
    try:
        yield _Session(id, result)
    finally:
        if id:
            # A server keeps a session until it is told; whether it obeys is not of interest.
            with suppress(httpx.HTTPError):
                client.delete(url, headers={SESSION_HEADER: id})


_NOTIFICATION: Final = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def _probe(client: httpx.Client, url: str, session: _Session) -> ProbeResult:
    with _post(client, url, _NOTIFICATION, session) as response:
        status = response.status_code
    result = session.result
    server = result.get("serverInfo")
    info = server if isinstance(server, dict) else {}
    return ProbeResult(
        server=" ".join(str(info[key]) for key in ("name", "version") if info.get(key)) or url,
        protocol_version=str(result["protocolVersion"]),
        has_session=session.id is not None,
        notification_status=status,
    )


def _tools(client: httpx.Client, url: str, session: _Session) -> Iterator[str]:
    cursor: Any = None
    for _ in range(_LARGEST_LIST):
        params = {} if cursor is None else {"cursor": cursor}
        request = {"jsonrpc": "2.0", "id": _TOOLS_ID, "method": "tools/list", "params": params}
        with _post(client, url, request, session) as response:
            _expect_success(url, response, "tools/list")
            result = _result(url, response, _TOOLS_ID, "tools/list")
        listed = result.get("tools")
        for tool in listed if isinstance(listed, list) else ():
            if isinstance(tool, dict) and isinstance(tool.get("name"), str):
                yield tool["name"]
        cursor = result.get("nextCursor")
        if not cursor:
            return
    raise ProbeError(f"{url} lists tools without an end")


def _post(
    client: httpx.Client, url: str, message: Mapping[str, Any], session: _Session | None
) -> Any:
    headers = {"Accept": "application/json, text/event-stream"}
    if session is not None:
        headers[_VERSION_HEADER] = str(session.result["protocolVersion"])
        if session.id:
            headers[SESSION_HEADER] = session.id
    return client.stream("POST", url, json=message, headers=headers)


def _expect_success(url: str, response: httpx.Response, method: str) -> None:
    if response.is_success:
        return
    status = f"{response.status_code} {response.reason_phrase}".strip()
    if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise ProbeError(f"{url} refuses the credentials ({status})")
    if response.is_redirect:
        raise ProbeError(f"{url} redirects ({status}); name the endpoint it redirects to")
    raise ProbeError(f"{url} answers {method} with {status}")


def _result(url: str, response: httpx.Response, id: int, method: str) -> dict[str, Any]:
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
        if not isinstance(message, dict) or message.get("id") != id:
            continue
        if "error" in message:
            error = message["error"]
            reason = error.get("message") if isinstance(error, dict) else error
            raise ProbeError(f"{url} refuses {method}: {reason}")
        result = message.get("result")
        if isinstance(result, dict):
            return result
        break
    raise ProbeError(f"{url} does not answer {method} as an MCP server does")


def _lines(url: str, response: httpx.Response) -> Iterator[str]:
    size = 0
    for line in response.iter_lines():
        size += len(line) + 1
        if size > _LARGEST_ANSWER:
            raise ProbeError(f"{url} answers with more than {_LARGEST_ANSWER} bytes")
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
