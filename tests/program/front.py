"""A coderd behind a door: it takes other tokens than coderd's own, which can be taken back."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

HEADER = "Coder-Session-Token"
_OWN = frozenset({"host", "connection", "content-length", "transfer-encoding"})
# As coderd answers to a token that was deleted.
_SIGNED_OUT = b'{"message":"You are signed out or your session has expired. Please sign in again to continue."}'  # noqa: E501


class Front:
    """Passes what it is asked on to a coderd; any request without its token gets a 401.

    Args:
        url: coderd's.
        token: coderd's.

    Attributes:
        accepted: the token that is taken in place of coderd's.
        url: its own address.
    """

    def __init__(self, url: str, token: str, accepted: str) -> None:
        self.accepted = accepted
        self._token = token
        self._client = httpx.Client(base_url=url, timeout=60)
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(request) -> None:
                front._answer(request)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Answer no more: nobody listens at the address."""
        self._server.shutdown()
        self._server.server_close()
        self._client.close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        given = request.headers.get(HEADER)
        if given not in {None, self.accepted}:
            _send(request, 401, {"Content-Type": "application/json"}, _SIGNED_OUT)
            return
        headers = [(key, each) for key, each in request.headers.items() if key.lower() not in _OWN]
        headers = [(key, self._token if key == HEADER else each) for key, each in headers]
        found = self._client.request(request.command, request.path, headers=headers, content=body)
        kept = {
            key: each
            for key, each in found.headers.items()
            if key.lower() not in _OWN | {"content-encoding"}
        }
        _send(request, found.status_code, kept, found.content)


def _send(
    request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes
) -> None:
    request.send_response(status)
    for key, each in headers.items():
        request.send_header(key, each)
    if status != 204:
        request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
