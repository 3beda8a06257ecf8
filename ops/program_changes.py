"""What programs a workspace gets from another place: the firewall, the image, Claude Code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from components.programs import (
    BOUNDARY_PIN,
    BOUNDARY_PROGRAM_PIN,
    CLAUDE_PROGRAM_PIN,
    IMAGE_PIN,
    OF_IMAGE,
)
from ops.changes import Change

_FIREWALL: Final = "the firewall's own program is another one"
_PLACES: Final = {
    IMAGE_PIN: "workspaces get an image from another place",
    CLAUDE_PROGRAM_PIN: "Claude Code comes from another place",
}


def pin_warning(change: Change) -> str:
    """Return what the headline says of a release that moves, empty if nothing.

    Another tag of the same image and another file at the same host are what a release is.
    """
    if change.path == BOUNDARY_PROGRAM_PIN:
        return _FIREWALL
    words = _PLACES.get(change.path, "")
    return words if words and _place(change.old) != _place(change.new) else ""


def pin_warnings(pins: Mapping[str, Iterable[Change]]) -> tuple[str, ...]:
    """Return what the headline says of the releases that move, by template, each once."""
    # A program that goes with its firewall is no other one.
    found = (
        pin_warning(change)
        for changes in map(tuple, pins.values())
        for change in changes
        if change.path != BOUNDARY_PROGRAM_PIN or not _goes(changes)
    )
    return tuple(dict.fromkeys(filter(None, found)))


def pin_mark(change: Change) -> str:
    """Return what stands before a release that moves."""
    return "⚠️ " if pin_warning(change) else ""


def _goes(changes: Iterable[Change]) -> bool:
    return any(change.path == BOUNDARY_PIN and change.new is None for change in changes)


def _place(pin: str | None) -> str:
    """Return where a program or image is from, without which of those there it is."""
    if pin is None:
        return ""
    if "://" in pin:
        return urlsplit(pin.split(" ")[0]).netloc
    if pin.endswith(OF_IMAGE):
        return OF_IMAGE
    return re.sub(r":[^:/]*$", "", pin.partition("@")[0])
