"""What Boundary is asked in its contract, and how its answers are made comparable.

`python -m tests.local.workspace.boundary_cases BOUNDARY > runs.jsonl` records a real one.
"""

import http.server
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RULES = ("domain=127.0.0.1", "method=GET domain=only-get.test", "domain=nowhere.invalid")


@dataclass(frozen=True)
class Case:
    """One start of Boundary.

    Attributes:
        name: what it shows.
        arguments: flags; PORT, TAKEN and HOME are filled in.
        command: a shell script that it runs, SERVER the address of a server that is allowed;
            None for no command.
        config: its file, None for none.
        variables: of its environment, besides HOME and PATH.
    """

    name: str
    arguments: Sequence[str] = ("--proxy-port=PORT",)
    command: str | None = "true"
    config: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


_CURL = "curl -q -s -i -m 2"

CASES = (
    Case("version", ("--version",), None),
    Case("no command", ("--proxy-port=PORT",), None),
    Case("no file", ("--config", "HOME/none.yaml")),
    Case("unknown key", config="allowlist: []\nbogus: 1\n"),
    Case("no YAML", config="allowlist: [\n"),
    Case("unknown flag", ("--bogus",)),
    Case("unknown jail", ("--jail-type", "x")),
    Case("port taken", ("--proxy-port=TAKEN",)),
    Case("exit status is lost", command="exit 7"),
    Case("no such program", command="exec /nosuch"),
    Case("an origin's own 403", command=f"{_CURL} http://SERVER/forbidden"),
    Case("an origin's own 200", command=f"{_CURL} http://SERVER/a?b=c"),
    Case("denied", command=f"{_CURL} http://denied.test/a?b=c"),
    Case("denied in a tunnel", command=f"{_CURL} https://denied.test/a?b=c"),
    Case("denied HEAD", command=f"{_CURL} -I http://denied.test/"),
    Case("denied HEAD in a tunnel", command=f"{_CURL} -I https://denied.test/"),
    Case("denied POST", command=f"{_CURL} -X POST -d x http://only-get.test/"),
    Case("dot segments stay", command=f"{_CURL} --path-as-is http://denied.test/a/../b"),
    Case("no upstream", command=f"{_CURL} http://nowhere.invalid/; echo $?"),
    Case("no upstream in a tunnel", command=f"{_CURL} https://nowhere.invalid/; echo $?"),
    Case("a port of the file is another's", config="proxy_port: 1\n"),
    Case(
        "bind",
        command="python3 -c 'import socket; socket.socket().bind((\"\", 0))' 2>&1 | tail -1",
    ),
    Case(
        "connect",
        command="python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", SERVERPORT))'"
        " 2>&1 | tail -1",
    ),
    Case("environment", command="env | grep -iE '^(child|.*proxy|.*_cert|.*ca.*)=' | sort"),
    Case("privileges", command="grep NoNewPrivs /proc/self/status"),
    Case(
        "programs above it",
        command="p=$PPID; while [ $p -gt 1 ] && grep -aq proxy-port /proc/$p/cmdline;"
        " do echo above; p=$(sed -n 's/^PPid:.//p' /proc/$p/status); done",
    ),
)  # fmt: skip
# Those that show how the whole start ends, or what is above the command, have one of their own.
ALIKE = tuple(
    case
    for case in CASES
    if case == Case(case.name, command=case.command)
    and case.command is not None
    and not case.command.startswith(("ex", "p="))
)


@dataclass(frozen=True)
class Answer:
    """What came of a case: everything that can be compared."""

    name: str
    status: int
    output: str
    errors: str
    log: str


def run(case: Case, boundary: Sequence[str]) -> Answer:
    """Start Boundary for a case."""
    status, texts, words = _started(case, boundary)
    return Answer(case.name, status, *(_comparable(text, words) for text in texts))


def run_alike(boundary: Sequence[str]) -> dict[str, Answer]:
    """Return the answers of all cases that differ by their command alone, from one start."""
    each = "; ".join(f"cat HOME/{file}; printf '\\0'" for file in ("output", "errors", "logs/*"))
    script = "".join(
        f"sh -c {shlex.quote(case.command or '')} > HOME/output 2> HOME/errors; {each}; "
        for case in ALIKE
    )
    status, (said, errors, _), words = _started(Case("", command=script), boundary)
    assert errors == ""
    texts = iter(said.split("\0"))
    answers = {}
    before: Counter[str] = Counter()
    for case, *streams, log in zip(ALIKE, texts, texts, texts, strict=False):
        logged = Counter(_decided(log))
        new = "".join(sorted((logged - before).elements()))
        before = logged
        comparable = (_comparable(text, words) for text in (*streams, new))
        answers[case.name] = Answer(case.name, status, *comparable)
    return answers


def _started(
    case: Case, boundary: Sequence[str]
) -> tuple[int, tuple[str, str, str], dict[str, str]]:
    """Start Boundary; return status, output, errors and log, and what to call what is in them."""
    with tempfile.TemporaryDirectory() as folder, _server() as server, socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        home = Path(folder)
        logs = home / "logs"
        words = {
            "SERVERPORT": str(server),
            "SERVER": f"127.0.0.1:{server}",
            "PORT": str(_free()),
            "TAKEN": str(taken.getsockname()[1]),
            "HOME": folder,
        }
        environment = {
            "HOME": folder,
            "XDG_CONFIG_HOME": f"{folder}/.config",
            "PATH": os.environ["PATH"],
            "BOUNDARY_JAIL_TYPE": "landjail",
            "CODER_AGENT_BOUNDARY_LOG_PROXY_SOCKET_PATH": f"{folder}/none.sock",
            "PYTHONPATH": str(Path(__file__).resolve().parents[3]),
            **case.variables,
        }
        if case.config is not None:
            (home / "config.yaml").write_text(case.config)
            environment["BOUNDARY_CONFIG"] = f"{folder}/config.yaml"
        rules = [each for rule in RULES for each in ("--allow", rule)]
        arguments = [_filled(each, words) for each in case.arguments]
        if "--version" not in arguments:
            arguments = ["--log-level=info", f"--log-dir={logs}", *rules, *arguments]
        command = [] if case.command is None else ["--", "sh", "-c", _filled(case.command, words)]
        done = subprocess.run(
            [*boundary, *arguments, *command],
            env=environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        log = "".join(sorted(_decided("".join(each.read_text() for each in logs.glob("*.log")))))
        words_back = {value: name for name, value in words.items() if name != "SERVER"}
        return done.returncode, (done.stdout, done.stderr, log), words_back


def _decided(log: str) -> Iterator[str]:
    for line in log.splitlines():
        # What it decides and refuses; how it goes about it is its own.
        if re.search(r"msg=(DENY|ALLOW) ", line):
            yield line + "\n"


def _filled(text: str, words: Mapping[str, str]) -> str:
    for name, value in words.items():
        text = re.sub(rf"(?<![A-Z$]){name}(?![A-Z_])", value, text)
    return text


def _comparable(text: str, words: Mapping[str, str]) -> str:
    for value, name in sorted(words.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(value, name)
    text = re.sub(r"time=\S+ ", "", text)
    # Each has a YAML library of its own.
    text = re.sub(r"(decoding yaml: ).*", r"\1...", text)
    # Go and Python order headers, and date them, each in its own way.
    text = re.sub(r"(?m)^(Date|Server): .*\n", "", text.replace("\r", ""))
    return re.sub(
        r"(?m)^(HTTP/1\.1 \d+.*\n)((?:[\w-]+: .*\n)+)",
        lambda found: found[1] + "".join(sorted(found[2].splitlines(keepends=True))),
        text,
    )


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"{self.command} {self.path}\n".encode()
        self.send_response(403 if self.path == "/forbidden" else 200)
        self.send_header("Content-Type", "text/x-origin")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def _server() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Record the Boundary of the command line."""
    for case in CASES:
        print(json.dumps(vars(run(case, shlex.split(sys.argv[1]))), ensure_ascii=False))


if __name__ == "__main__":
    main()
