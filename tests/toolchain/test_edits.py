"""Changes to the source of modules, as Go builds with them."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from toolchain import edits, tools

ENVIRONMENT = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-mod=readonly"}
PROGRAM = """
package main

import (
	"fmt"
	"os"

	one "github.com/ccojocar/zxcvbn-go"
	other "github.com/nbutton23/zxcvbn-go"
)

func main() {
	for _, each := range os.Args[1:] {
		a, b := one.PasswordStrength(each, nil), other.PasswordStrength(each, nil)
		fmt.Println(each, a.Entropy, a.Score, b.Entropy, b.Score)
	}
}
"""
VALUES = ("true", "password", "eu-central-1", "ghp_16C7e42F292c6912E7", "correct horse", "")


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A program that asks both lists, which it requires as the engine does."""
    root = tmp_path / "program"
    root.mkdir()
    pinned = (tools.ROOT / "tools/pulumi/go.mod").read_text().splitlines()
    wanted = [line.split(" //")[0].strip() for line in pinned if "/zxcvbn-go v" in line]
    (root / "go.mod").write_text(
        "module program\n\ngo 1.26\n\nrequire (\n" + "".join(f"\t{x}\n" for x in wanted) + ")\n"
    )
    sums = (tools.ROOT / "tools/pulumi/go.sum").read_text().splitlines(keepends=True)
    (root / "go.sum").write_text("".join(line for line in sums if "/zxcvbn-go v" in line))
    (root / "main.go").write_text(PROGRAM)
    return root


def run(root: Path, *options: str, trace: bool = False) -> subprocess.CompletedProcess[str]:
    binary = root.parent / "binary"
    command = ["go", "build", *options, "-o", str(binary), "."]
    subprocess.run(command, cwd=root, env=ENVIRONMENT, check=True)
    traced = {**ENVIRONMENT, "GODEBUG": "inittrace=1"} if trace else ENVIRONMENT
    command = [str(binary), *VALUES]
    return subprocess.run(command, env=traced, check=True, capture_output=True, text=True)


def taken(packages: str, traced: str) -> int:
    """Return how many bytes the start of packages takes."""
    lines = re.findall(rf"^init {packages}\S* .* (\d+) bytes", traced, re.MULTILINE)
    return sum(map(int, lines))


def test_an_engine_with_its_lists_read_when_asked_judges_as_one_that_reads_them_at_its_start(
    module: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "edited"
    folder.mkdir()
    made = edits.write(edits.PASSWORDS_WHEN_ASKED, folder, module, ENVIRONMENT)
    published, edited = run(module, trace=True), run(module, "-modfile", str(made), trace=True)
    assert edited.stdout == published.stdout
    assert len(set(published.stdout.splitlines())) == len(VALUES)
    for name in {edit.module for edit in edits.PASSWORDS_WHEN_ASKED}:
        assert taken(f"{name}/frequency", published.stderr) > 5_000_000
        assert taken(name, edited.stderr) < 1_000_000


def started(binary: Path, log: Path) -> str:
    """Return what a program says of the start of its packages, until it says something else."""
    traced = {**os.environ, "GODEBUG": "inittrace=1"}
    with log.open("w") as file:
        process = subprocess.Popen(
            [binary, "version"], env=traced, stdout=subprocess.PIPE, stderr=file
        )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline()
        # A plugin serves from here on.
        process.kill()
    return log.read_text()


def test_no_schema_is_compiled_at_a_start_and_the_engine_still_asks_that_of_packages(
    tmp_path: Path,
) -> None:
    engine, plugin = map(tools.build, ("pulumi", "pulumi-resource-kubernetes"))
    package = "github.com/pulumi/pulumi/pkg/v3"
    starts = [started(each, tmp_path / "log") for each in (engine, plugin)]
    # Of 3.3 and 2.1 MB as published.
    assert all(0 < taken(f"{package}/codegen/schema", each) < 500_000 for each in starts)
    assert 0 < taken(f"{package}/resource/stack", starts[0]) < 500_000
    schema = tmp_path / "schema.json"
    for content, said in (('{"name": "x"}', ""), ('{"name": "0"}', "#/name: does not match")):
        schema.write_text(content)
        command = [engine, "schema", "check", schema]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert bool(done.returncode) == bool(said), done.stderr
        assert said in done.stderr


def test_a_text_that_is_not_there_is_named(module: Path, tmp_path: Path) -> None:
    edit = edits.SourceEdit("github.com/ccojocar/zxcvbn-go", "zxcvbn.go", "func Gone()", "")
    with pytest.raises(edits.EditError, match=r"zxcvbn.go of github.com/ccojocar.*has 0 times"):
        edits.write([edit], tmp_path, module, ENVIRONMENT)


def test_a_module_that_is_not_to_be_had_is_named(module: Path, tmp_path: Path) -> None:
    edit = edits.SourceEdit("example.com/gone", "gone.go", "", "")
    with pytest.raises(edits.EditError, match=r"go mod download example.com/gone: .*gone"):
        edits.write([edit], tmp_path, module, {**ENVIRONMENT, "GOPROXY": "off"})


def test_a_tool_with_other_edits_is_another_tool() -> None:
    plain, edited = (
        tools.Tool("pulumi", "main", edits=each) for each in ((), edits.PASSWORDS_WHEN_ASKED)
    )
    assert plain.digest() != edited.digest()
    assert set(tools.TOOLS["pulumi"].edits) > set(edits.PASSWORDS_WHEN_ASKED)


def test_the_modules_may_be_in_any_folder(module: Path, tmp_path: Path) -> None:
    folder = tmp_path / 'John\'s "caf\u00e9" \U0001f40d folder'
    folder.mkdir()
    made = edits.write(edits.PASSWORDS_WHEN_ASKED, folder, module, ENVIRONMENT)
    done = subprocess.run(
        ["go", "mod", "edit", "-json", str(made)], env=ENVIRONMENT, check=True, capture_output=True
    )
    replaced = [each["New"]["Path"] for each in json.loads(done.stdout)["Replace"]]
    assert replaced == [str(folder / "0"), str(folder / "1")]
