"""A workspace's folder in which the template's `claude` is put and called for real.

Around it are a Claude Code that does as its first argument says, and a Boundary: one that records
what it is given and confines nothing, or a real one where it is at hand.
"""

import base64
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from components.workspace_template.source import SOURCE

MANAGED_SETTINGS: Final = Path("/etc/claude-code/managed-settings.d/10-coder.json")
"""Where module 5 of Coder's registry writes those of Claude Code, and the template with both."""

SHEBANG: Final = "#!/bin/bash -p\n"
"""What the script of the policies begins with, whichever parts follow."""

_ROOT: Final = Path(__file__).resolve().parents[3]

REAL: Final = os.environ.get("LOCAL_WORKSPACE_BOUNDARY") or shutil.which("boundary")
"""A real Boundary, for whoever has one and a kernel with Landlock."""

CLAUDE: Final = """\
#!/bin/bash
echo called >> "{folder}/calls"
case $1 in
  exit) exit "$2" ;;
  arguments) printf '%s\\0' "$@" ;;
  streams) cat; echo to-errors >&2 ;;
  variable) printf '%s\\n' "${{!2-unset}}" ;;
  nested) shift; claude "$@" ;;
  privileges) grep NoNewPrivs /proc/self/status ;;
  connect) (exec 2>&1; : <> "/dev/tcp/127.0.0.1/$2") ;;
  ask) exec 3<> "/dev/tcp/localhost/${{HTTPS_PROXY##*:}}"
    printf 'GET http://denied.test/ HTTP/1.1\r\nHost: denied.test\r\nConnection: close\r\n\r\n' >&3
    cat <&3 | head -n 1 ;;
  wait)
    for signal in HUP INT QUIT TERM USR1 USR2; do
      trap "echo $signal; n=\\$((n + 1))" "$signal"
    done
    trap 'echo TERM; exit 43' TERM
    echo ready
    for _ in {{1..300}}; do [[ $n == "$2" ]] && exit 42; sleep 0.02; done 2> /dev/null ;;
esac
"""

BOUNDARY: Final = """\
#!/bin/bash
# Takes what the real one takes, and ends with 0 whatever its command ends with, as that does.
printf '%s\\0' "$@" > "{folder}/given-$$"
env -0 > "{folder}/variables-$$"
if [[ -s "{folder}/says" ]]; then
  head -n 1 "{folder}/says" >&2
  sed -i 1d "{folder}/says"
  exit 1
fi
while [[ $1 != -- ]]; do shift; done
"${{@:2}}"
exit 0
"""


def put_script(
    policy: bytes, settings: bytes | None = None, *, installed: bool = False, own: str = ""
) -> str:
    """What the HCL makes of the files; test_terraform.py holds it to the same.

    Args:
        policy: Boundary's.
        settings: the managed settings of Claude Code, None for none.
        installed: whether the template puts Boundary there itself.
        own: the stack's own Claude Code, empty for the one that is found.
    """
    wrapper = (SOURCE / "claude_in_jail.sh").read_bytes()
    wrapper = wrapper.replace(b"@POLICY_SHA256@", sha256(policy).hexdigest().encode())
    digest = b"" if settings is None else sha256(settings).hexdigest().encode()
    wrapper = wrapper.replace(b"@SETTINGS_SHA256@", digest)
    put = (SOURCE / "put_claude_in_jail.sh").read_text()
    put = put.replace("@WRAPPER_BASE64@", base64.b64encode(wrapper).decode())
    put = put.replace("@RECORD_NAME@", ".boundary" if installed else "")
    return put.replace("@OWN_CLAUDE@", own)


def watch_script(policy: bytes) -> str:
    """What the agent runs once a minute, of which test_terraform.py holds the HCL to the same."""
    parts = ("root_path", "jail_state", "jail_audit", "jail_watch")
    text = "\n".join(["#!/bin/sh", *((SOURCE / f"{each}.sh").read_text() for each in parts)])
    return text.replace("@POLICY_SHA256@", sha256(policy).hexdigest())


def stat_script(command: str) -> str:
    """What the agent runs to tell of the workspace, where it has a firewall; likewise."""
    parts = [(SOURCE / f"{each}.sh").read_text() for each in ("root_path", "workspace_stat")]
    return "\n".join(["#!/bin/sh", *parts, command])


@dataclass
class Sessions:
    """The workspace.

    Args:
        folder: everything of it.
        boundary: a real Boundary's path, None for one that records.
    """

    folder: Path
    boundary: str | None = None
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        self.first = self.folder / "scripts"
        self.programs = self.folder / "programs"
        self.claude = self.home / ".local" / "bin" / "claude"
        for each in (self.first, self.programs, self.claude.parent, self.folder / "tmp"):
            each.mkdir(parents=True)
        # In a folder of its own: a socket's path may have no more than 107 characters.
        self.agent = Path(tempfile.mkdtemp())
        self.audit = self.agent / "audit.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.audit))
        self.config = self.folder / "the policy.yaml"
        self.config.write_text(
            f"allowlist:\n- domain=allowed.test\nlog_dir: {self.folder}/logs\n"
            "proxy_port: 8087\njail_type: landjail\n"
        )
        write_program(self.claude, CLAUDE.format(folder=self.folder))
        if self.boundary is None:
            write_program(self.programs / "boundary", BOUNDARY.format(folder=self.folder))
        else:
            (self.programs / "boundary").symlink_to(self.boundary)

    @property
    def variables(self) -> dict[str, str]:
        """What an agent gives its sessions."""
        return {
            "HOME": str(self.home),
            "PATH": f"{self.first}:{self.programs}:/usr/bin:/bin:{self.claude.parent}",
            "TMPDIR": str(self.folder / "tmp"),
            "XDG_CONFIG_HOME": str(self.folder / "xdg"),
            "BOUNDARY_CONFIG": str(self.config),
            "BOUNDARY_JAIL_TYPE": "landjail",
            "CODER_SCRIPT_BIN_DIR": str(self.first),
            "CODER_AGENT_BOUNDARY_LOG_PROXY_SOCKET_PATH": str(self.audit),
        }

    def put(self) -> subprocess.CompletedProcess[str]:
        """Run what a start of the workspace runs."""
        return subprocess.run(
            ["bash", "-s"],
            input=put_script(self.config.read_bytes()),
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def run(
        self, *command: str, variables: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as a session does, to its end."""
        return subprocess.run(
            command,
            env=self.variables | dict(variables or {}),
            cwd=self.home,
            text=True,
            timeout=60,
            check=False,
            **({"capture_output": True, "stdin": subprocess.DEVNULL} | options),
        )

    def start(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command as a session does, and go on when Claude Code is ready."""
        process = subprocess.Popen(
            command,
            env=self.variables,
            cwd=self.home,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )
        self.started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    @property
    def calls(self) -> int:
        """How often Claude Code was started."""
        calls = self.folder / "calls"
        return len(calls.read_text().splitlines()) if calls.exists() else 0

    @property
    def given(self) -> list[list[str]]:
        """The arguments of each start of the Boundary that records."""
        files = sorted(self.folder.glob("given-*"), key=lambda file: file.stat().st_mtime_ns)
        return [file.read_text().split("\0")[:-1] for file in files]

    @property
    def given_variables(self) -> dict[str, str]:
        """The environment of its last start."""
        file = max(self.folder.glob("variables-*"), key=lambda file: file.stat().st_mtime_ns)
        return dict(each.split("=", 1) for each in file.read_text().split("\0")[:-1])

    def end(self) -> None:
        """End what was started and is still there."""
        shutil.rmtree(self.agent, ignore_errors=True)
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(self.folder) in command:
                until(lambda entry=entry: not kill(entry))  # type: ignore[misc]
        for process in self.started:
            process.kill()
            process.communicate()


def kill(entry: Path) -> bool:
    """Kill a process by its entry in /proc; returns whether it was there."""
    try:
        os.kill(int(entry.name), 9)
    except ProcessLookupError:
        return False
    return (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def confining(folder: Path) -> str:
    """Write a Boundary that confines by the kernel's Landlock as the real one does; its path."""
    program = folder / "confining" / "boundary"
    stand_in = f'"{sys.executable}" -m local.workspace.boundary "$@"'
    write_program(program, f'#!/bin/sh\nPYTHONPATH="{_ROOT}" exec {stand_in}\n')
    return str(program)


def write_program(path: Path, text: str) -> None:
    """Write an executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
