"""Builds the Go tools that no package index carries, each from its own pinned module in tools/.

A tool is built once a user and kept under `~/.cache/firewalled-coder` (`FIREWALLED_CODER_CACHE`
names another folder), in a folder named by the digest of its go.mod, go.sum and recipe: another
version is another folder, so two checkouts never disturb each other.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path

from toolchain import edits

ROOT = Path(__file__).resolve().parent.parent
PROGRESS_EVERY_SECONDS = 10.0
_HEAP = 3 << 30
"""What one compiler may use, in bytes, on a machine with room for a few of them."""

Progress = Callable[[str], None]


class ToolError(RuntimeError):
    """A tool is unknown, Go is missing, or the build failed; the message says what to do."""


@dataclass(frozen=True)
class Tool:
    """How one tool is built: the package of its main function, and the linker's settings.

    `folder` of `tools/` has its go.mod and go.sum; if not given, the folder of its name. `edits`
    are made to the source of modules that it requires.
    """

    name: str
    package: str
    variables: tuple[tuple[str, str], ...] = ()
    folder: str = ""
    edits: tuple[edits.SourceEdit, ...] = ()

    @property
    def module(self) -> Path:
        """The folder that holds the tool's go.mod and go.sum."""
        return ROOT / "tools" / (self.folder or self.name)

    @property
    def ldflags(self) -> str:
        """Linker flags: no symbol tables, and the variables stamped in."""
        return " ".join(["-s -w", *(f"-X {key}={value}" for key, value in self.variables)])

    def digest(self) -> str:
        """Return 16 hex digits that change when the recipe or any source of the module does."""
        digest = hashlib.sha256(f"{self.package} {self.ldflags} cgo=0".encode())
        if self.edits:
            digest.update(repr([astuple(each) for each in self.edits]).encode())
        for path in sorted(self.module.rglob("*")):
            if path.is_file():
                digest.update(path.relative_to(self.module).as_posix().encode() + b"\0")
                digest.update(path.read_bytes())
        return digest.hexdigest()[:16]


PULUMI_VERSION = "3.259.0"

TOOLS = {
    tool.name: tool
    for tool in (
        # Without the version stamped in, the Automation API refuses the binary.
        Tool(
            "pulumi",
            "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
            (("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version", PULUMI_VERSION),),
            edits=edits.ENGINE,
        ),
        *(
            Tool(name, f"k8s.io/kubernetes/cmd/{name}", folder="kubernetes")
            for name in ("kube-apiserver", "kube-controller-manager")
        ),
        Tool("etcd", "go.etcd.io/etcd/server/v3"),
        Tool("pulumi-resource-kubernetes", ".", edits=edits.PACKAGES_WHEN_READ),
        Tool("pulumi-sdkgen", "."),
        Tool(
            "pulumi-language-yaml",
            "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml",
            (("github.com/pulumi/pulumi-yaml/pkg/version.Version", "1.38.3"),),
        ),
        Tool("neturl", "."),
        Tool("goregexp", "."),
        Tool("kubeget", "."),
        Tool("licences", "."),
        Tool("promtool", "github.com/prometheus/prometheus/cmd/promtool"),
        Tool("promql", "."),
        Tool("cilium", "."),
        Tool("actionlint", "github.com/rhysd/actionlint/cmd/actionlint"),
        Tool("opentofu", "github.com/opentofu/opentofu/cmd/tofu"),
        Tool("terraform-provider-coder", "github.com/coder/terraform-provider-coder/v2"),
    )
}


built: list[tuple[str, float]] = []
"""What this process has built, and in how many seconds."""


def report(line: str) -> None:
    """Print one line of progress to standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def cache() -> Path:
    """Return the folder of the built tools."""
    named = os.environ.get("FIREWALLED_CODER_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "firewalled-coder"


def build(name: str, progress: Progress = report) -> Path:
    """Return the path of tool `name`, building it first when this user has not done so yet.

    Raises ToolError for a name outside TOOLS, a machine without Go, and a failed build.
    """
    if name not in TOOLS:
        raise ToolError(f"no tool named {name!r}; there are {', '.join(sorted(TOOLS))}")
    tool = TOOLS[name]
    binary = _place(tool)
    if binary.exists():
        return binary
    binary.parent.mkdir(parents=True, exist_ok=True)
    with (binary.parent.parent / "lock").open("w") as lock:
        # A second process waits here and then finds the binary of the first.
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"{name} is being built already: waiting for that")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            _compile(tool, binary, progress)
    return binary


def kept(name: str) -> Path | None:
    """Return the path of tool `name` if this user has built it; None if not, or if unknown."""
    if name not in TOOLS:
        return None
    binary = _place(TOOLS[name])
    return binary if binary.exists() else None


def _place(tool: Tool) -> Path:
    return cache() / f"{tool.name}-{tool.digest()}" / "bin" / tool.name


def _compile(tool: Tool, binary: Path, progress: Progress) -> None:
    go = shutil.which("go")
    if go is None:
        raise ToolError(f"Go is needed to build {tool.name}: install Go 1.26 or newer")
    unfinished = binary.with_name(f".{tool.name}.{os.getpid()}")
    # The linker strips what a debugger reads (-s -w), so the compiler need not write it.
    flags = ["-gcflags", "all=-dwarf=false", "-ldflags", tool.ldflags]
    environment = {
        **_heap(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")),
        **os.environ,
        "CGO_ENABLED": "0",
        "GOWORK": "off",
        "GOFLAGS": "-mod=readonly",
    }
    started = time.monotonic()
    progress(f"building {tool.name} (once; a few minutes on a machine that never built it)")
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output,
        tempfile.TemporaryDirectory() as edited,
    ):
        if tool.edits:
            try:
                modfile = edits.write(tool.edits, Path(edited), tool.module, environment)
            except edits.EditError as error:
                raise ToolError(f"{tool.name} cannot be built: {error}") from None
            flags += ["-modfile", str(modfile)]
        command = [go, "build", "-v", *flags, "-o", str(unfinished), tool.package]
        process = subprocess.Popen(
            command, cwd=tool.module, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        shown = started
        while True:
            try:
                code = process.wait(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                now = time.monotonic()
                if now - shown >= PROGRESS_EVERY_SECONDS:
                    shown = now
                    output_lines = _lines(output.fileno())
                    progress(
                        f"building {tool.name}: {output_lines} packages, {now - started:.0f} s"
                    )
        if code != 0:
            output.seek(0)
            tail = "".join(output.readlines()[-20:])
            unfinished.unlink(missing_ok=True)
            raise ToolError(f"{' '.join(command)} in {tool.module} failed:\n{tail}")
    unfinished.replace(binary)
    built.append((tool.name, time.monotonic() - started))
    progress(f"built {tool.name} in {built[-1][1]:.0f} s")


def _heap(memory: int) -> dict[str, str]:
    """Return how the compiler is to use the memory of a machine that has so many bytes of it.

    Generated packages are most of what is compiled, and without a garbage collector that takes a
    third less time. The largest has 2 GiB in use, so a limit below that would cost time.
    """
    return {"GOGC": "off", "GOMEMLIMIT": str(_HEAP)} if memory >= 5 * _HEAP else {}


def _lines(descriptor: int) -> int:
    """Count lines written so far, without moving the writer's position."""
    count, offset = 0, 0
    while chunk := os.pread(descriptor, 65536, offset):
        count += chunk.count(b"\n")
        offset += len(chunk)
    return count


if __name__ == "__main__":
    # A shell has what it runs in the background ignore interrupts, and that is inherited.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        for wanted in sys.argv[1:]:
            sys.stdout.write(f"{build(wanted)}\n")
    except ToolError as error:
        raise SystemExit(str(error)) from None
