"""An API server that tells what it saw, and kubeconfigs of it."""

import base64
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local import pki

Seen = dict[str, Any]
SHOWN = ("Authorization", "Impersonate-User", "Impersonate-Uid", "Impersonate-Extra-Team%2fname")


class Server:
    """An HTTPS server, or one without TLS, that tells what it saw of each request."""

    def __init__(self, folder: Path, *, tls: bool = True) -> None:
        self.status = 200
        folder.mkdir()
        pki.ensure(folder)
        self.folder = folder
        self.seen: list[Seen] = []
        self._name: str | None = None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.crt", folder / "server.key")
        context.load_verify_locations(folder / "ca.crt")
        context.verify_mode = ssl.CERT_OPTIONAL
        context.sni_callback = self._named

        class Handler(BaseHTTPRequestHandler):
            def do_GET(request) -> None:
                self._answer(request)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http{'s' * tls}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def _named(self, _: Any, name: str | None, __: Any) -> None:
        self._name = name

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        shown = {name: request.headers.get(name) for name in SHOWN}
        self.seen.append(
            {
                **{name.lower(): value for name, value in shown.items() if value},
                "groups": request.headers.get_all("Impersonate-Group"),
                "path": request.path,
                "certificate": bool(getattr(request.connection, "getpeercert", dict)()),
                "name": self._name,
            }
        )
        request.send_response(self.status)
        request.send_header("Content-Length", "2")
        request.end_headers()
        request.wfile.write(b"{}")

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def config(server: Server, user: dict[str, Any], **cluster: Any) -> dict[str, Any]:
    trust = {"certificate-authority-data": encoded(server.folder / "ca.crt")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [
            {"name": "c", "cluster": {"server": server.url, **(cluster or trust)}},
            {"name": "elsewhere", "cluster": {"server": "https://127.0.0.1:1"}},
        ],
        "users": [{"name": "u", "user": user}],
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u"}},
            {"name": "nobody", "context": {"cluster": "c"}},
            {"name": "there", "context": {"cluster": "elsewhere", "user": "u"}},
        ],
    }
