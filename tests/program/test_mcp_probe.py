"""`mcp-probe` on a stack that is up, with the secrets of its own configuration."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from typer.testing import CliRunner

from ops import engine, project, stacks
from ops.cli import app
from ops.engine import Session
from tests.components.github_mcp import GITHUB_READ_ONLY_TOOLS


class _McpServer(BaseHTTPRequestHandler):
    """Opens a session for whoever has the key; takes the notification with its own status."""

    key = ""
    notified = 202
    seen: tuple[str, ...] = ()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] != f"Bearer {self.key}":
            return self._answer(401)
        type(self).seen += (self.headers.get("X-MCP-Readonly", ""),)
        if b'"tools/list"' in body:
            tools = [{"name": name} for name in GITHUB_READ_ONLY_TOOLS]
            answer = {"jsonrpc": "2.0", "id": 2, "result": {"tools": tools}}
            return self._answer(200, json.dumps(answer).encode())
        if b'"initialize"' not in body:
            return self._answer(self.notified)
        return self._answer(
            200,
            b'{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-03-26",'
            b'"serverInfo":{"name":"little"}}}',
        )

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def opened(up_somehow: Session, monkeypatch: pytest.MonkeyPatch) -> Session:
    """The stack that is up, also for the commands."""

    @contextmanager
    def session(name: str, progress: engine.Progress) -> Iterator[Session]:
        yield up_somehow

    monkeypatch.setattr(engine, "session", session)
    return up_somehow


@pytest.fixture
def mcp_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _McpServer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/mcp"
    server.shutdown()
    server.server_close()


def test_a_server_is_asked_with_the_stacks_own_key(
    opened: Session, mcp_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = opened.stack.get_config(f"{project.PROJECT}:secrets.mcp.github", path=True)
    assert key.secret
    settings = stacks.settings("local", opened.work_dir)
    (github,) = settings.mcp_servers
    monkeypatch.setattr(
        stacks,
        "settings",
        lambda *_: settings.model_copy(
            update={"mcp_servers": [github.model_copy(update={"url": mcp_server})]}
        ),
    )

    def probe() -> tuple[int, str]:
        result = CliRunner().invoke(app, ["mcp-probe", "local", "--server", "github"])
        return result.exit_code, result.output

    status, said = probe()
    assert (status, "refuses the credentials" in said) == (1, True)
    monkeypatch.setattr(_McpServer, "key", key.value)
    status, said = probe()
    assert (status, "202: Coder takes it" in said) == (0, True)
    assert f"allowed: {', '.join(GITHUB_READ_ONLY_TOOLS)}" in said
    assert set(_McpServer.seen) == {"true"}
    monkeypatch.setattr(_McpServer, "notified", 204)
    status, said = probe()
    assert (status, "will skip this server" in said) == (1, True)
    assert key.value not in said
