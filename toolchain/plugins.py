"""Finds the engine's resource plugins: on the machine, by a download, by a build, or not at all.

In this order, once for each plugin: found (in the folder of an engine's plugins, in the version
that the Python package asks for, or on PATH, where the engine takes any), downloaded by the
engine itself within seconds, built from source, or stood in for. A download that failed is not
tried again for a day.
"""

from __future__ import annotations

import base64
import enum
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol

DOWNLOAD_SECONDS: Final = 30.0
"""How long a download may take: the largest plugin has 40 MB."""
RETRY_SECONDS: Final = 24 * 3600.0
"""How long a download that failed is not tried again."""

_TOOLS: Final = Path(__file__).parents[1] / "tools"
# The first requirement's pseudo-version is that of the plugin's own module.
_DAY: Final = re.compile(
    r"^require \S+ v\S+-(\d{4})(\d{2})(\d{2})\d{6}-[0-9a-f]{12}$", re.MULTILINE
)
_PACKAGES: Final = ("pulumi_kubernetes", "pulumi_random", "pulumi_coderd")
_TERRAFORM_CACHE: Final = "PULUMI_DYNAMIC_TF_PLUGIN_CACHE_DIR"
_TERRAFORM_FOLDER: Final = "dynamic_tf_plugins"


class Origin(enum.Enum):
    """Where a plugin is from, in the words that the user reads."""

    FOUND = "found"
    DOWNLOADED = "downloaded"
    BUILT = "built from source"
    STOOD_IN = "stood in for"


@dataclass(frozen=True)
class Plugin:
    """A resource plugin in the version that a Python package asks for.

    Attributes:
        name: of the plugin, which may serve packages of other names.
        version: in a folder of plugins the engine takes no other.
        terraform: address and version of the Terraform provider that it runs, if it runs one.
    """

    name: str
    version: str
    terraform: tuple[str, str] | None = None

    @property
    def binary(self) -> str:
        """The file that the engine runs."""
        return f"pulumi-resource-{self.name}"

    @property
    def folder(self) -> str:
        """Its folder among the plugins of an engine."""
        return f"resource-{self.name}-v{self.version}"

    @property
    def terraform_folder(self) -> str:
        """A name for its Terraform provider in that version; '' if it runs none."""
        address, version = self.terraform or ("", "")
        return f"{address.replace('/', '-')}-v{version}" if address else ""


@dataclass(frozen=True)
class Located:
    """A plugin and where it is from.

    Attributes:
        plugin: which.
        origin: where from.
        binary: its file; None where it is stood in for.
        environment: what the engine needs in its environment for it.
        problem: why it could not be downloaded, where it is stood in for.
    """

    plugin: Plugin
    origin: Origin
    binary: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


class Build(Protocol):
    """Knows how to build plugins."""

    def __call__(self, binary: str, *, only_kept: bool) -> Path | None:
        """Return the file of a plugin; None if it cannot be built, or no build is kept.

        Args:
            binary: name of the file.
            only_kept: whether to return what an earlier build left, and build nothing.
        """


@dataclass(frozen=True)
class Finder:
    """Finds plugins.

    Args:
        engine: returns the engine that downloads them; called only when one is to be downloaded.
        home: the folder that keeps what is downloaded here, an engine's home (PULUMI_HOME).
        build: builds them.
        progress: told what takes long.
    """

    engine: Callable[[], Path]
    home: Path
    build: Build
    progress: Callable[[str], None]

    def all(self, plugins: Sequence[Plugin]) -> tuple[Located, ...]:
        """Locate plugins, at the same time; raises what a build raises."""
        with futures.ThreadPoolExecutor(len(plugins)) as pool:
            return tuple(pool.map(self.one, plugins))

    def one(self, plugin: Plugin) -> Located:
        """Locate a plugin; raises what a build raises."""
        for origin, find in (
            (Origin.FOUND, self._found),
            (Origin.DOWNLOADED, lambda _: _kept(self.home, plugin)),
            (Origin.BUILT, lambda _: self.build(plugin.binary, only_kept=True)),
            (Origin.DOWNLOADED, self._downloaded),
            (Origin.BUILT, lambda _: self.build(plugin.binary, only_kept=False)),
        ):
            binary = find(plugin)
            if binary is None:
                continue
            environment = self._environment(plugin, binary)
            if environment is None:
                break
            return Located(plugin, origin, binary, environment)
        return Located(plugin, Origin.STOOD_IN, problem=self._problem(plugin))

    def _found(self, plugin: Plugin) -> Path | None:
        on_path = shutil.which(plugin.binary)
        return Path(on_path) if on_path else _kept(_users_home(), plugin)

    def _downloaded(self, plugin: Plugin) -> Path | None:
        install = ("plugin", "install", "resource", plugin.name, plugin.version)
        self._download(plugin.folder, install)
        return _kept(self.home, plugin)

    def _environment(self, plugin: Plugin, binary: Path) -> Mapping[str, str] | None:
        """Return what a plugin needs; None if the Terraform provider it runs cannot be had."""
        if plugin.terraform is None:
            return {}
        address, version = plugin.terraform
        named = os.environ.get(_TERRAFORM_CACHE)
        for folder in (
            *((Path(named),) if named else ()),
            _users_home() / _TERRAFORM_FOLDER,
            self.home / _TERRAFORM_FOLDER,
        ):
            if any((folder / address / version).rglob("terraform-provider-*")):
                return {_TERRAFORM_CACHE: str(folder)}
        link(self.home, Located(plugin, Origin.FOUND, binary))
        self._download(
            plugin.terraform_folder,
            ("package", "get-schema", f"{plugin.name}@{plugin.version}", address, version),
        )
        kept = self.home / _TERRAFORM_FOLDER
        there = any((kept / address / version).rglob("terraform-provider-*"))
        return {_TERRAFORM_CACHE: str(kept)} if there else None

    def _download(self, what: str, command: Sequence[str]) -> None:
        """Run the engine for a while to download something; keep in mind if it could not."""
        refused = self._refused(what)
        with suppress(OSError):
            if time.time() - refused.stat().st_mtime < RETRY_SECONDS:
                return
        self.home.mkdir(parents=True, exist_ok=True)
        self.progress(f"downloading {what} (at most {DOWNLOAD_SECONDS:.0f} s)")
        problem = _run(
            [str(self.engine()), *command],
            {**os.environ, "PULUMI_HOME": str(self.home), "PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
        if problem:
            refused.write_text(f"pulumi {' '.join(command)}: {problem}\n", encoding="utf-8")

    def _refused(self, what: str) -> Path:
        return self.home / f"{what}.unavailable"

    def _problem(self, plugin: Plugin) -> str:
        """Return what went wrong with the last download of a plugin, or ''."""
        folders = filter(None, (plugin.terraform_folder, plugin.folder))
        notes = [note for note in map(self._refused, folders) if note.exists()]
        last = max(notes, key=lambda note: note.stat().st_mtime, default=None)
        return last.read_text(encoding="utf-8").strip() if last else ""


def wanted() -> tuple[Plugin, ...]:
    """Return the plugins that the installed Python packages ask for."""
    return tuple(_asked_for(package) for package in _PACKAGES)


def link(home: Path, located: Located) -> None:
    """Put a plugin among those of an engine, by a link to its file."""
    if located.binary is None:
        raise ValueError(f"{located.plugin.name} is stood in for: there is no file of it")
    folder = home / "plugins" / located.plugin.folder
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / located.plugin.binary
    new = place.with_name(f".{place.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.symlink_to(located.binary.absolute())
    new.replace(place)


def summary(located: Sequence[Located]) -> str:
    """Return one line that says where each plugin is from."""
    each = (
        f"{one.plugin.name} {one.plugin.version} {one.origin.value}{_of_when(one)}"
        for one in located
    )
    return f"provider plugins: {', '.join(each)}"


def _of_when(located: Located) -> str:
    """Say of which day the source is, where the module's proxy has no release of it."""
    manifest = _TOOLS / located.plugin.binary / "go.mod"
    if located.origin is not Origin.BUILT or not manifest.is_file():
        return ""
    day = _DAY.search(manifest.read_text(encoding="utf-8"))
    return f" of {day[1]}-{day[2]}-{day[3]}" if day else ""


def _asked_for(package: str) -> Plugin:
    # Found and not loaded, which would load the SDK.
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    about = json.loads(Path(found.origin).with_name("pulumi-plugin.json").read_text("utf-8"))
    if "parameterization" not in about:
        return Plugin(about["name"], about["version"])
    runs = json.loads(base64.b64decode(about["parameterization"]["value"]))["remote"]
    return Plugin(about["name"], about["version"], (runs["url"], runs["version"]))


def _users_home() -> Path:
    return Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")


def _kept(home: Path, plugin: Plugin) -> Path | None:
    """Return the file of a plugin that an engine's home has whole."""
    folder = home / "plugins" / plugin.folder
    binary = folder / plugin.binary
    partial = folder.with_name(f"{folder.name}.partial").exists()
    return binary if os.access(binary, os.X_OK) and not partial else None


def _run(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a command for DOWNLOAD_SECONDS; return what went wrong, or ''."""
    process = subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        _, said = process.communicate(timeout=DOWNLOAD_SECONDS)
    except subprocess.TimeoutExpired:
        # The engine may have started a plugin, which has to end as well.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return f"no answer within {DOWNLOAD_SECONDS:.0f} s"
    if process.returncode == 0:
        return ""
    lines = said.strip().splitlines()
    return lines[-1] if lines else f"ended with status {process.returncode}"
