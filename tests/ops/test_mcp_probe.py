import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from ops.mcp_probe import ProbeError, ProbeResult, probe, tools

KEY = "Bearer key-of-the-test"
HEADERS = {"Authorization": KEY, "X-MCP-Readonly": "true"}
SESSION = "session-of-the-test"
RESULT = {
    "protocolVersion": "2025-03-26",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "little-server", "version": "1.2"},
}


class LittleServer:
    """An MCP server of streamable HTTP, as far as opening a session goes."""

    def __init__(
        self,
        notified: int = 202,
        session: str | None = SESSION,
        answer: Callable[[dict[str, Any]], Response] | None = None,
        pages: list[dict[str, Any]] | None = None,
    ) -> None:
        self.pages = pages or []
        self.notified = notified
        self.session = session
        self.answer = answer or JSONResponse
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.app = Starlette(routes=[Route("/mcp", self.handle, methods=["POST", "DELETE"])])

    async def handle(self, request: Request) -> Response:
        body = await request.body()
        message = json.loads(body) if body else None
        self.requests.append((request.method, dict(request.headers), message))
        if request.headers.get("authorization") != KEY:
            return Response(status_code=401)
        if request.method == "DELETE":
            return Response(status_code=405)
        if message["method"] == "initialize":
            response = self.answer({"jsonrpc": "2.0", "id": message["id"], "result": RESULT})
            if self.session:
                response.headers["Mcp-Session-Id"] = self.session
            return response
        if request.headers.get("mcp-session-id") != self.session:
            return Response(status_code=404)
        if message["method"] == "tools/list":
            page = self.pages[int(message["params"].get("cursor", 0))]
            return JSONResponse({"jsonrpc": "2.0", "id": message["id"], **page})
        return Response(status_code=self.notified)


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """Serve on a real socket of this machine."""
    # Only where the protocol is said, asyncio sends answers without Nagle's delay.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        finally:
            server.should_exit = True
            thread.join()


def ask(server: LittleServer, headers: dict[str, str] | None = None) -> ProbeResult:
    with serving(server.app) as url:
        return probe(url, HEADERS if headers is None else headers, timeout=5)


@pytest.mark.parametrize(
    ("status", "accepted"), [(200, True), (202, True), (204, False), (404, False), (500, False)]
)
def test_only_200_and_202_are_taken_by_coder(status: int, accepted: bool) -> None:
    result = ask(LittleServer(notified=status))
    assert result == ProbeResult("little-server 1.2", "2025-03-26", True, status)
    assert result.accepted is accepted
    assert ("will skip this server" in str(result)) is not accepted


def test_the_conversation() -> None:
    server = LittleServer()
    ask(server)
    (opened, notified, closed) = server.requests
    assert [request[0] for request in server.requests] == ["POST", "POST", "DELETE"]
    assert opened[2]["method"] == "initialize"
    assert opened[2]["params"]["protocolVersion"] == "2025-03-26"
    assert "mcp-session-id" not in opened[1]
    assert notified[2] == {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert notified[1]["mcp-session-id"] == closed[1]["mcp-session-id"] == SESSION
    for _, headers, _ in server.requests:
        assert headers["x-mcp-readonly"] == "true"


def test_a_server_without_sessions() -> None:
    server = LittleServer(session=None)
    assert ask(server).has_session is False
    assert [request[0] for request in server.requests] == ["POST", "POST"]


def test_an_answer_as_events_on_a_stream_that_stays_open() -> None:
    release = threading.Event()

    def stream(body: dict[str, Any]) -> Response:
        def events() -> Iterator[str]:
            yield ': a comment\n\nevent: message\ndata: {"jsonrpc":"2.0","method":"log"}\n\n'
            yield "event: message\ndata: " + json.dumps(body).replace(" ", "\ndata: ", 1) + "\n\n"
            release.wait(10)

        return StreamingResponse(events(), media_type="text/event-stream; charset=utf-8")

    server = LittleServer(answer=stream)
    started = time.monotonic()
    with serving(server.app) as url:
        try:
            assert probe(url, HEADERS, timeout=5).accepted
            assert time.monotonic() - started < 5
        finally:
            release.set()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda _: Response("<html>", media_type="text/html"), "as an MCP server does"),
        (lambda _: JSONResponse([1]), "as an MCP server does"),
        (lambda body: JSONResponse({**body, "id": 99}), "as an MCP server does"),
        (lambda body: JSONResponse({**body, "result": {}}), "as an MCP server does"),
        (lambda _: Response(status_code=500), "initialize with 500"),
        (lambda _: RedirectResponse("/elsewhere"), "redirects"),
        (lambda _: Response(b"x" * (2 << 20)), "more than 1048576 bytes"),
        (
            lambda _: JSONResponse({"id": 1, "error": {"code": -32602, "message": "too old"}}),
            "refuses initialize: too old",
        ),
    ],
)
def test_no_mcp_server(answer: Callable[[dict[str, Any]], Response], message: str) -> None:
    with pytest.raises(ProbeError, match=message) as caught:
        ask(LittleServer(answer=answer))
    assert "key-of-the-test" not in str(caught.value)


def test_wrong_credentials() -> None:
    with pytest.raises(ProbeError, match="refuses the credentials") as caught:
        ask(LittleServer(), {"Authorization": "Bearer wrong-key"})
    assert "wrong-key" not in str(caught.value)


@pytest.mark.parametrize("value", ["Bearer key\nof-the-test", "Bearer ключ-of-the-test"])
def test_a_header_that_http_cannot_carry_is_not_quoted(value: str) -> None:
    with serving(LittleServer().app) as url, pytest.raises(ProbeError) as caught:
        probe(url, {"Authorization": value})
    assert "of-the-test" not in str(caught.value)


def test_nobody_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/mcp"
        with pytest.raises(ProbeError, match="cannot be reached"):
            probe(url, HEADERS)


@pytest.mark.parametrize("url", ["http://[::1/mcp", "ftp://127.0.0.1/mcp", "mcp"])
def test_no_url(url: str) -> None:
    with pytest.raises(ProbeError, match=r"does not parse|cannot be reached"):
        probe(url, HEADERS)


def test_a_server_that_does_not_answer() -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("timed out", request=request)

    with pytest.raises(ProbeError, match="does not answer within 2 s"):
        probe("https://x.example/mcp", HEADERS, timeout=2, transport=httpx.MockTransport(silent))


def page(*names: str, **more: Any) -> dict[str, Any]:
    return {"result": {"tools": [{"name": name, "inputSchema": {}} for name in names], **more}}


def test_tools_are_listed_page_by_page_as_a_client_does() -> None:
    server = LittleServer(pages=[page("get_me", "search_code", nextCursor="1"), page("get_file")])
    with serving(server.app) as url:
        assert tools(url, HEADERS, timeout=5) == ["get_me", "search_code", "get_file"]
    methods = [message["method"] for _, _, message in server.requests if message]
    assert methods == ["initialize", "notifications/initialized", "tools/list", "tools/list"]
    for _, headers, message in server.requests[2:]:
        assert headers["mcp-session-id"] == SESSION
        if message:
            assert headers["mcp-protocol-version"] == "2025-03-26"


@pytest.mark.parametrize(
    ("pages", "message"),
    [
        ([{"error": {"code": -32601, "message": "no tools"}}], "refuses tools/list: no tools"),
        ([{"result": "x"}], "does not answer tools/list as an MCP server does"),
        ([page("a", nextCursor="0")], "lists tools without an end"),
    ],
)
def test_tools_that_cannot_be_listed(pages: list[dict[str, Any]], message: str) -> None:
    with serving(LittleServer(pages=pages).app) as url, pytest.raises(ProbeError, match=message):
        tools(url, HEADERS, timeout=5)


def test_a_server_whose_tools_are_something_else_has_none() -> None:
    with serving(LittleServer(pages=[{"result": {"tools": [1, {"name": 2}]}}]).app) as url:
        assert tools(url, HEADERS, timeout=5) == []


def test_a_server_that_says_back_what_it_was_sent_shows_no_key_and_moves_no_cursor() -> None:
    said = f"{KEY}\x1b[2K\n  passed  other  {KEY.split()[1]}\u202e"

    def echoing(message: dict[str, Any]) -> Response:
        info = {"serverInfo": {"name": said, "version": "1"}}
        return JSONResponse({**message, "result": {**message["result"], **info}})

    def refusing(message: dict[str, Any]) -> Response:
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "error": {"message": said}})

    page = {"result": {"tools": [{"name": said}]}}
    with serving(LittleServer(answer=echoing, pages=[page]).app) as url:
        shown = [str(probe(url, HEADERS)), *tools(url, HEADERS)]
    with serving(LittleServer(answer=refusing).app) as url, pytest.raises(ProbeError) as caught:
        probe(url, HEADERS)
    for text in (*shown, str(caught.value)):
        assert "[secret]" in text
        assert "key-of-the-test" not in text
        assert text.isprintable()
