"""A forge as `pulumi package add` meets one: git's own server behind TLS, at port 443 of its name.

The port is a proxy's doing, which every client of the test is told of: who runs tests may not
listen on 443, and Python makes no environment in a folder whose name has the colon of another.
"""

import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from local import pki

NAME = "git.example.com"
_MOST_BYTES = 64 * 1024


@contextmanager
def serving(root: Path, keys: Path) -> Iterator[str]:
    """Serve the repositories below a folder, to be read; yield the address of the proxy.

    Args:
        root: their folder.
        keys: an empty folder, in which ca.crt is the authority of the server's certificate.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            path, _, query = self.path.partition("?")
            said = subprocess.run(
                ["git", "http-backend"],
                input=self.rfile.read(int(self.headers.get("content-length", 0))),
                env={
                    **os.environ,
                    "GIT_PROJECT_ROOT": str(root),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "REQUEST_METHOD": self.command,
                    "CONTENT_TYPE": self.headers.get("content-type", ""),
                    "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
                },
                capture_output=True,
                check=True,
            ).stdout
            head, _, body = said.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *values: object) -> None:
            """Say nothing."""

    pki.ensure(keys, NAME)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "server.crt", keys / "server.key")
    forge = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    forge.socket = context.wrap_socket(forge.socket, server_side=True)
    with _running(forge), _running(_proxy(forge.server_port)) as proxy:
        yield f"http://127.0.0.1:{proxy.server_port}"


def _proxy(port: int) -> ThreadingHTTPServer:
    """Return a proxy that leads to this port for the forge, and to nobody else."""

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            if self.path != f"{NAME}:443":
                self.send_error(403)
                return
            with socket.create_connection(("127.0.0.1", port)) as there:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=_copy, args=(there, self.connection))
                back.start()
                _copy(self.connection, there)
                back.join()

        def log_message(self, format: str, *values: object) -> None:
            """Say nothing."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Proxy)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_MOST_BYTES):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def _running(server: ThreadingHTTPServer) -> Iterator[ThreadingHTTPServer]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
