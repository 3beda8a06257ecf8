"""A kept connection that its server closes just when it is used again: a read goes through."""

import json
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from components import kubeconfig
from components.coder.api import CoderdAccess, CoderdApi, CoderdError


class _Closing:
    """A server that answers once on each connection, and resets it at the next request."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.deaf = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                if not self.deaf:
                    self._read(connection)
                    body = b'{"answer": 1}'
                    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
                    connection.sendall(head.encode() + body)
                self._read(connection)
                # Linger of no time: the peer gets a reset.
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    def _read(self, connection: socket.socket) -> None:
        if content := connection.recv(65536):
            self.requests.append(content.decode().split(" HTTP")[0])


@pytest.fixture
def server() -> Iterator[_Closing]:
    server = _Closing()
    yield server
    server.close()


def test_a_read_is_asked_once_more(server: _Closing) -> None:
    with CoderdApi(CoderdAccess(server.url, "token")) as api:
        assert [api.get("/x") for _ in range(3)] == [{"answer": 1}] * 3
    assert server.requests == ["GET /x"] * 5


def test_the_cluster_too(server: _Closing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with kubeconfig.client(None) as asked:
        answers = [kubeconfig.get(asked, "/api/v1/x").content for _ in range(2)]
    assert [json.loads(each) for each in answers] == [{"answer": 1}] * 2


def test_what_changes_something_is_sent_once(server: _Closing) -> None:
    with CoderdApi(CoderdAccess(server.url, "token")) as api:
        api.get("/x")
        with pytest.raises(CoderdError, match="cannot be reached"):
            api.post("/y", {})
    assert server.requests == ["GET /x", "POST /y"]


def test_a_server_that_always_closes_is_said_to_be_out_of_reach(server: _Closing) -> None:
    server.deaf = True
    with (
        CoderdApi(CoderdAccess(server.url, "token")) as api,
        pytest.raises(CoderdError, match=f"{server.url} cannot be reached: .*reset"),
    ):
        api.get("/x")
    assert server.requests == ["GET /x"] * 2
