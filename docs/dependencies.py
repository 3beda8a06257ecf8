"""What the project depends on, and under which licence each part of it stands.

Python: the packages of requirements*.txt and all that these ask for. Go: the modules whose packages
are compiled into the tools of tools/. npm: the packages of the lock files there. A licence is what
the package declares as an SPDX expression, or else what google/licenseclassifier recognises in its
files.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from license_expression import ExpressionError, get_spdx_licensing
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from toolchain import tools

ROOT: Final = tools.ROOT
UNKNOWN: Final = "unknown"

ALLOWED: Final = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "CC0-1.0"),
        *("CNRI-Python", "ISC", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Python-2.0"),
        *("UPL-1.0", "Unicode-DFS-2016", "Unlicense", "Zlib"),
    }
)
"""What may be depended on: licences that ask for no source but their own."""

# Declared by neither an expression nor a file that can be recognised; read by hand.
_READ_BY_HAND: Final[Mapping[str, str]] = {
    # Its licence file is the notice alone that refers to the Apache License.
    "github.com/jmespath/go-jmespath": "Apache-2.0",
    # Its README says so, and there is no file.
    "github.com/mattn/go-localereader": "MIT",
    # The code; CC-BY-SA-4.0 is for its documents, which nothing here takes.
    "github.com/opencontainers/go-digest": "Apache-2.0",
    # Its README: Appdash's own licence, and those of four scripts.
    "github.com/sourcegraph/appdash-data": "Apache-2.0 AND MIT",
}

_FILE: Final = re.compile(r"(LICEN[CS]E|COPYING|UNLICENSE)([-._].*)?", re.IGNORECASE)
# A line that says whose it is and nothing of a licence.
_HOLDER: Final = re.compile(
    r"^[ \t]*(?:copyright|\(c\)|©)(?!.*licen[cs]).*$", re.IGNORECASE | re.MULTILINE
)
# What older packages say in words or as a classifier, where they say no expression.
_WORDS: Final = {
    "MIT License": "MIT",
    "MIT": "MIT",
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_SPDX: Final = get_spdx_licensing()


@dataclass(frozen=True)
class Dependency:
    """One package or module.

    Attributes:
        kind: `Python`, `Go` or `npm`.
        name: as its index has it.
        version: the one that is pinned.
        licence: SPDX expression, `unknown` if nothing tells.
        files: its licences' texts, to be recognised.
        users: the tools that need it; nothing for Python.
    """

    kind: str
    name: str
    version: str
    licence: str = ""
    files: tuple[Path, ...] = ()
    users: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the licence, or one of those to choose from, is among ALLOWED."""
        try:
            return _allowed(_SPDX.parse(self.licence, validate=True))
        except ExpressionError:
            return False


def _allowed(expression: Any) -> bool:
    if expression is None:
        return False
    if expression.isliteral:
        return expression.render() in ALLOWED
    parts = [_allowed(each) for each in expression.args]
    return any(parts) if isinstance(expression, _SPDX.OR) else all(parts)


def dependencies() -> list[Dependency]:
    """Return every dependency with its licence, by kind and name.

    Raises CalledProcessError and metadata.PackageNotFoundError for what is not installed.
    """
    found = [*python(ROOT), *go(tools.TOOLS.values()), *npm(ROOT)]
    recognised = recognise(path for each in found if not each.licence for path in each.files)
    return sorted(
        (_with_licence(each, recognised) for each in found),
        key=lambda each: (each.kind, each.name.lower(), each.version),
    )


def _with_licence(found: Dependency, recognised: Mapping[Path, Sequence[str]]) -> Dependency:
    if by_hand := _READ_BY_HAND.get(found.name):
        return replace(found, licence=by_hand)
    if found.licence:
        return found
    names = {name for path in found.files for name in recognised[path]}
    return replace(found, licence=" AND ".join(sorted(names)) or UNKNOWN)


def python(root: Path) -> Iterator[Dependency]:
    """Yield the packages of requirements*.txt at `root`, and what they ask for, as installed."""
    waiting = [Requirement(line) for line in _requirements(root)]
    seen: set[tuple[str, str]] = set()
    told: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in ("", *sorted(wanted.extras)):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            waiting += [
                inner
                for text in metadata.requires(wanted.name) or ()
                if (inner := Requirement(text)).marker is None
                or inner.marker.evaluate({"extra": extra})
            ]
        if name not in told:
            told.add(name)
            yield _package(name, metadata.distribution(wanted.name))


def _requirements(root: Path) -> Iterator[str]:
    for file in sorted(root.glob("requirements*.txt")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith(("#", "-r ", "./")):
                yield line


def _package(name: str, found: metadata.Distribution) -> Dependency:
    said = found.metadata
    words = [*(said.get_all("License-Expression") or ()), *(said.get_all("License") or ())]
    words += [
        each.rpartition(" :: ")[2]
        for each in said.get_all("Classifier") or ()
        if each.startswith("License :: ")
    ]
    licence = next((known for each in words if (known := _expression(each))), "")
    # Of its own; what a package carries of others lies elsewhere.
    files = tuple(
        Path(str(each.locate()))
        for each in found.files or ()
        if _FILE.fullmatch(each.name) and ".dist-info" in str(each)
    )
    return Dependency("Python", name, found.version, licence, files)


def _expression(said: str) -> str:
    """Return what a package says of its licence as an SPDX expression, nothing if it is none."""
    said = _WORDS.get(said, said)
    if not said or "\n" in said:
        return ""
    try:
        return str(_SPDX.parse(said, validate=True))
    except ExpressionError:
        return ""


def go(recipes: Iterable[tools.Tool]) -> list[Dependency]:
    """Return the modules that are compiled into the tools; raises CalledProcessError."""
    users: dict[tuple[str, str, str], list[str]] = {}
    by_module: dict[Path, list[tools.Tool]] = {}
    for tool in recipes:
        by_module.setdefault(tool.module, []).append(tool)
    for module, its_tools in by_module.items():
        linked = _linked(module, [tool.package for tool in its_tools])
        for tool in its_tools:
            for one in sorted(linked[tool.package]):
                users.setdefault(one, []).append(tool.name)
    return [
        Dependency("Go", path, version, "", _texts(Path(folder)), tuple(by))
        for (path, version, folder), by in users.items()
    ]


def _linked(folder: Path, packages: Sequence[str]) -> dict[str, set[tuple[str, str, str]]]:
    """Return the modules of what each package takes, as path, version and folder.

    They are asked for at once: two of a module take most of the other's.
    """
    one = "{{.Path}}\t{{.Version}}\t{{.Dir}}"
    module = (
        f"{{{{with .Module}}}}{{{{with .Replace}}}}{one}{{{{else}}}}{one}{{{{end}}}}{{{{end}}}}"
    )
    shown = f'{{{{.ImportPath}}}}\t{{{{join .Match ","}}}}\t{{{{join .Deps ","}}}}\t{module}'
    done = subprocess.run(
        [shutil.which("go") or "go", "list", "-deps", "-f", shown, *packages],
        cwd=folder,
        env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-mod=readonly"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=True,
    )
    modules: dict[str, tuple[str, str, str]] = {}
    taken: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        name, asked, below, *module_of = line.split("\t")
        # Neither the standard library nor the module itself has a version.
        if module_of[1:2] not in ([], [""]):
            modules[name] = (module_of[0], module_of[1], module_of[2])
        for package in filter(None, asked.split(",")):
            taken[package] = [name, *below.split(",")]
    return {
        package: {modules[each] for each in below if each in modules}
        for package, below in taken.items()
    }


def _texts(folder: Path) -> tuple[Path, ...]:
    return tuple(
        sorted(each for each in folder.iterdir() if each.is_file() and _FILE.fullmatch(each.name))
    )


def npm(root: Path) -> Iterator[Dependency]:
    """Yield the packages of the lock files, which say the licence of each."""
    for file in sorted((root / "tools").glob("*/package-lock.json")):
        for place, entry in json.loads(file.read_text(encoding="utf-8"))["packages"].items():
            if place:
                name = place.rpartition("node_modules/")[2]
                licence = str(entry.get("license") or UNKNOWN)
                yield Dependency("npm", name, entry["version"], licence, (), (file.parent.name,))


def recognise(paths: Iterable[Path]) -> dict[Path, list[str]]:
    """Return the SPDX identifiers in each file; raises ToolError and CalledProcessError."""
    # Nine of ten are the text of another module's but for who holds the copyright and where lines
    # break, which the classifier passes over: each text is looked at once.
    texts: dict[str, list[Path]] = {}
    for path in sorted(set(paths)):
        text = _HOLDER.sub("", path.read_text(encoding="utf-8", errors="replace"))
        texts.setdefault(" ".join(text.split()), []).append(path)
    names = [str(same[0]) for same in texts.values()]
    done = subprocess.run(
        [tools.build("licences")],
        input="".join(f"{name}\n" for name in names),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    recognised = {Path(answer["path"]): answer["licences"] for answer in answers}
    return {path: recognised[same[0]] for same in texts.values() for path in same}
