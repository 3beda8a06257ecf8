"""What programs a workspace gets from another place: the firewall, the image, Claude Code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from components.programs import (
    BOUNDARY_PIN,
    BOUNDARY_PROGRAM_PIN,
    CLAUDE_PROGRAM_PIN,
    IMAGE_PIN,
    OF_IMAGE,
)
from components.syntax import is_floating_image
from ops.changes import Change, Step
from ops.template_changes import Registered

_FIREWALL: Final = "the firewall's own program is another one"
_FLOATS: Final = "workspaces get an image that is not pinned"
_JOB_FLOATS: Final = "a Job runs an image that is not pinned"
JOB_KIND: Final = "kubernetes:batch/v1:Job"
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
    if change.path == IMAGE_PIN and _floats_newly(change.old, change.new):
        return _FLOATS
    words = _PLACES.get(change.path, "")
    return words if words and place_of(change.old) != place_of(change.new) else ""


def floating_warnings(
    old: Mapping[str, Registered], new: Mapping[str, Registered], steps: Iterable[Step]
) -> tuple[str, ...]:
    """Return what the headline says of images that no release moves and that are not pinned.

    Those of templates that are new, and of Jobs.
    """
    added = (now.pins for name, now in new.items() if name not in old)
    found = []
    if any(_floats_newly(None, pins.get(IMAGE_PIN)) for pins in added):
        found.append(_FLOATS)
    jobs = (step for step in steps if step.type == JOB_KIND and step.op != "delete")
    if any(
        any(map(is_floating_image, container_images(job.new) - container_images(job.old)))
        for job in jobs
    ):
        found.append(_JOB_FLOATS)
    return tuple(found)


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


def _floats_newly(old: str | None, new: str | None) -> bool:
    return new is not None and is_floating_image(new) and not (old and is_floating_image(old))


def container_images(job: Mapping[str, Any]) -> frozenset[str]:
    """Return the images of a Job's containers, from its inputs."""
    place: Any = job
    for key in ("spec", "template", "spec", "containers"):
        place = place.get(key) if isinstance(place, Mapping) else None
    return frozenset(str(each["image"]) for each in place or () if "image" in each)


def place_of(pin: str | None) -> str:
    """Return where a program or image is from, without which of those there it is."""
    if pin is None:
        return ""
    if "://" in pin:
        return urlsplit(pin.split(" ")[0]).netloc
    if pin.endswith(OF_IMAGE):
        return OF_IMAGE
    return re.sub(r":[^:/]*$", "", pin.partition("@")[0])
