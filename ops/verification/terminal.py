"""Runs a script in a workspace, with nothing but a session token of Coder.

The way in is the one of Coder's web terminal: a WebSocket of coderd that carries a pseudo terminal
of the agent (`/api/v2/workspaceagents/{agent}/pty`). It needs no program of Coder's beside this
one, whose release would have to fit, no port and no key: only what the token may do in a browser.

A terminal is made for people. What runs in it has a shell's profile before it and programs that
write what they like, so a script writes its results into a file of its own, and the file comes
back whole at the end: in base64, each line marked, with its length.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
import textwrap
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect

from components.coder.api import TOKEN_HEADER, CoderdAccess, verification

_ROWS, _COLUMNS = 40, 200
# Of a line that is typed into a terminal: the kernel keeps no more than 4,095 bytes of one.
_TYPED: Final = 1000
_OPEN_SECONDS: Final = 20.0
_ATTEMPTS: Final = 3
_SHOWN: Final = 200
_SHOWN_PARTS: Final = 50
# How long at most until an ending run is noticed.
_TURN_SECONDS: Final = 0.5

# In single quotes for the user's own shell, whichever it is, so none may stand in it. `$$` tells a
# session that went on from one that began anew; the line `!` begins the script again, of which a
# part was lost with a connection.
_BOOTSTRAP: Final = """exec sh -c '
stty -echo -onlcr 2>/dev/null
d=$(mktemp -d) || exit 1
trap "rm -rf $d" EXIT
trap "exit 1" HUP INT TERM
printf "\\n@@MARK ready %s\\n" $$
while IFS= read -r l; do
  case $l in .) break ;; !) : > $d/typed ;; *) printf "%s\\n" "$l" >> $d/typed ;; esac
done
printf "@@MARK begun %s\\n" $$
base64 -d < $d/typed > $d/script
out=$d/out sh $d/script </dev/null
printf "\\n"
base64 $d/out | sed "s/^/@@MARK data /"
printf "@@MARK end %s\\n" $(wc -c < $d/out)
'"""


class TerminalError(Exception):
    """A script could not be run in a workspace; the message says why.

    Args:
        refused: whether coderd refused the terminal, so that asking again is of no use.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


@dataclass(frozen=True)
class ScriptResult:
    """One result of a script.

    Args:
        kind: what it is about.
        fields: its values, in the order the script gave them.
    """

    kind: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Transcript:
    """What came of a script.

    Args:
        records: its results, in order.
        noise: what it and the programs it ran wrote besides, for people; its last lines.
    """

    records: tuple[ScriptResult, ...]
    noise: str

    def of(self, kind: str) -> list[tuple[str, ...]]:
        """Return the fields of every record of a kind, in order."""
        return [record.fields for record in self.records if record.kind == kind]

    def values(self, kind: str = "fact") -> dict[str, str]:
        """Return records of a name and a value as a map; the last of a name counts."""
        return {fields[0]: fields[1] for fields in self.of(kind)}


SAY: Final = """\
say() {
  { printf '%s\\0' "$1"
    shift
    [ $# -eq 0 ] || printf '.%s\\0' "$@"
  } >> "$out"
}
"""
"""The shell function that writes a record: `say KIND FIELD...`.

The shell does it all itself. No variable of it holds the byte that ends a kind or a field.
"""
_PRELUDE: Final = f'{SAY}: > "$out"\nexport out\n'


class Terminal:
    """Terminals of one workspace's agent.

    Args:
        coderd: the deployment and whose token asks.
        agent_id: id of the agent.
        clock: seconds that only grow.
        check: called while a script is waited for; what it raises ends the script.
    """

    def __init__(
        self,
        coderd: CoderdAccess,
        agent_id: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._coderd = coderd
        self._agent_id = agent_id
        self._clock = clock
        self._check = check

    def run(
        self, script: str, variables: Mapping[str, str] | None = None, *, seconds: float = 60.0
    ) -> Transcript:
        """Run a POSIX shell script in the workspace, as its user, and return its results.

        A connection that breaks is made again; what ran meanwhile went on.

        Args:
            script: results by `say KIND FIELD...`; its standard input is empty, `$out` the file
                of the results. No secret may stand in it.
            variables: shell variables that it begins with.
            seconds: how long it may take.

        Raises:
            TerminalError: no terminal, no end in time, or an output that was disturbed.
        """
        given = "".join(f"{name}={_quoted(value)}\n" for name, value in (variables or {}).items())
        whole = f"{_PRELUDE}{given}{script}"
        run = _Run(secrets.token_hex(8), whole, self._clock, self._check, seconds)
        command = _BOOTSTRAP.replace("MARK", run.mark)
        session = str(uuid.uuid4())
        for attempt in range(_ATTEMPTS):
            try:
                with self._opened(session, command) as connection:
                    return run.follow(connection)
            except ConnectionClosed:
                if run.ended:
                    break
                if attempt + 1 == _ATTEMPTS:
                    raise TerminalError("the connection to the workspace breaks") from None
        return run.transcript()

    @contextmanager
    def typing(self) -> Iterator[Typing]:
        """Open the user's own login shell, as a person does.

        Raises:
            TerminalError: no terminal.
        """
        with self._opened(str(uuid.uuid4()), "") as connection:
            typing = Typing(connection)
            try:
                yield typing
            except ConnectionClosed:
                raise TerminalError("the shell in the workspace ended") from None
            finally:
                typing.close()

    @contextmanager
    def _opened(self, session: str, command: str) -> Iterator[ClientConnection]:
        query = urlencode(
            {
                "reconnect": session,
                "width": _COLUMNS,
                "height": _ROWS,
                "command": command,
                # Without it the agent prefers GNU screen, which draws a picture of the output.
                "backend_type": "buffered",
            }
        )
        base = self._coderd.url.rstrip("/").replace("http", "ws", 1)
        try:
            connection = connect(
                f"{base}/api/v2/workspaceagents/{self._agent_id}/pty?{query}",
                additional_headers={TOKEN_HEADER: self._coderd.token},
                ssl=verification(self._coderd.url) or None,
                open_timeout=_OPEN_SECONDS,
                close_timeout=5,
                max_size=None,
            )
        except InvalidStatus as error:
            raise TerminalError(_refusal(error.response.status_code), refused=True) from None
        except TimeoutError:
            raise TerminalError(f"no terminal within {_OPEN_SECONDS:.0f} s") from None
        except (OSError, InvalidHandshake, InvalidURI, ValueError) as error:
            # The text of these may quote a header, which is the token.
            raise TerminalError(f"no terminal: {type(error).__name__}") from None
        with connection:
            yield connection


class Typing:
    """A shell that is typed into; what it shows is read all the time, so that it never waits.

    Args:
        connection: to its terminal.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._shown: deque[str] = deque(maxlen=_SHOWN_PARTS)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, text: str) -> None:
        """Type a text; a shell that is not ready yet finds it in its terminal."""
        self._connection.send(_typed(text))

    @property
    def shown(self) -> str:
        """The last lines that it has shown, for people."""
        lines = _printable("".join(self._shown).replace("\r", "")).splitlines()
        return "\n".join(line for line in lines if line.strip())[-_SHOWN:]

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
        self._reader.join()

    def _read(self) -> None:
        try:
            for part in self._connection:
                self._shown.append(_bytes(part).decode(errors="replace"))
        except ConnectionClosed:
            return


class _Run:
    """A script on its way through one terminal session, over one connection or several."""

    def __init__(
        self,
        mark: str,
        script: str,
        clock: Callable[[], float],
        check: Callable[[], None],
        seconds: float,
    ) -> None:
        self.mark = mark
        self.ended = False
        encoded = base64.b64encode(script.encode()).decode()
        self._lines = ["", "!", *textwrap.wrap(encoded, _TYPED), "."]
        self._clock = clock
        self._check = check
        self._seconds = seconds
        self._deadline = clock() + seconds
        self._begun = ""
        self._data: list[str] = []
        self._length = -1
        self._noise: list[str] = []

    def follow(self, connection: ClientConnection) -> Transcript:
        """Type the script if the session wants it, and read to its end."""
        # A session that is taken up again begins with what it wrote before.
        self._data.clear()
        self._noise.clear()
        rest = b""
        while not self.ended:
            try:
                message = self._received(connection)
            except ConnectionClosed:
                raise
            except BaseException:
                # What runs there is to end too: the terminal's own interrupt.
                connection.send(_typed("\x03"))
                raise
            *lines, rest = (rest + _bytes(message)).split(b"\n")
            for line in lines:
                self._read(line.decode(errors="replace").rstrip("\r"), connection)
        return self.transcript()

    def _received(self, connection: ClientConnection) -> str | bytes:
        while self._clock() < self._deadline:
            self._check()
            try:
                return connection.recv(timeout=_TURN_SECONDS)
            except TimeoutError:
                continue
        raise TerminalError(
            f"the script has not ended after {self._seconds:.0f} s"
            + (f"; last seen: {self._noise[-1][:_SHOWN]}" if self._noise else "")
        )

    def _read(self, line: str, connection: ClientConnection) -> None:
        found = re.search(rf"@@{self.mark} (ready|begun|data|end) (\S+)$", line)
        if found is None:
            if line.strip():
                self._noise.append(_printable(line))
            return
        kind, value = found.groups()
        if kind == "begun":
            self._begun = value
        elif kind == "ready" and value != self._begun:
            for typed in self._lines:
                connection.send(_typed(f"{typed}\n"))
        elif kind == "data":
            self._data.append(value)
        elif kind == "end":
            self._length = int(value) if value.isdigit() else -1
            self.ended = True

    def transcript(self) -> Transcript:
        """Return what the script wrote, once it ended; raises TerminalError."""
        try:
            content = base64.b64decode("".join(self._data), validate=True)
        except binascii.Error:
            content = b""
        if len(content) != self._length:
            raise TerminalError("something else wrote into the script's output: run it again")
        return Transcript(tuple(records(content)), "\n".join(self._noise[-20:]))


def records(content: bytes) -> Iterator[ScriptResult]:
    """Yield what a script has said into its file."""
    kind, fields = "", list[str]()
    for word in content.decode(errors="replace").split("\0")[:-1]:
        if word.startswith("."):
            fields.append(word[1:])
            continue
        if kind:
            yield ScriptResult(kind, tuple(fields))
        kind, fields = word, []
    if kind:
        yield ScriptResult(kind, tuple(fields))


def _typed(text: str) -> bytes:
    return json.dumps({"data": text}).encode()


def _bytes(message: str | bytes) -> bytes:
    return message.encode() if isinstance(message, str) else message


def _printable(line: str) -> str:
    return re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]", "", line)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def _refusal(status: int) -> str:
    if status == HTTPStatus.UNAUTHORIZED:
        return "401: the session token is not valid"
    if status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
        return (
            f"{status}: the token may open no terminal there; the workspace's owner may, and a "
            "user with the role owner unless coderd runs with CODER_DISABLE_OWNER_WORKSPACE_ACCESS"
        )
    return f"coderd answers the terminal with {status}"
