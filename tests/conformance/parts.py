"""Which parts of a deployment are real here, and from where; what is missing is stood in for.

The engine's plugins are those of every other command: found, downloaded or built (toolchain). None
is downloaded in the course of a walk, so that what is said of a part is what was used.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local import providers
from toolchain import engine, tools
from toolchain.plugins import Located


@dataclass(frozen=True)
class Part:
    """A part of the deployment.

    Attributes:
        name: what it is.
        real: whether it is the real one.
        detail: its version and where it is; or why it is stood in for.
    """

    name: str
    real: bool
    detail: str


@dataclass(frozen=True)
class EngineParts:
    """The engine and what it needs to run the program.

    Attributes:
        binary: the command line, real everywhere.
        hosted: whether the program can be run by the command line alone, without ops.
        plugins: where each is from.
        parts: one for the engine, the language host and each plugin.
    """

    binary: Path
    hosted: bool
    plugins: tuple[Located, ...]
    parts: tuple[Part, ...]

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """The packages whose plugins are missing, by the name that `local` serves."""
        return providers.stood_in(self.plugins)


def find(environment: Mapping[str, str], progress: tools.Progress) -> EngineParts:
    """Look for the engine and its plugins; raises tools.ToolError without an engine.

    Args:
        environment: whose PATH may have a language host.
        progress: told what is downloaded or built.
    """
    binary = engine.find(progress)
    number = ".".join(map(str, engine.version(binary) or ()))
    path = f"{binary.parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    host = shutil.which("pulumi-language-python", path=path)
    plugins = providers.locate(lambda: binary, progress)
    parts = (
        Part("engine", True, f"pulumi {number}, {binary}"),
        Part("language host", True, host)
        if host
        else Part("language host", False, "no pulumi-language-python on PATH: ops hosts alone"),
        *(plugin_part(located) for located in plugins),
    )
    return EngineParts(binary, host is not None, plugins, parts)


def plugin_part(located: Located) -> Part:
    """Return what is to be said of a plugin."""
    plugin, terraform = located.plugin, located.plugin.terraform
    what = f"plugin {plugin.name}"
    if terraform is not None:
        what = f"{what} with {' '.join(terraform)}"
    if located.binary is None:
        return Part(what, False, located.problem)
    return Part(what, True, f"{plugin.version}, {located.origin.value}: {located.binary}")
