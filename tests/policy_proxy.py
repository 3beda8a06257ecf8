"""A proxy that decides as Boundary does, by a policy, in front of git's own HTTP server.

Like Boundary it answers a denied request with 403, its words in the body, and forwards the rest.
Every host's repositories are the bare ones below one folder, by `git http-backend`.
"""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from components.boundary import Policy


class Asked(NamedTuple):
    allowed: bool
    method: str
    url: str


class Proxy(NamedTuple):
    """Its URL, and the requests it decided, in their order."""

    url: str
    asked: list[Asked]


@contextmanager
def proxy(policy: Policy, repositories: Path) -> Iterator[Proxy]:
    """Run the proxy on a free port of this machine."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and content are written apart, and the second would wait for the first's receipt.
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.decide()

        def do_POST(self) -> None:
            self.decide()

        def decide(self) -> None:
            body = self.body()
            allowed = policy.decide(self.command, self.path).allowed
            asked.append(Asked(allowed, self.command, self.path))
            if allowed:
                self.answer(*backend(repositories, self, body))
            else:
                said = f"🚫 Request Blocked by Boundary\n\nRequest: {self.command} {self.path}\n"
                self.answer(403, {"Content-Type": "text/plain"}, said.encode())

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield Proxy(f"http://127.0.0.1:{server.server_address[1]}", asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def backend(
    repositories: Path, request: BaseHTTPRequestHandler, body: bytes
) -> tuple[int, dict[str, str], bytes]:
    """Return what git's CGI program answers: status, headers, content."""
    parts = urlsplit(request.path)
    done = subprocess.run(
        ["git", "http-backend"],
        input=body,
        env={
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(repositories),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": request.command,
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": "127.0.0.1",
        },
        capture_output=True,
        check=True,
    )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    return int(headers.pop("Status", "200").split()[0]), headers, content
