"""Scripts in a workspace through coderd's terminal: real shells, over a real WebSocket."""

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from components.coder.api import CoderdAccess
from local.coderd.processes import StandInWorkspace
from local.workspace.names import FOLDER
from ops.verification.terminal import Terminal, TerminalError
from tests.ops.verification.conftest import Place


@pytest.fixture(scope="module")
def agent(place: Place) -> str:
    return place.workspace("open", "terminal")[1]


@pytest.fixture
def terminal(place: Place, agent: str) -> Terminal:
    return Terminal(place.coderd, agent)


def test_results_come_back_whole(terminal: Terminal) -> None:
    transcript = terminal.run(
        """
        say plain one 'two words' '' .dot "$value"
        say lines "$(printf 'a\\nb  c\\n\\td')"
        say empty
        say fact name first
        say fact name last
        """,
        {"value": "it's 'quoted' $HOME `date` \\ ü\n2"},
    )
    assert transcript.of("plain") == [
        ("one", "two words", "", ".dot", "it's 'quoted' $HOME `date` \\ ü\n2")
    ]
    assert transcript.of("lines") == [("a\nb  c\n\td",)]
    assert transcript.of("empty") == [()]
    assert transcript.values() == {"name": "last"}
    assert transcript.of("none") == []


def test_it_runs_as_a_session_of_the_workspace(terminal: Terminal) -> None:
    values = terminal.run('say fact home "$HOME"; say fact word "$(cat)"; say fact tty "$(tty)"')
    assert values.values()["home"].endswith("/home")
    assert values.values()["word"] == "", "standard input is empty"
    assert Path(values.values()["home"]) != Path.home()


def test_a_second_terminal_starts_nothing_anew(terminal: Terminal) -> None:
    """Also where nothing runs any more, as in most workspaces between two."""
    script = f'say fact token "$ANTHROPIC_AUTH_TOKEN$CLAUDE_API_KEY"; say fact in "${FOLDER}"'
    first = terminal.run(script).values()
    deadline = time.monotonic() + 60
    while StandInWorkspace(Path(first["in"])).running:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert terminal.run(script).values() == first
    assert first["token"]


@pytest.mark.parametrize(
    "noise",
    [
        "echo welcome; echo error >&2",
        r"printf '\033[2J\033[1;1H\033[31mred\033[0m no line end'",
        "head -c 3000 /dev/urandom",
        "printf '@@0123456789abcdef data AAAA\n@@ end 7\n'",
        "seq 1 20000",
    ],
)
def test_noise_disturbs_nothing(terminal: Terminal, noise: str) -> None:
    transcript = terminal.run(f"say before 1\n{noise}\nsay after 2")
    assert [record.kind for record in transcript.records] == ["before", "after"]


def test_the_last_of_the_noise_is_kept_for_people(terminal: Terminal) -> None:
    noise = terminal.run(r"seq 1 100; printf '\033[31mred\033[0m\n'").noise.splitlines()
    assert noise[-2:] == ["100", "red"]


def test_scripts_and_results_may_be_large(terminal: Terminal) -> None:
    text = "x" * 200_000
    transcript = terminal.run(f"say long {text}")
    assert transcript.of("long") == [(text,)]


def test_a_script_that_does_not_end_is_ended(terminal: Terminal) -> None:
    mark = uuid.uuid4().hex
    with pytest.raises(TerminalError, match="has not ended after 2 s; last seen: on my way"):
        terminal.run(f"echo on my way\nexec sh -c 'sleep 300; : {mark}'", seconds=2)
    deadline = time.monotonic() + 20
    while running(mark):
        assert time.monotonic() < deadline, "the script goes on"
        time.sleep(0.1)


def running(mark: str) -> bool:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in entry.read_bytes() and int(entry.parent.name) != os.getpid():
                return True
        except OSError:
            continue
    return False


def test_a_run_that_is_to_end_waits_for_no_script(place: Place, agent: str) -> None:
    class Ending(Exception):
        pass

    started = time.monotonic()

    def check() -> None:
        if time.monotonic() - started > 1:
            raise Ending

    with pytest.raises(Ending):
        Terminal(place.coderd, agent, check=check).run("sleep 300", seconds=300)
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"token": "not-a-token"}, "401: the session token is not valid"),
        ({"token": "developer"}, "404: the token may open no terminal there"),
        ({"agent": str(uuid.uuid4())}, "404: the token may open no terminal there"),
    ],
)
def test_a_refused_terminal(place: Place, agent: str, change: dict[str, str], message: str) -> None:
    token = place.developer if change.get("token") == "developer" else change.get("token")
    coderd = replace(place.coderd, token=token or place.coderd.token)
    with pytest.raises(TerminalError, match=message) as raised:
        Terminal(coderd, change.get("agent", agent)).run("say x")
    assert raised.value.refused
    assert coderd.token not in str(raised.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[bad", "ftp://x", "http://a b"])
def test_no_coderd(url: str) -> None:
    with pytest.raises(TerminalError, match="no terminal"):
        Terminal(CoderdAccess(url, "token-of-the-test"), str(uuid.uuid4())).run("say x")


@pytest.mark.parametrize("token", ["a\nsecret-of-the-test", "é-secret-of-the-test"])
def test_a_token_that_http_cannot_carry(place: Place, agent: str, token: str) -> None:
    with pytest.raises(TerminalError) as raised:
        Terminal(replace(place.coderd, token=token), agent).run("say x")
    assert "secret-of-the-test" not in str(raised.value)


@contextmanager
def relay(url: str, cuts: list[int]) -> Iterator[str]:
    """Pass connections on; each is cut after so many bytes of the answer, later ones are not."""
    host, port = url.removeprefix("http://").split(":")
    left = list(cuts)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            limit = left.pop(0) if left else None
            upstream = socket.create_connection((host, int(port)))
            threading.Thread(target=pump, args=(client, upstream, None), daemon=True).start()
            threading.Thread(target=pump, args=(upstream, client, limit), daemon=True).start()

    def pump(source: socket.socket, target: socket.socket, limit: int | None) -> None:
        passed = 0
        try:
            while part := source.recv(256):
                target.sendall(part)
                passed += len(part)
                if limit is not None and passed > limit:
                    break
        except OSError:
            pass
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.close()


@pytest.mark.parametrize("cuts", [[300], [1500], [300, 300]])
def test_a_connection_that_breaks_is_taken_up_again(
    place: Place, agent: str, cuts: list[int], tmp_path: Path
) -> None:
    counted = tmp_path / "count"
    with relay(place.coderd.url, cuts) as url:
        transcript = Terminal(replace(place.coderd, url=url), agent).run(
            f'echo once >> {counted}; seq 1 300; sleep 1; seq 1 300; say result "$(seq 1 50)"'
        )
    assert transcript.of("result") == [("\n".join(map(str, range(1, 51))),)]
    assert counted.read_text() == "once\n", "the script went on, and did not begin anew"


def test_a_connection_that_breaks_again_and_again(place: Place, agent: str) -> None:
    with (
        relay(place.coderd.url, [300] * 10) as url,
        pytest.raises(TerminalError, match="the connection to the workspace breaks"),
    ):
        Terminal(replace(place.coderd, url=url), agent).run("seq 1 300; sleep 2; say x")


def test_what_is_typed_reaches_a_login_shell(terminal: Terminal, tmp_path: Path) -> None:
    with terminal.typing() as typing:
        # The terminal shows what is typed, the folder's name too: the word may stand in neither.
        typing.send(f"echo $0 > {tmp_path}/shell; printf 'ans%s' wered\n")
        deadline = time.monotonic() + 20
        while "answered" not in typing.shown:
            assert time.monotonic() < deadline, typing.shown
            time.sleep(0.1)
        typing.send("exit\n")
    assert (tmp_path / "shell").read_text().strip() in ("sh", "/bin/sh", "-sh")
