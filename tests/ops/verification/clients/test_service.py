"""Every way in which a service can fail: each is told, none hangs, none shows a secret."""

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from ops.verification.clients import errors
from ops.verification.clients.service import Patience, Service, ServiceAccess
from ops.verification.model import journal
from ops.verification.redaction import Redaction

TOKEN = "token-of-the-test"
PLACE = ServiceAccess(
    "Grafana", "https://grafana.example.com", TOKEN, credentials="set GRAFANA_TOKEN"
)
PATIENCE = Patience(connect=0.5, answer=1.0, pause=1.0, longest=30.0)


class Sleeps(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def service(
    answer: Callable[[httpx.Request], httpx.Response],
    sleeps: Sleeps | None = None,
    place: ServiceAccess = PLACE,
) -> Service:
    return Service(
        place,
        Redaction([TOKEN]),
        patience=PATIENCE,
        transport=httpx.MockTransport(answer),
        sleep=sleeps if sleeps is not None else Sleeps(),
    )


def always(response: Callable[[], httpx.Response]) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: response()


@pytest.mark.parametrize(
    ("response", "error", "message", "attempts"),
    [
        (lambda: httpx.Response(401), errors.UnauthorizedError, "refuses the token (401); set", 1),
        (lambda: httpx.Response(403), errors.ForbiddenError, "may not do this (403); set", 1),
        (lambda: httpx.Response(404), errors.NotFoundError, "(/x): not found (404)", 1),
        (
            lambda: httpx.Response(400, text=f"parse error at 1 {TOKEN}"),
            errors.RejectedError,
            "refuses the request (400): parse error at 1 [secret]",
            1,
        ),
        (
            lambda: httpx.Response(302, headers={"Location": "https://evil.example"}),
            errors.RejectedError,
            "redirects (302): name the address that it has",
            1,
        ),
        (lambda: httpx.Response(429), errors.ThrottledError, "too many requests (429)", 4),
        (lambda: httpx.Response(500, text="boom"), errors.BrokenError, "answers 500: boom", 4),
        (lambda: httpx.Response(503), errors.BrokenError, "answers 503", 4),
        (lambda: httpx.Response(501, text="no"), errors.BrokenError, "answers 501: no", 1),
        (lambda: httpx.Response(200, text="<html>"), errors.BrokenError, "is not JSON", 1),
        (lambda: httpx.Response(200, text='{"a": 1'), errors.BrokenError, "is not JSON", 1),
        (
            lambda: httpx.Response(200, json=[1]),
            errors.BrokenError,
            "does: of the answer, input should be",
            1,
        ),
        (
            lambda: httpx.Response(200, content=b" " * (21 << 20)),
            errors.BrokenError,
            "more than 20971520 bytes",
            1,
        ),
    ],
)
def test_answers_that_are_none(
    response: Callable[[], httpx.Response],
    error: type[errors.ServiceError],
    message: str,
    attempts: int,
) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return response()

    with journal() as kept, pytest.raises(error) as caught:
        service(answer).get(dict[str, int], "/x")
    assert type(caught.value) is error
    assert message in str(caught.value)
    assert len(asked) == attempts
    assert {request.headers["Authorization"] for request in asked} == {f"Bearer {TOKEN}"}
    assert TOKEN not in repr((str(caught.value), kept, PLACE))
    assert kept[0].request == "Grafana: GET /x"


@pytest.mark.parametrize(
    ("header", "waits"),
    [
        ("3", [3.0]),
        ("0", [0.0]),
        (None, [1.0]),
        ("soon", [1.0]),
        ("Thu, 01 Jan 2026 00:00:00 GMT", [0.0]),
    ],
)
def test_retry_after_is_kept(header: str | None, waits: list[float]) -> None:
    answers = [
        httpx.Response(429, headers={} if header is None else {"Retry-After": header}),
        httpx.Response(200, json={"a": 1}),
    ]
    sleeps = Sleeps()
    asked = service(lambda _: answers.pop(0), sleeps)
    assert asked.get(dict[str, int], "/x") == {"a": 1}
    assert sleeps == waits


@pytest.mark.parametrize(
    "header",
    ["31", "86400", "Fri, 31 Dec 2100 00:00:00 GMT"],
)
def test_nobody_waits_for_as_long_as_a_service_likes(header: str) -> None:
    sleeps = Sleeps()
    answer = always(lambda: httpx.Response(429, headers={"Retry-After": header}))
    with pytest.raises(errors.ThrottledError, match="wants to be asked again in"):
        service(answer, sleeps).get(dict, "/x")
    assert sleeps == []


def test_a_passing_fault_passes() -> None:
    def reset(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("reset", request=request)

    answers: list[Any] = [reset, always(lambda: httpx.Response(502)), None]
    sleeps = Sleeps()

    def answer(request: httpx.Request) -> httpx.Response:
        fault = answers.pop(0)
        return fault(request) if fault else httpx.Response(200, json={"a": 1})

    assert service(answer, sleeps).post(dict[str, int], "/x", {"q": 1}) == {"a": 1}
    assert sleeps == [1.0, 2.0]


@pytest.mark.parametrize("token", ["a\nb-of-the-test", "é-of-the-test"])
def test_a_token_that_http_cannot_carry(token: str) -> None:
    with serving(nonsense) as url, pytest.raises(errors.UnauthorizedError) as caught:
        Service(replace(PLACE, token=token, url=url), Redaction([token])).get(dict, "/x")
    assert "of-the-test" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://[bad", "nothing"])
def test_no_url(url: str) -> None:
    asked = Service(replace(PLACE, url=url), Redaction(), sleep=Sleeps())
    with pytest.raises(errors.ServiceError):
        asked.get(dict, "/x")


def test_statuses_whose_body_is_an_answer() -> None:
    answer = always(lambda: httpx.Response(400, json={"status": "ERROR"}))
    assert service(answer).get(dict, "/x", also=(400,)) == {"status": "ERROR"}
    other = always(lambda: httpx.Response(400, text="bad request"))
    with pytest.raises(errors.RejectedError):
        service(other).get(dict, "/x", also=(400,))


# Over a real socket -------------------------------------------------------------------------------


@contextmanager
def serving(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Answer every connection as `behave` does, after its request was read."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(client,), daemon=True).start()

    def handle(client: socket.socket) -> None:
        with client:
            try:
                client.recv(65536)
                behave(client)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.close()


def trickle(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(600):
        client.sendall(b" ")
        time.sleep(0.05)


def cut(client: socket.socket) -> None:
    client.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a":')


def silent(client: socket.socket) -> None:
    time.sleep(30)


def nonsense(client: socket.socket) -> None:
    client.sendall(b"SSH-2.0-OpenSSH_9.7\r\n")


@pytest.mark.parametrize(
    ("behave", "message", "patience"),
    [
        (trickle, "has not ended its answer after 1 s", PATIENCE),
        (cut, "cannot be reached: RemoteProtocolError", PATIENCE),
        (silent, "does not answer in time", replace(PATIENCE, answer=0.2)),
        (nonsense, "cannot be reached: RemoteProtocolError", PATIENCE),
    ],
)
def test_nothing_hangs(
    behave: Callable[[socket.socket], None], message: str, patience: Patience
) -> None:
    # Each part of an answer takes a third of a second.
    clock = itertools.count(step=0.3).__next__
    with serving(behave) as url:
        place = replace(PLACE, url=url)
        asked = Service(place, Redaction([TOKEN]), patience=patience, sleep=Sleeps(), clock=clock)
        started = time.monotonic()
        with pytest.raises(errors.UnreachableError, match=message) as caught:
            asked.get(dict, "/x")
        assert time.monotonic() - started < 30
        assert TOKEN not in str(caught.value)


def test_nobody_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        place = replace(PLACE, url=f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(errors.UnreachableError, match="cannot be reached: ConnectError"):
            Service(place, Redaction(), patience=PATIENCE, sleep=Sleeps()).get(dict, "/x")
