"""Changes to the source of a required module that a tool is built with."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class EditError(RuntimeError):
    """A module cannot be had, or has not the text that is to be replaced."""


@dataclass(frozen=True)
class SourceEdit:
    """A text that stands once in a module's file, and what takes its place."""

    module: str
    file: str
    old: str
    new: str


def _lazy(module: str) -> tuple[SourceEdit, ...]:
    matching, frequency = "matching/matching.go", "frequency/frequency.go"
    return (
        SourceEdit(module, matching, "func init() {\n\tloadFrequencyList()\n}\n", ""),
        # What asks for a match loads what is not loaded yet: so it is published.
        SourceEdit(
            module,
            matching,
            "\t\tloadFrequencyList()\n",
            "\t\tfrequency.Load()\n\t\tloadFrequencyList()\n",
        ),
        SourceEdit(module, frequency, "func init() {", "func Load() {"),
    )


PASSWORDS_WHEN_ASKED = tuple(
    edit
    for module in ("github.com/ccojocar/zxcvbn-go", "github.com/nbutton23/zxcvbn-go")
    for edit in _lazy(module)
)
"""The engine reads two lists of 85,000 common passwords and names whenever it starts, which takes
half of its start (GODEBUG=inittrace=1, pulumi 3.259): `config set` tells by them whether a value
looks like a secret. With these they are read when it asks."""


def _once(file: str, last: str, use: str) -> tuple[SourceEdit, ...]:
    """Have a file's schemas compiled before their first use, not when the program starts."""
    module = "github.com/pulumi/pulumi/pkg/v3"
    begin, end = "{\n\tcompiler := jsonschema.NewCompiler()\n", f"\t{last}\n}}"
    return (
        SourceEdit(module, file, '\t"strings"\n', '\t"strings"\n\t"sync"\n'),
        SourceEdit(
            module, file, f"func init() {begin}", f"var compileOnce = sync.OnceFunc(func() {begin}"
        ),
        SourceEdit(module, file, end, f"{end})"),
        SourceEdit(module, file, f"\t{use}", f"\tcompileOnce()\n\t{use}"),
    )


PACKAGES_WHEN_READ = _once(
    "codegen/schema/bind.go",
    'MetaSchema = compiler.MustCompile("blob://pulumi.json")',
    "if err = MetaSchema.Validate(raw);",
)
"""The schema of packages' schemas, which the engine and pulumi-kubernetes compile whenever they
start, in a fifth of the latter's start."""

ENGINE = (
    *PASSWORDS_WHEN_ASKED,
    *PACKAGES_WHEN_READ,
    # None of its commands asks whether a state is one.
    *_once(
        "resource/stack/deployment.go",
        "propertyValueSchema = compiler.MustCompile(apitype.PropertyValueSchemaID)",
        "return deploymentSchema.Validate(raw)",
    ),
)


def write(
    edits: Sequence[SourceEdit], folder: Path, root: Path, environment: Mapping[str, str]
) -> Path:
    """Write the edited modules and a go.mod that takes them, for `go build -modfile`.

    Args:
        edits: of modules that the one at `root` requires.
        folder: where they are put, and go.mod with its go.sum.
        root: the folder of the module that is built.
        environment: of the command `go`.

    Returns the path of the new go.mod.

    Raises:
        EditError: a module cannot be had, or a text does not stand there exactly once.
    """
    lines = [(root / "go.mod").read_text(encoding="utf-8")]
    for number, module in enumerate(dict.fromkeys(edit.module for edit in edits)):
        copy = folder / str(number)
        # Those of the module cache are there to be read alone.
        shutil.copytree(_source(module, root, environment), copy, copy_function=shutil.copyfile)
        for path in (copy, *copy.rglob("*/")):
            path.chmod(0o755)
        if not (copy / "go.mod").exists():
            (copy / "go.mod").write_text(f"module {module}\n", encoding="utf-8")
        for edit in edits:
            if edit.module == module:
                _apply(edit, copy)
        # A string of Go's, for the folder of temporary files may have a space.
        lines.append(f"replace {module} => {json.dumps(str(copy), ensure_ascii=False)}\n")
    made = folder / "go.mod"
    made.write_text("\n".join(lines), encoding="utf-8")
    shutil.copyfile(root / "go.sum", folder / "go.sum")
    return made


def _apply(edit: SourceEdit, copy: Path) -> None:
    path = copy / edit.file
    text = path.read_text(encoding="utf-8")
    if (count := text.count(edit.old)) != 1:
        raise EditError(f"{edit.file} of {edit.module} has {count} times {edit.old!r}")
    path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")


def _source(module: str, root: Path, environment: Mapping[str, str]) -> Path:
    done = subprocess.run(
        ["go", "mod", "download", "-json", module],
        cwd=root,
        env=dict(environment),
        check=False,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    try:
        found = json.loads(done.stdout)
    except ValueError:
        found = {"Error": done.stderr.strip()}
    if "Dir" not in found:
        raise EditError(f"go mod download {module}: {found.get('Error', 'no folder')}")
    return Path(found["Dir"])
