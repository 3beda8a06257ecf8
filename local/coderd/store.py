"""What the stand-in for coderd remembers, on disk after every request.

SQLite writes a request's changes as one transaction: a process that is killed leaves either all
of them or none. Documents are read from memory, so that a request costs no query.
"""

import hashlib
import json
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

Document = dict[str, Any]
"""A stored object. It is never changed in place: `put` a new one."""

NO_ID: Final = "00000000-0000-0000-0000-000000000000"
"""How Coder writes an id that is not there."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS document (
  kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
);
CREATE TABLE IF NOT EXISTS file (
  id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, content BLOB NOT NULL
);
"""


class Store:
    """Documents by kind and id, and uploaded files.

    Args:
        path: the database's file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A power cut may cost the last requests, a killed process costs nothing.
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(_SCHEMA)
        self._lock = threading.RLock()
        self._depth = 0
        self._documents: dict[str, dict[str, Document]] = {}
        self._load()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep other threads out, and make the writes within all or nothing."""
        with self._lock:
            self._depth += 1
            try:
                if self._depth == 1:
                    self._connection.execute("BEGIN IMMEDIATE")
                yield
                if self._depth == 1:
                    self._connection.execute("COMMIT")
            except BaseException:
                if self._depth == 1:
                    self._connection.execute("ROLLBACK")
                    self._load()
                raise
            finally:
                self._depth -= 1

    def get(self, kind: str, id: str) -> Document | None:
        """A document, None if there is none."""
        with self._lock:
            return self._documents.get(kind, {}).get(id)

    def all(self, kind: str) -> list[Document]:
        """The documents of a kind, oldest first."""
        with self._lock:
            return list(self._documents.get(kind, {}).values())

    def find(self, kind: str, matches: Callable[[Document], bool]) -> Document | None:
        """The first document of a kind that matches."""
        return next((item for item in self.all(kind) if matches(item)), None)

    def put(self, kind: str, document: Document) -> Document:
        """Store a document under its `id`."""
        with self.transaction():
            self._connection.execute(
                "INSERT INTO document VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET body = excluded.body",
                (kind, document["id"], json.dumps(document)),
            )
            self._documents.setdefault(kind, {})[document["id"]] = document
        return document

    def delete(self, kind: str, id: str) -> None:
        """Forget a document."""
        with self.transaction():
            self._connection.execute("DELETE FROM document WHERE kind = ? AND id = ?", (kind, id))
            self._documents.get(kind, {}).pop(id, None)

    def add_file(self, content: bytes) -> tuple[str, bool]:
        """Store a file; return its id and whether it is new."""
        digest = hashlib.sha256(content).hexdigest()
        with self.transaction():
            row = self._connection.execute(
                "SELECT id FROM file WHERE digest = ?", (digest,)
            ).fetchone()
            if row:
                return str(row[0]), False
            id = new_id()
            self._connection.execute("INSERT INTO file VALUES (?, ?, ?)", (id, digest, content))
        return id, True

    def file(self, id: str) -> bytes | None:
        """The content of a file, None if there is none."""
        with self._lock:
            row = self._connection.execute(
                "SELECT content FROM file WHERE id = ?", (id,)
            ).fetchone()
        return bytes(row[0]) if row else None

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    def _load(self) -> None:
        self._documents = {}
        for kind, id, body in self._connection.execute(
            "SELECT kind, id, body FROM document ORDER BY rowid"
        ):
            self._documents.setdefault(kind, {})[id] = json.loads(body)


def new_id() -> str:
    """A new identity."""
    return str(uuid.uuid4())


def now() -> str:
    """The time as Coder writes it: RFC 3339 in UTC with microseconds."""
    return later(timedelta())


def later(span: timedelta) -> str:
    """The time after a span, in the same form."""
    moment = datetime.now(UTC) + span
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
