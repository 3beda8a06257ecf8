"""The stand-in for Boundary's proxy: its authority, and where it sends a request."""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from components.boundary import Policy, PolicyRule, Rule
from local.workspace.proxy import Authority, Proxy

RECORDING = Path(__file__).parents[2] / "recordings" / "boundary-0.9.0" / "targets.jsonl"
TARGETS = [json.loads(line) for line in RECORDING.read_text().splitlines()]

TOGETHER = 8


def test_proxies_that_start_at_once_share_one_authority(tmp_path: Path) -> None:
    barrier = threading.Barrier(TOGETHER)

    def make(_: int) -> tuple[bytes, bytes]:
        barrier.wait()
        Authority(tmp_path).context("host.test")
        return (tmp_path / "ca-cert.pem").read_bytes(), (tmp_path / "ca-key.pem").read_bytes()

    for _ in range(5):
        with ThreadPoolExecutor(TOGETHER) as pool:
            assert len(set(pool.map(make, range(TOGETHER)))) == 1
        for file in ("ca-cert.pem", "ca-key.pem"):
            (tmp_path / file).unlink()


class Told:
    """What the proxy logs and audits."""

    def __init__(self) -> None:
        self.audited: list[tuple[str, str, str | None]] = []

    def say(self, *_: object, **__: object) -> None:
        pass

    def add(self, method: str, url: str, rule: str | None) -> None:
        self.audited.append((method, url, rule))


class Other(BaseHTTPRequestHandler):
    """A server that no rule names."""

    got: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.got.append(f"{self.command} {self.requestline.split()[1]} {body}")
        self.send_response(200)
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def other() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, Told]]:
    told = Told()
    rules = ("domain=github.com", "method=GET domain=x.invalid path=/simple/*")
    policy = Policy([PolicyRule(Rule.parse(rule), "", "") for rule in rules])
    with Proxy(("127.0.0.1", 0), policy, tmp_path_factory.mktemp("ca"), told, told) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server, told
        server.shutdown()


def record_of(line: dict[str, Any]) -> str:
    return f"{line['method']} {line['target']} at {line['host']}"


@pytest.mark.parametrize("line", TARGETS, ids=record_of)
def test_a_request_is_judged_and_sent_as_by_the_real_one(
    proxy: tuple[Proxy, Told], other: str, line: dict[str, Any]
) -> None:
    server, told = proxy
    told.audited.clear()
    Other.got.clear()
    target, host = (line[key].replace("OTHER", other) for key in ("target", "host"))
    with socket.create_connection(server.server_address[:2], timeout=10) as connection:
        head = (
            f"{line['method']} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\n\r\nbody"
        )
        connection.sendall(head.encode())
        answer = connection.makefile("rb").readline()
    assert answer.split()[1:2] == ([str(line["status"]).encode()] if line["status"] else [])
    seen = [(m, url.replace(other, "OTHER"), rule or "") for m, url, rule in told.audited]
    assert seen == ([(line["method"], line["url"], line["rule"])] if line["url"] else [])
    # Boundary leaves the body of a GET behind; the stand-in sends it.
    assert [each.removesuffix("body") for each in Other.got] == (
        [line["got"].removesuffix("body")] if line["got"] else []
    )
