"""The script that puts Boundary and Claude Code there, run for real; a curl serves files."""

import hashlib
import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.workspace_template.source import SOURCE
from tests.components.workspace_template.sessions import write_program

URL = "https://files.example.gov/{}"
RELEASES = "https://github.com/coder/boundary/releases"
CURL = """\
#!/bin/bash
# Serves files by the last part of an address, and says which were asked for.
for address; do :; done
echo "$address" >> "{folder}/asked"
while [[ $1 != -o ]]; do shift; done
cp "{folder}/served/${{address##*/}}" "$2" 2> /dev/null || exit 22
"""


@dataclass
class Place:
    """A workspace of which only the programs matter."""

    folder: Path

    def serve(self, name: str, content: bytes) -> str:
        """Put a file at an address; returns its sha256."""
        (self.folder / "served" / name).write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    def run(self, **said: str) -> subprocess.CompletedProcess[str]:
        text = "".join(f"{name}='{value}'\n" for name, value in said.items())
        return subprocess.run(
            ["bash", "-s"],
            input=text + (SOURCE / "install_programs.sh").read_text(),
            env={
                "HOME": str(self.home),
                "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
                "CODER_SCRIPT_BIN_DIR": str(self.scripts),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def scripts(self) -> Path:
        return self.folder / "a pod's scripts"

    @property
    def asked(self) -> list[str]:
        asked = self.folder / "asked"
        return asked.read_text().splitlines() if asked.exists() else []

    @property
    def record(self) -> str:
        return (self.scripts / ".boundary").read_text()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for name in ("home", "served", "bin"):
        (tmp_path / name).mkdir()
    write_program(tmp_path / "bin" / "curl", CURL.format(folder=tmp_path))
    return Place(tmp_path)


def archive(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return made.getvalue()


def recorded(content: bytes, path: Path) -> str:
    return f"{hashlib.sha256(content).hexdigest()}  {path}\n"


@pytest.mark.parametrize(
    ("release", "address"),
    [("v0.9.0", f"{RELEASES}/download/v0.9.0/"), ("latest", f"{RELEASES}/latest/download/")],
)
@pytest.mark.parametrize(
    ("machine", "platform"),
    [("x86_64", "linux-amd64"), ("aarch64", "linux-arm64")],
)
def test_a_release_is_fetched_from_its_makers(
    place: Place, release: str, address: str, machine: str, platform: str
) -> None:
    write_program(place.folder / "bin" / "uname", f"#!/bin/sh\necho {machine}\n")
    place.serve(f"boundary-{platform}.tar.gz", archive(f"boundary-{platform}", b"#!/bin/sh\n"))
    done = place.run(boundary_release=release)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert place.asked == [f"{address}boundary-{platform}.tar.gz"]
    program = place.scripts / "boundary"
    assert (program.read_bytes(), program.stat().st_mode & 0o777) == (b"#!/bin/sh\n", 0o755)
    assert place.record == recorded(b"#!/bin/sh\n", program)
    # The second script of a start finds it there.
    assert place.run(boundary_release=release).returncode == 0
    assert len(place.asked) == 1
    # What somebody put in its place is replaced.
    program.write_text("another")
    assert place.run(boundary_release=release).returncode == 0
    assert program.read_bytes() == b"#!/bin/sh\n"
    assert list(place.home.rglob("kept")) == []


@pytest.mark.parametrize("packed", [True, False])
def test_one_of_an_address_is_kept_in_the_home_by_its_sha256(place: Place, packed: bool) -> None:
    content = archive("b/boundary", b"program") if packed else b"program"
    said = {"boundary_url": URL.format("b"), "boundary_sha256": place.serve("b", content)}
    assert place.run(**said).returncode == 0
    assert (place.scripts / "boundary").read_bytes() == b"program"
    # Another pod with the same home.
    for each in place.scripts.iterdir():
        each.unlink()
    assert place.run(**said).returncode == 0
    assert place.record == recorded(b"program", place.scripts / "boundary")
    assert place.asked == [URL.format("b")]
    (kept,) = (place.home / ".local/share/firewalled-coder/kept").iterdir()
    # What is kept is looked at before it is used, and another one takes its place.
    kept.write_text("planted")
    for each in place.scripts.iterdir():
        each.unlink()
    assert place.run(**said).returncode == 0
    assert (place.scripts / "boundary").read_bytes() == b"program"
    other = {"boundary_url": URL.format("c"), "boundary_sha256": place.serve("c", b"newer")}
    assert place.run(**other).returncode == 0
    assert (place.scripts / "boundary").read_bytes() == b"newer"
    assert [each.name for each in kept.parent.iterdir()] == [f"boundary-{other['boundary_sha256']}"]


def test_one_of_the_image_is_told_by_what_it_is(place: Place) -> None:
    program = place.folder / "opt" / "boundary"
    write_program(program, "#!/bin/sh\n")
    assert place.run(boundary_path=str(program)).returncode == 0
    assert place.record == recorded(b"#!/bin/sh\n", program)
    assert (place.scripts / "boundary").resolve() == program
    assert place.asked == []


def test_claude_code_of_an_address(place: Place) -> None:
    sha256 = place.serve("claude", b"claude")
    done = place.run(claude_url=URL.format("claude"), claude_sha256=sha256)
    assert done.returncode == 0
    program = place.home / ".local/share/firewalled-coder/programs/claude"
    assert (program.read_bytes(), program.stat().st_mode & 0o111) == (b"claude", 0o111)
    assert not (place.scripts / ".boundary").exists()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"boundary_path": "/nowhere/boundary"}, "the image has no program /nowhere/boundary"),
        (
            {"boundary_url": URL.format("gone"), "boundary_sha256": "0" * 64},
            f"{URL.format('gone')} cannot be fetched",
        ),
        (
            {"boundary_url": URL.format("other"), "boundary_sha256": "0" * 64},
            f"{URL.format('other')} is not the file whose sha256 is {'0' * 64}",
        ),
        ({"boundary_release": "v0.0.0"}, "cannot be fetched"),
    ],
)
def test_one_line_says_why_there_is_none(place: Place, said: dict[str, str], why: str) -> None:
    place.serve("other", b"other")
    done = place.run(**said)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("not installed: ")
    assert why in line
    assert not (place.scripts / ".boundary").exists()
    assert not (place.scripts / "boundary").exists()


def test_an_archive_without_the_program(place: Place) -> None:
    sha256 = place.serve("x.tar.gz", archive("readme", b""))
    done = place.run(boundary_url=URL.format("x.tar.gz"), boundary_sha256=sha256)
    assert (done.returncode, done.stderr) == (
        1,
        f"not installed: {URL.format('x.tar.gz')} holds no boundary\n",
    )
