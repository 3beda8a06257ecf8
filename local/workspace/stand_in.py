"""Stands in for a running workspace: a home, an agent's environment, Boundary and Claude Code.

The processes are real ones of this machine, in a folder of their own. In place of a pod each
workspace has an address of its own on the loopback interface. Boundary is `boundary.py` here, or
the program that LOCAL_WORKSPACE_BOUNDARY names, whose audit goes nowhere; Claude Code is a process
that waits.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from components.expansion import expanded
from local.workspace import names

_ROOT: Final = Path(__file__).resolve().parents[2]
# Where module 4 is called, which starts Claude Code; module 5 starts nothing.
_MODULE_4: Final = "claude_code_4.tf"
_START_SECONDS: Final = 10.0
_END_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.05

_CLAUDE: Final = """\
#!/bin/sh
# Stands in for Claude Code: it waits, as one that nobody talks to does.
[ "$1" = --version ] && { echo "0.0.0 (stand-in for Claude Code)"; exit; }
echo "stand-in for Claude Code"
while :; do sleep 1; done
"""
# In place of a name server that knows the access URL's host; Boundary's stand-in does the same. And
# of GitHub, for a template that fetches Boundary's release itself.
_CURL: Final = """\
#!/bin/sh
for address; do :; done
case $address in https://github.com/coder/boundary/releases/*)
  while [ "$1" != -o ]; do shift; done
  exec cp "{release}" "$2"
esac
[ -n "$http_proxy" ] && exec {curl} "$@"
exec {curl} --connect-to "${{LOCAL_WORKSPACE_CODERD%%=*}}:${{LOCAL_WORKSPACE_CODERD#*=}}" "$@"
"""
_HOSTNAME: Final = """\
#!/bin/sh
case $1 in -I | -i) echo "$LOCAL_WORKSPACE_ADDRESS" ;; *) echo workspace ;; esac
"""


@dataclass(frozen=True)
class AgentAccess:
    """Where a workspace reaches coderd, and as whom.

    Attributes:
        access_url: the URL that it knows.
        url: where that ends on this machine.
        token: a session token of the workspace's owner.
    """

    access_url: str
    url: str
    token: str = field(repr=False)


class StandInWorkspace:
    """One workspace's folder and processes.

    Args:
        folder: everything of it; its name is the workspace's id.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.audit = folder / "audit.jsonl"
        self.audit_socket = folder / "audit.sock"

    @property
    def address(self) -> str:
        """What stands for the pod's IP address."""
        digest = hashlib.sha256(self.folder.name.encode()).digest()
        return f"127.{64 + digest[0] % 64}.{digest[1]}.{1 + digest[2] % 254}"

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped since."""
        return (self.folder / "environment.json").exists() and next(self._processes(), 0) != 0

    def start(
        self, files: Mapping[str, bytes], variables: Mapping[str, str], coderd: AgentAccess
    ) -> None:
        """Lay it out as the template says, and start Claude Code if its module does.

        Args:
            files: the template version's.
            variables: the version's Terraform variables.
            coderd: where it reaches coderd, and as whom.
        """
        self.stop()
        confined = variables.get("firewall") == "true"
        programs = self.folder / "bin"
        for folder in (self.home, programs, self.folder / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        _make_socket(self.audit_socket)
        _write(programs / "claude", _CLAUDE)
        _write(programs / "hostname", _HOSTNAME)
        release = self.folder / "boundary.tar.gz"
        curl = _CURL.format(curl=shutil.which("curl") or "/usr/bin/curl", release=release)
        _write(programs / "curl", curl)
        # A login shell begins with a PATH of the system's own.
        (self.home / ".profile").write_text(f'PATH="{programs}:$PATH"\n')
        starts_claude = _MODULE_4 in files
        if confined and starts_claude:
            _write(programs / "boundary", _boundary())
        elif confined:
            _pack(release, "boundary-linux-any", _boundary())
        environment = self._environment(files, confined, coderd)
        kept = self.folder / "environment.json"
        kept.touch(mode=0o600)
        kept.write_text(json.dumps(environment))
        if confined:
            _run_policy_scripts(files, variables, environment)
        if not confined or not starts_claude:
            # Workspaces of this machine see each other's processes, which those of pods do not.
            return
        command = ["boundary", "--", "claude"]
        with (self.folder / "claude.log").open("ab") as log:
            started = subprocess.Popen(
                command,
                cwd=self.home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                executable=str(programs / command[0]),
            )
        # An agent is ready when its scripts have ended: module 4's has started Claude Code then.
        deadline = time.monotonic() + _START_SECONDS
        while started.poll() is None and not self._claude_runs() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)

    def environment(self) -> dict[str, str]:
        """What a session of its agent has; raises FileNotFoundError when it was never started."""
        return dict(json.loads((self.folder / "environment.json").read_text()))

    def stop(self) -> None:
        """End its processes and wait for them."""
        deadline = time.monotonic() + _END_SECONDS
        while processes := list(self._processes()):
            late = time.monotonic() > deadline
            # A shell that is typed into ends by the signal of its terminal's end alone.
            signals = (signal.SIGKILL,) if late else (signal.SIGTERM, signal.SIGHUP)
            for pid, each in product(processes, signals):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, each)
            time.sleep(_POLL_SECONDS)

    def remove(self) -> None:
        """End its processes and forget its home."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _claude_runs(self) -> bool:
        for pid in self._processes():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == "claude":
                    return True
        return False

    def _processes(self) -> Iterator[int]:
        mark = f"{names.FOLDER}={self.folder}".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                environment = (entry / "environ").read_bytes()
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if mark in environment.split(b"\0") and state not in ("Z", "X"):
                yield int(entry.name)

    def _environment(
        self, files: Mapping[str, bytes], confined: bool, coderd: AgentAccess
    ) -> dict[str, str]:
        given = json.loads(files.get("agent_env.json", b"{}"))
        config = self.home / ".config" / "coder_boundary" / "config.yaml"
        own = {"HOME": str(self.home), "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}
        set_ = {name: expanded(entry.get("value", ""), own) for name, entry in given.items()}
        return {
            **set_,
            "CLAUDE_API_KEY" if _MODULE_4 in files else "ANTHROPIC_AUTH_TOKEN": coderd.token,
            "ANTHROPIC_BASE_URL": f"{coderd.access_url}/api/v2/aibridge/anthropic",
            **({"BOUNDARY_CONFIG": str(config)} if confined else {}),
            "HOME": str(self.home),
            "USER": os.environ.get("USER", "coder"),
            "SHELL": "/bin/sh",
            "LANG": "C.UTF-8",
            # The agent puts the folder of its scripts first for every session.
            "CODER_SCRIPT_BIN_DIR": str(self.folder / "scripts"),
            "PATH": f"{self.folder / 'scripts'}:{set_.get('PATH', own['PATH'])}",
            "TMPDIR": str(self.folder / "tmp"),
            names.FOLDER: str(self.folder),
            names.ADDRESS: self.address,
            names.AUDIT: str(self.audit),
            names.AUDIT_SOCKET: str(self.audit_socket),
            names.CODERD: f"{urlsplit(coderd.access_url).netloc}={urlsplit(coderd.url).netloc}",
        }


def _boundary() -> str:
    real = os.environ.get(names.BOUNDARY)
    if real:
        return f'#!/bin/sh\nexec "{real}" "$@"\n'
    stand_in = f'"{sys.executable}" -m local.workspace.boundary "$@"'
    return f'#!/bin/sh\nPYTHONPATH="{_ROOT}" exec {stand_in}\n'


def _run_policy_scripts(
    files: Mapping[str, bytes], variables: Mapping[str, str], environment: Mapping[str, str]
) -> None:
    """Run what boundary.tf makes of the template's scripts; managed settings are left out."""
    policy = files["boundary.yaml"]
    installs = _MODULE_4 not in files
    wrapper = (
        files["claude_in_jail.sh"]
        .replace(b"@POLICY_SHA256@", hashlib.sha256(policy).hexdigest().encode())
        .replace(b"@SETTINGS_SHA256@", b"")
    )
    put = (
        files["put_claude_in_jail.sh"]
        .replace(b"@WRAPPER_BASE64@", base64.b64encode(wrapper))
        .replace(b"@RECORD_NAME@", b".boundary" if installs else b"")
        .replace(b"@OWN_CLAUDE@", b"")
    )
    release = f"boundary_release='{variables.get('boundary_version', '')}'\n".encode()
    script = b"\n".join(
        [
            put,
            *([release + files["install_programs.sh"]] if installs else []),
            files["write_boundary_config.sh"].replace(b"@CONFIG_BASE64@", base64.b64encode(policy)),
        ]
    )
    subprocess.run(["bash", "-s"], input=script, env=environment, check=True, capture_output=True)


def _make_socket(path: Path) -> None:
    """Leave a socket where the agent has its own; lines go past it, into a file."""
    path.unlink(missing_ok=True)
    # By its folder's number: a socket's path may have no more than 107 characters.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def _pack(archive: Path, name: str, text: str) -> None:
    """Write an archive as Boundary's makers release it: one program."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(text.encode()), 0o755
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(member, io.BytesIO(text.encode()))


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
