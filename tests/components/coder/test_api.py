"""The client of coderd's REST API: what it trusts, whom it asks, and what it never says."""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from components.coder.api import CoderdAccess, CoderdApi, CoderdError, RefusedError
from local import pki

TOKEN = "session-token-of-the-test"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        token = self.headers["Coder-Session-Token"]
        status, body = 200, {"token": token == TOKEN}
        if self.path.startswith("/refused"):
            status, body = 400, {"message": "No.", "detail": "It is not so."}
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_this_machine_is_asked_through_no_proxy(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with CoderdApi(CoderdAccess(f"http://127.0.0.1:{server.server_port}/", TOKEN)) as api:
        assert api.get("/x") == {"token": True}
        with pytest.raises(RefusedError, match=r"400: No\. It is not so\.") as refused:
            api.get("/refused")
    assert refused.value.status == 400
    far = CoderdAccess("http://coder.invalid", TOKEN, timeout=2)
    with CoderdApi(far) as api, pytest.raises(CoderdError, match="cannot be reached"):
        api.get("/x")


def test_a_certificate_is_held_against_the_authorities_of_the_machine(
    server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pki.ensure(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    coderd = CoderdAccess(f"https://127.0.0.1:{server.server_port}", TOKEN)
    with CoderdApi(coderd) as api, pytest.raises(CoderdError, match="SSL_CERT_FILE names"):
        api.get("/x")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
    with CoderdApi(coderd) as api:
        assert api.get("/x") == {"token": True}


@pytest.mark.parametrize("token", ["two\nlines", "schlüssel"])
def test_a_token_that_cannot_be_sent_is_not_told(server: ThreadingHTTPServer, token: str) -> None:
    api = CoderdApi(CoderdAccess(f"http://127.0.0.1:{server.server_port}", token))
    with pytest.raises(CoderdError, match="what HTTP cannot carry") as caught:
        api.get("/x")
    assert token not in str(caught.value)
    assert token not in repr(CoderdAccess("http://a", token))
