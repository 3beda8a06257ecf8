"""Stands in for Coder Boundary 0.9.0 with its jail landjail: `boundary [flags] -- COMMAND...`.

It reads the same configuration, decides by the policy engine that is held to Boundary's own
decisions, answers and logs as Boundary does, and confines its command by the kernel's Landlock, as
Boundary does. nsjail it has not. What it gets wrong Boundary gets wrong too: the command's exit
status is lost, and its last batch of audit lines with it; a request may go to another host than it
is judged by (target.py).
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

from local.workspace import landlock
from local.workspace.names import ADDRESS, AUDIT, AUDIT_SOCKET, CODERD

if TYPE_CHECKING:
    from components.boundary import Policy

VERSION = "v0.9.0"

_BATCH_SECONDS = 5.0
_BATCH_SIZE = 10
_LEVELS = ("debug", "info", "warn", "error")
_FLAGS = {
    # flag: key in the file, variable, default
    "config": ("", "BOUNDARY_CONFIG", ""),
    "allow": ("", "BOUNDARY_ALLOW", ""),
    "log-level": ("log_level", "BOUNDARY_LOG_LEVEL", "warn"),
    "log-dir": ("log_dir", "BOUNDARY_LOG_DIR", ""),
    "proxy-port": ("proxy_port", "PROXY_PORT", "8080"),
    "jail-type": ("jail_type", "BOUNDARY_JAIL_TYPE", "nsjail"),
    "disable-audit-logs": ("disable_audit_logs", "DISABLE_AUDIT_LOGS", "false"),
    "log-proxy-socket-path": ("", AUDIT_SOCKET, "/tmp/boundary-audit.sock"),  # noqa: S108  the real one's default
}
_SWITCHES = {"disable-audit-logs"}
"""Flags that are on without a value."""
_KEYS = {key for key, _, _ in _FLAGS.values() if key} | {
    "allowlist", "pprof_enabled", "pprof_port", "use_real_dns", "no_user_namespace",
}  # fmt: skip


@dataclass
class BoundarySettings:
    """What it was started with: flag before variable before file before default."""

    values: dict[str, str]
    allow: list[str]
    command: list[str]
    rules: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        """The proxy's."""
        return int(self.values["proxy-port"])


class LogWriter:
    """Boundary's log: a line a message, `key=value`, as Go's slog writes it."""

    def __init__(self, level: str, directory: str) -> None:
        self._lowest = _LEVELS.index(level) if level in _LEVELS else 1
        self._file: IO[str] = sys.stderr
        self._lock = threading.Lock()
        if directory:
            Path(directory).mkdir(parents=True, exist_ok=True)
            name = f"boundary-{datetime.now(UTC):%Y-%m-%d_%H-%M-%S}-{os.getpid()}.log"
            # Open for as long as the process runs.
            self._file = Path(directory, name).open(  # noqa: SIM115
                "a", buffering=1, encoding="utf-8"
            )

    def say(self, level: str, message: str, **more: object) -> None:
        """Write a line."""
        if _LEVELS.index(level) < self._lowest:
            return
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        pairs = {"time": moment, "level": level.upper(), "msg": message, **more}
        line = " ".join(f"{key}={_quoted(str(value))}" for key, value in pairs.items())
        with self._lock:
            self._file.write(line + "\n")


class AuditSender:
    """Sends what was decided to the agent, ten at a time or after five seconds.

    Without the agent's socket it keeps a batch, and what comes after is lost.

    Args:
        path: the file that takes lines, empty to send none.
        socket: the agent's.
    """

    def __init__(self, path: str, socket: Path) -> None:
        self._path = path
        self._socket = socket
        self._waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        if path:
            threading.Thread(target=self._loop, daemon=True).start()

    def add(self, method: str, url: str, rule: str | None) -> None:
        """Take a decision; `rule` is the one that allowed."""
        moment = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        made = {"http_method": method, "http_url": url, "event_time": moment}
        self._waiting.put(made | ({} if rule is None else {"matched_rule": rule}))

    def _loop(self) -> None:
        while True:
            batch = [self._waiting.get()]
            deadline = time.monotonic() + _BATCH_SECONDS
            while len(batch) < _BATCH_SIZE and (left := deadline - time.monotonic()) > 0:
                try:
                    batch.append(self._waiting.get(timeout=left))
                except queue.Empty:
                    break
            while not self._socket.exists():
                time.sleep(_BATCH_SECONDS)
            with Path(self._path).open("a", encoding="utf-8") as file:
                file.write(json.dumps(batch) + "\n")


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the command in the jail; the exit status is 0 whatever the command's was."""
    if "--version" in arguments[: _end(arguments)]:
        print(VERSION)  # noqa: T201  what it was asked for
        return 0
    settings = _read(arguments, environment)
    log = LogWriter(settings.values["log-level"], settings.values["log-dir"])
    if environment.get("CHILD") == "true":
        return _child(settings, log)
    return _parent(settings, log, environment)


def _parent(settings: BoundarySettings, log: LogWriter, environment: Mapping[str, str]) -> int:
    from local.workspace.proxy import Proxy  # the child has no use for it

    policy = _policy([*settings.rules, *settings.allow], log)
    folder = Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config", "coder_boundary")
    address = environment.get(ADDRESS, "")
    audit = _audit(settings, log, environment)
    log.say("info", "Start landjail manager")
    try:
        proxy = Proxy((address, settings.port), policy, folder, log, audit)
    except OSError as error:
        said = (error.strerror or "").lower()
        _fail(f"failed to start landjail manager: listen tcp :{settings.port}: bind: {said}")
    name, _, place = environment.get(CODERD, "").partition("=")
    proxy.hosts = {name: place} if place else {}
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    log.say("info", "Starting HTTP proxy with TLS termination", port=settings.port)
    certificate = folder / "ca-cert.pem"
    through = f"http://{address or 'localhost'}:{settings.port}"
    names = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "REQUESTS_CA_BUNDLE",
             "NODE_EXTRA_CA_CERTS")  # fmt: skip
    child = subprocess.Popen(
        [sys.executable, "-m", "local.workspace.boundary", *sys.argv[1:]],
        env={
            **environment,
            **dict.fromkeys(names, str(certificate)),
            "SSL_CERT_DIR": str(folder),
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), through),
            "NO_PROXY": "",
            "no_proxy": "",
            "CHILD": "true",
        },
        close_fds=False,  # as the real one leaves open what it was started with
    )
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    signal.signal(signal.SIGINT, lambda *_: None)
    child.wait()
    return 0


def _audit(
    settings: BoundarySettings, log: LogWriter, environment: Mapping[str, str]
) -> AuditSender:
    socket = Path(settings.values["log-proxy-socket-path"])
    said = ""
    if settings.values["disable-audit-logs"].lower() in ("true", "t", "1"):
        said = "Audit logs are disabled by configuration"
    elif not socket.exists():
        said = "Audit logs are disabled; workspace agent has not created log proxy socket"
    if said:
        log.say("warn", said, **({} if "configuration" in said else {"socket": socket}))
    return AuditSender("" if said else environment.get(AUDIT, ""), socket)


def _child(settings: BoundarySettings, log: LogWriter) -> int:
    try:
        landlock.confine(settings.port)
    except landlock.LandlockError as error:
        _fail(
            "failed to apply Landlock network restrictions: failed to apply Landlock network "
            f"restrictions: {error}"
        )
    log.say("info", "Executing target command", command=f"[{' '.join(settings.command)}]")
    # Its own way to start would not find what the command's name means for a shell's PATH.
    try:
        target = subprocess.Popen(settings.command, close_fds=False)
    except OSError:
        _fail(
            f'command execution failed: exec: "{settings.command[0]}": executable file not found '
            "in $PATH"
        )
    signal.signal(signal.SIGTERM, lambda *_: target.terminate())
    signal.signal(signal.SIGINT, lambda *_: None)
    status = target.wait()
    if status:
        _fail(f"command exited with code {status}")
    return 0


def _read(arguments: Sequence[str], environment: Mapping[str, str]) -> BoundarySettings:
    given, allow, command = _flags(arguments)
    values = {name: default for name, (_, _, default) in _FLAGS.items()}
    document: dict[str, Any] = {}
    path = given.get("config") or environment.get("BOUNDARY_CONFIG", "")
    usual = Path.home() / ".config" / "coder_boundary" / "config.yaml"
    if path or usual.exists():
        document = _file(path or str(usual))
    for name, (key, variable, _) in _FLAGS.items():
        for value in (document.get(key), environment.get(variable), given.get(name)):
            if value not in (None, ""):
                values[name] = str(value)
    if values["allow"]:
        allow = [values["allow"], *allow]
    jail = values["jail-type"]
    if jail != "landjail":
        why = "the stand-in has landjail alone" if jail == "nsjail" else f"invalid JailType: {jail}"
        _fail(f"failed to parse cli config file: {why}")
    if not command:
        _fail("no command specified")
    return BoundarySettings(values, allow, command, list(document.get("allowlist") or ()))


def _flags(arguments: Sequence[str]) -> tuple[dict[str, str], list[str], list[str]]:
    given: dict[str, str] = {}
    allow: list[str] = []
    words = list(arguments)
    while words and words[0].startswith("--") and words[0] != "--":
        name, equals, value = words.pop(0)[2:].partition("=")
        if name not in _FLAGS:
            shown = " ".join(arguments)
            _stop(f'parsing flags ([{shown}]) for "boundary": unknown flag: --{name}')
        if not equals:
            value = "true" if name in _SWITCHES else words.pop(0) if words else ""
        if name == "allow":
            allow.append(value)
        else:
            given[name] = value
    return given, allow, words[1:] if words[:1] == ["--"] else words


def _end(arguments: Sequence[str]) -> int:
    return list(arguments).index("--") if "--" in arguments else len(arguments)


def _file(path: str) -> dict[str, Any]:
    import yaml  # which is started twice, and often without a file

    try:
        document = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except OSError as error:
        _stop(f"reading yaml: open {path}: {(error.strerror or '').lower()}")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        _stop(f"decoding yaml: yaml: line {line}: {getattr(error, 'problem', 'not YAML')}")
    for key in document:
        if key not in _KEYS:
            _stop(f'applying yaml: unknown option "{key}"')
    return dict(document)


def _policy(rules: Sequence[str], log: LogWriter) -> "Policy":
    # What runs in the jail has no use for it.
    from components.boundary import Policy, PolicyRule, Rule, RuleError

    parsed = []
    for rule in rules:
        try:
            parsed.append(PolicyRule(Rule.parse(rule), "", ""))
        except RuleError as error:
            why = f"failed to parse allow '{rule}': {error}"
            log.say("error", "Failed to parse allow rules", error=why)
            _fail(f"failed to parse allow rules: {why}")
    return Policy(parsed)


def _fail(why: str) -> NoReturn:
    _stop(f'running command "boundary": {why}')


def _stop(why: str) -> NoReturn:
    print(f"Error: {why}", file=sys.stderr)  # noqa: T201  as Boundary does
    sys.exit(1)


def _quoted(value: str) -> str:
    plain = value and not any(char in ' ="\n' or ord(char) < 32 for char in value)
    return value if plain else json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
