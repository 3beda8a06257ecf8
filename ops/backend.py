"""Where a stack's state is, in words that show no credential."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from components.boundary.credentials import masked
from components.errors import OperatorError

VARIABLE = "PULUMI_BACKEND_URL"


class NoStackError(OperatorError):
    """The backend has no stack of that name; the message says how one is made."""

    def __init__(self, stack: str) -> None:
        super().__init__(
            f"no stack {stack} in {place()}: make it with `pulumi stack init {stack}` "
            f"(docs/backends.md says with which secrets provider), or set {VARIABLE} to the "
            "backend that has it"
        )


def chosen(variables: Mapping[str, str]) -> str:
    """Return the URL of the backend that the engine's environment names; empty if it names none.

    Args:
        variables: what the engine is given besides this process' own.
    """
    return variables.get(VARIABLE) or os.environ.get(VARIABLE, "")


def place() -> str:
    """Return where the engine looks for a stack."""
    url = os.environ.get(VARIABLE, "")
    if not url:
        return f"the backend where `pulumi login` was ({VARIABLE} is not set)"
    return f"the backend {shown(url)}"


def shown(url: str) -> str:
    """Return a backend's URL without what may be a credential: its user, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"that {VARIABLE} names"
    host = parts.netloc.rpartition("@")[2]
    return masked(f"{parts.scheme}://{host}{parts.path}") if parts.scheme else masked(parts.path)


def folder(url: str, work_dir: Path) -> Path | None:
    """Return where a backend of files keeps them; None of any other, and of a URL that is none.

    Args:
        url: the backend's.
        work_dir: where the engine runs.
    """
    try:
        parts = urlsplit(url)
        # With a prefix all of it stands below, by names that the engine makes.
        if parts.scheme != "file" or "prefix" in parse_qs(parts.query):
            return None
        # As the engine reads it: from the home, or below the folder that it runs in.
        place = Path(unquote(parts.netloc + parts.path)).expanduser()
    except (ValueError, RuntimeError):
        # The engine says what is wrong with it.
        return None
    return Path(work_dir, place, ".pulumi")
