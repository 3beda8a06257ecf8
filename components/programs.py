"""A program that a workspace does not take from its makers: from the image, or an address."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from components.checked import CheckedBy
from components.syntax import endpoint_problem

IMAGE_PIN: Final = "image"
BOUNDARY_PIN: Final = "Boundary"
BOUNDARY_PROGRAM_PIN: Final = "Boundary's program"
CLAUDE_PROGRAM_PIN: Final = "Claude Code's program"
"""What reviews call where these are from."""
OF_IMAGE: Final = "of the image"

# What a shell reads as it is written.
_PATH: Final = r"(?:/[A-Za-z0-9._+-]+)+\Z"
_PLAIN_URL: Final = r"[A-Za-z0-9:/?&=.,_~%+@\[\]-]+\Z"
_SHA256: Final = r"[0-9a-f]{64}\Z"


def _path(value: str) -> str:
    if not re.match(_PATH, value) or {".", ".."} & set(value.split("/")):
        raise ValueError("must be an absolute path such as /opt/coder/bin/boundary")
    return value


def _url(value: str) -> str:
    if problem := endpoint_problem(value):
        raise ValueError(problem)
    if not re.match(_PLAIN_URL, value):
        raise ValueError("must hold letters, digits and : / ? & = . , _ ~ % + @ - alone")
    return value


def _sha256(value: str) -> str:
    if not re.match(_SHA256, value):
        raise ValueError("must be 64 digits in lower case, as sha256sum prints them")
    return value


class Program(BaseModel):
    """Where a program is: `path` in the image, or `url` with the `sha256` of what is there."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, defer_build=True
    )

    path: Annotated[str, CheckedBy(_path)] | None = Field(
        None, description="Absolute path in the image."
    )
    url: Annotated[str, CheckedBy(_url)] | None = Field(
        None, description="Address of the program, or of a .tar.gz that holds it under its name."
    )
    sha256: Annotated[str, CheckedBy(_sha256)] | None = Field(
        None, description="Of the file at the address; another one is never run."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Program:
        if (self.path is None) == (self.url is None):
            raise ValueError("name either path, in the image, or url with its sha256")
        if (self.url is None) != (self.sha256 is None):
            raise ValueError("url and sha256 go together: nothing unknown is run")
        return self

    @property
    def title(self) -> str:
        """What it is pinned to, for reviews."""
        return f"{self.path} {OF_IMAGE}" if self.path else f"{self.url} (sha256 {self.sha256})"


def program_problem(claude: Program | None) -> str:
    """Return why a Claude Code of one's own cannot be started, empty if it can.

    The modules look for `claude` in its folder, and so do people, verify and the alerts.
    """
    if claude is not None and claude.path is not None and not claude.path.endswith("/claude"):
        return "the path of a Claude Code has to end in /claude, by which everybody looks for it"
    return ""


def wiring_problem(wiring: int, boundary: Program | None, claude: Program | None) -> str:
    """Return why a Boundary of one's own does not go with a wiring, empty if it does.

    Module 4 puts the `claude` that its installer left before every other one on PATH, and starts
    it in a jail only with the Boundary that it fetches from GitHub itself.
    """
    if wiring == 4 and boundary is not None and claude is None:
        return (
            "module 4 starts its own Claude Code in GitHub's Boundary alone: name a Claude Code "
            "too (claudeCode.program), or use module 5"
        )
    return ""
