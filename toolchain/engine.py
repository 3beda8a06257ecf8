"""Finds the Pulumi engine: the one on PATH, or the one built from tools/pulumi."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from toolchain import tools

# The Python SDK speaks the engine's protocol of its own release and of later ones.
OLDEST = tuple(int(part) for part in tools.PULUMI_VERSION.split("."))


@cache
def version(binary: Path) -> tuple[int, ...] | None:
    """Return the version that `binary` reports, or None when it reports none."""
    try:
        found = subprocess.run(
            [str(binary), "version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=30,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", found.strip())
    return tuple(int(part) for part in match.groups()) if match else None


def find(progress: tools.Progress = tools.report) -> Path:
    """Return the path of a Pulumi engine that fits the pinned Python SDK.

    The engine on PATH is taken when its version is at least the SDK's; otherwise the pinned
    one is built. Raises tools.ToolError when it cannot be.
    """
    on_path = shutil.which("pulumi")
    if on_path is not None:
        if Path(on_path) == tools.kept("pulumi"):
            return Path(on_path)
        has = version(Path(on_path))
        if has is not None and has[0] == OLDEST[0] and has >= OLDEST:
            return Path(on_path)
        shown = ".".join(map(str, has)) if has else "of an unknown version"
        progress(f"pulumi {shown} on PATH is not {tools.PULUMI_VERSION} or newer: building that")
    return tools.build("pulumi", progress)


def release(binary: Path) -> str:
    """Return the release of an engine that `find` found; one that was built is not asked for it."""
    if binary == tools.kept("pulumi"):
        return tools.PULUMI_VERSION
    return ".".join(map(str, version(binary) or ()))
