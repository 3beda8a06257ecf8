"""Which parts of a deployment are real here, and from where; what is missing is stood in for.

A real engine needs its plugins in PULUMI_HOME or on PATH: none is downloaded in the course of a
walk, so that what is said of a part is what was used. The one exception is the dynamic bridge,
which has its own way to a Terraform provider and is asked to go it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import yaml

from local import engine, tools

_BRIDGE_SECONDS = 120


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
        stand_ins: the packages whose plugins are missing, by the name that `local` serves.
        parts: one for the engine, the language host and each plugin.
    """

    binary: Path
    hosted: bool
    stand_ins: tuple[str, ...]
    parts: tuple[Part, ...]


def find(environment: Mapping[str, str], root: Path, progress: tools.Progress) -> EngineParts:
    """Look for the engine and its plugins; raises tools.ToolError without an engine.

    Args:
        environment: where to look: PATH and PULUMI_HOME.
        root: the checkout, whose requirements say which versions.
        progress: told when something has to be built.
    """
    binary = engine.find(progress)
    number = ".".join(map(str, engine.version(binary) or ()))
    path = f"{binary.parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    host = shutil.which("pulumi-language-python", path=path)
    installed = _installed(binary, environment)
    parts = [
        Part("engine", True, f"pulumi {number}, {binary}"),
        Part("language host", True, host)
        if host
        else Part("language host", False, "no pulumi-language-python on PATH: ops hosts alone"),
    ]
    missing = []
    for name in ("random", "kubernetes"):
        part = _plugin(name, version(f"pulumi-{name}"), installed, path)
        parts.append(part)
        if not part.real:
            missing.append(name)
    bridged = _bridged(binary, root, installed, {**environment, "PATH": path})
    parts.append(bridged)
    if not bridged.real:
        missing.append("coderd")
    return EngineParts(binary, host is not None, tuple(missing), tuple(parts))


def _installed(binary: Path, environment: Mapping[str, str]) -> set[tuple[str, str]]:
    listed = subprocess.run(
        [str(binary), "plugin", "ls", "--json"],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        plugins = json.loads(listed.stdout)
    except ValueError:
        return set()
    return {(each["name"], each["version"]) for each in plugins if each["kind"] == "resource"}


def _plugin(name: str, wanted: str, installed: set[tuple[str, str]], path: str) -> Part:
    what = f"plugin {name}"
    if (name, wanted) in installed:
        return Part(what, True, f"{wanted}, PULUMI_HOME")
    on_path = shutil.which(f"pulumi-resource-{name}", path=path)
    if on_path:
        # The engine takes it whatever its version is.
        return Part(what, True, on_path)
    return Part(what, False, f"pulumi plugin install resource {name} {wanted}")


def _bridged(
    binary: Path, root: Path, installed: set[tuple[str, str]], environment: Mapping[str, str]
) -> Part:
    package = yaml.safe_load((root / "Pulumi.yaml").read_text(encoding="utf-8"))
    package = package["packages"]["coderd"]
    bridge = _plugin(package["source"], package["version"], installed, environment["PATH"])
    provider, number = package["parameters"]
    what = f"provider {provider}"
    if not bridge.real:
        return Part(what, False, bridge.detail)
    asked = subprocess.run(
        [str(binary), "package", "get-schema", package["source"], provider, number],
        env={**environment, "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"},
        capture_output=True,
        text=True,
        timeout=_BRIDGE_SECONDS,
        check=False,
    )
    if asked.returncode == 0:
        return Part(what, True, f"{number} behind {package['source']} {bridge.detail}")
    said = [line for line in asked.stderr.splitlines() if line.strip()]
    return Part(what, False, said[-1][:200] if said else "the bridge cannot get it")
