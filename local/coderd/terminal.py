"""Terminals of workspaces: `/workspaceagents/{agent}/pty`, a WebSocket, as the agent serves it.

A client sends `{"data": TEXT}` in JSON and gets bytes. A session has the id that its client chose;
one that is taken up again within five minutes begins with the last 64 KiB that it wrote.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
import uuid
from http import HTTPStatus
from typing import Final

from starlette.responses import JSONResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from local.coderd.processes import Workspaces
from local.coderd.rest import ApiError, authenticate, not_found
from local.coderd.store import Document, Store
from local.workspace.stand_in import StandInWorkspace

_KEPT_BYTES: Final = 64 << 10
_IDLE_SECONDS: Final = 300.0
_CHUNK: Final = 1024


class _Session:
    """One pseudo terminal and whoever looks at it."""

    def __init__(self, workspace: StandInWorkspace, command: str, rows: int, columns: int) -> None:
        self.kept = bytearray()
        self.ended = asyncio.Event()
        self.watchers: set[asyncio.Queue[bytes | None]] = set()
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {**workspace.environment(), "TERM": "xterm-256color"}
        shell = environment["SHELL"]
        self.process = subprocess.Popen(
            [shell, "-c", command] if command.strip() else [shell, "-l"],
            cwd=workspace.home,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        os.close(slave)
        self._master = master
        asyncio.get_running_loop().add_reader(master, self._read)

    def write(self, text: str) -> None:
        """Type a text."""
        with contextlib.suppress(OSError):
            os.write(self._master, text.encode())

    def close(self) -> None:
        """End the process and whoever looks."""
        if self.ended.is_set():
            return
        self.ended.set()
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGHUP)
        self.process.poll()
        for watcher in self.watchers:
            watcher.put_nowait(None)

    def _read(self) -> None:
        try:
            part = os.read(self._master, _CHUNK)
        except OSError:
            part = b""
        if not part:
            self.close()
            return
        self.kept = (self.kept + part)[-_KEPT_BYTES:]
        for watcher in self.watchers:
            watcher.put_nowait(part)


class Terminals:
    """Every terminal of the deployment.

    Args:
        store: the deployment's memory.
        workspaces: what they run in.
    """

    def __init__(self, store: Store, workspaces: Workspaces) -> None:
        self._store = store
        self._workspaces = workspaces
        self._sessions: dict[str, _Session] = {}

    @property
    def route(self) -> WebSocketRoute:
        """Where clients come in."""
        return WebSocketRoute("/api/v2/workspaceagents/{agent}/pty", self._endpoint)

    def close(self) -> None:
        """End every session."""
        for session in self._sessions.values():
            session.close()

    async def _endpoint(self, socket: WebSocket) -> None:
        try:
            session = await self._session(socket)
        except ApiError as error:
            await socket.send_denial_response(JSONResponse(error.body(), error.status))
            return
        await socket.accept()
        watcher: asyncio.Queue[bytes | None] = asyncio.Queue()
        if session.kept:
            watcher.put_nowait(bytes(session.kept))
        session.watchers.add(watcher)
        reading = asyncio.create_task(_typing(socket, session, watcher))
        try:
            while (part := await watcher.get()) is not None:
                await socket.send_bytes(part)
            await socket.close()
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            reading.cancel()
            session.watchers.discard(watcher)

    async def _session(self, socket: WebSocket) -> _Session:
        user = authenticate(self._store, socket)
        query = socket.query_params
        try:
            id = str(uuid.UUID(query.get("reconnect", "")))
        except ValueError:
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                "Query parameters have invalid values.",
                validations={
                    "reconnect": 'Query param "reconnect" is required and cannot be empty'
                },
            ) from None
        stored = _workspace_of(self._store, user, socket.path_params["agent"])
        workspace = await asyncio.to_thread(self._workspaces.ready, stored)
        if workspace is None:
            raise not_found()
        session = self._sessions.get(id)
        if session is None or session.ended.is_set():
            size = [int(query.get(name) or 80) for name in ("height", "width")]
            session = _Session(workspace, query.get("command", ""), *size)
            self._sessions[id] = session
            _forget_idle(session)
        return session


def _forget_idle(session: _Session) -> None:
    """End a session that nobody looked at for long."""

    async def watch() -> None:
        while not session.ended.is_set():
            await asyncio.sleep(_IDLE_SECONDS)
            if not session.watchers:
                session.close()

    task = asyncio.get_running_loop().create_task(watch())
    _IDLE.add(task)
    task.add_done_callback(_IDLE.discard)


_IDLE: Final[set["asyncio.Task[None]"]] = set()


async def _typing(
    socket: WebSocket, session: _Session, watcher: "asyncio.Queue[bytes | None]"
) -> None:
    decoder, rest = json.JSONDecoder(), ""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            watcher.put_nowait(None)
            return
        rest += message.get("text") or (message.get("bytes") or b"").decode()
        while rest:
            try:
                request, end = decoder.raw_decode(rest.lstrip())
            except ValueError:
                break
            rest = rest.lstrip()[end:]
            # It waits while the terminal's own queue is full.
            await asyncio.to_thread(session.write, str(request.get("data") or ""))


def _workspace_of(store: Store, user: Document, agent: str) -> Document:
    """Return the stored workspace whose last build has the agent.

    Raises:
        ApiError: there is none, or the user may not open a terminal in it.
    """
    for workspace in store.all("workspace"):
        agents = [
            each["id"]
            for resource in workspace["builds"][-1]["resources"]
            for each in resource.get("agents", ())
        ]
        if agent in agents:
            if "owner" in user["roles"] or workspace["owner_id"] == user["id"]:
                return workspace
            break
    raise not_found()
