"""The scripts that run inside a workspace, put together of the files in inside/."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from components.workspace_template.source import SOURCE
from ops.verification.terminal import SAY

_FILES: Final = Path(__file__).parent / "inside"
# The template's own: what it watches with is what it is verified with.
_JAIL_STATE: Final = SOURCE / "jail_state.sh"

ASK_SECONDS: Final = 10
"""How long a request may take. Boundary answers at once when it denies; when it allows and the
server does not answer, it leaves the client waiting."""
PROBE_SECONDS: Final = 3
AUDIT_SECONDS: Final = 6
"""Boundary 0.9 sends its audit lines every 5 s, and not at its end."""


@dataclass(frozen=True)
class JailRequest:
    """A request to be made inside the jail.

    Attributes:
        method: as sent.
        url: whose host is asked.
        target: what stands in the request's first line in place of the URL's path; empty for that.
    """

    method: str
    url: str
    target: str = ""


@dataclass(frozen=True)
class JailAnswer:
    """What came of a request inside the jail.

    Attributes:
        asked: the request.
        decision: `ALLOW` or `DENY`, Boundary's own; empty if it said nothing.
        status: HTTP status as curl has it, `000` for no answer.
        rule: the rule that allowed.
        code: with which curl ended.
    """

    asked: JailRequest
    decision: str
    status: str
    rule: str
    code: str = "0"

    @property
    def text(self) -> str:
        """What was seen, for people."""
        told = {"ALLOW": "allowed", "DENY": "denied"}.get(self.decision, "not decided")
        if self.decision == "ALLOW" and not self.status.strip("0"):
            return f"{told}, but no answer from the server"
        return f"{told} ({self.status})" if self.decision else f"{told} by Boundary ({self.status})"


@dataclass(frozen=True)
class Probe:
    """A socket to be tried: see inside/probe.py for the kinds."""

    kind: str
    target: str

    def __str__(self) -> str:
        return f"{self.kind}={self.target}"


def facts() -> str:
    """What the workspace is: facts, Claude Code's processes, and Boundary's."""
    return _jail_state() + addresses() + _file("facts.sh")


def addresses() -> str:
    """By which addresses other pods may reach it."""
    return _file("addresses.sh")


def pod() -> str:
    """Which pod it is, and what it is told of the cluster."""
    return _file("pod.sh")


def jail(asked: Sequence[JailRequest], probes: Sequence[Probe]) -> str:
    """Requests and probes inside a jail of its own.

    Shell variables: `boundary`, the program; `config`, the policy's file; `port`, the proxy's.
    """
    inside = [
        # Boundary gives its own environment to the command; `out` is where results go.
        SAY,
        _jail_state(),
        f"ask_seconds={ASK_SECONDS}\n",
        _file("jail.sh"),
        *(
            f"ask {number} {shlex.quote(each.method)} {shlex.quote(each.url)}"
            f"{f' {shlex.quote(each.target)}' * bool(each.target)}\n"
            for number, each in enumerate(asked)
        ),
        "gateway\n",
        _probed("inside", probes, '"$jail_dir/probe.py"'),
        f"sleep {AUDIT_SECONDS}\n",
        "say jail ended\n",
    ]
    return f"""\
jail_dir=$(dirname "$out"); jail_log=$jail_dir/log
export jail_dir jail_log
mkdir -p "$jail_log"
{_written("probe.py", _file("probe.py"))}
{_written("jail.sh", "".join(inside))}
"$boundary" --config "$config" --proxy-port "$port" --log-level info --log-dir "$jail_log" \\
  -- sh "$jail_dir/jail.sh" > "$jail_dir/said" 2>&1
say said "$(tail -n 3 "$jail_dir/said")"
"""


def outside(probes: Sequence[Probe]) -> str:
    """Probes of the pod itself, outside of any jail."""
    return f"""\
jail_dir=$(dirname "$out")
{_written("probe.py", _file("probe.py"))}
{_probed("outside", probes, '"$jail_dir/probe.py"')}
"""


def listen(seconds: float) -> str:
    """Answer another pod for so long, at the address in the shell variable `address`."""
    return f"""\
jail_dir=$(dirname "$out")
{_written("probe.py", _file("probe.py"))}
say listened "$(python3 "$jail_dir/probe.py" {seconds:.0f} "listen=$address" 2>&1 | tail -n 1)"
"""


def state() -> str:
    """Claude Code's processes alone, and which of them have the shell variable `mark`."""
    return (
        _jail_state()
        + """\
jail_state > "$out.state"
while IFS='	' read -r what a b c e f; do
  [ "$what" = claude ] || continue
  [ "$(variable "$a" VERIFY_MARK)" = "$mark" ] && say marked "$a" "$b" "$c" "$e" "$f"
done < "$out.state"
"""
    )


def end_marked() -> str:
    """End every process that has the shell variable `mark`."""
    return (
        _jail_state()
        + """\
# One program looks for them: there may be hundreds of others.
for _file in $(grep -lsF -e "VERIFY_MARK=$mark" /proc/[0-9]*/environ); do
  _pid=${_file#/proc/}
  _pid=${_pid%/environ}
  [ "$(variable "$_pid" VERIFY_MARK)" = "$mark" ] && kill "$_pid" 2>/dev/null
done
say ended
"""
    )


def _probed(where: str, probes: Sequence[Probe], program: str) -> str:
    if not probes:
        return ""
    words = " ".join(shlex.quote(str(probe)) for probe in probes)
    return (
        f"if command -v python3 > /dev/null; then\n"
        f'  python3 {program} {PROBE_SECONDS} {words} > "$out.probes" 2>&1\n'
        f'  while read -r _k _t _o; do say probe {where} "$_k" "$_t" "$_o"; done'
        f' < "$out.probes"\n'
        f"else say probe {where} none '' ''; fi\n"
    )


def _written(name: str, text: str) -> str:
    end = f"END_OF_{name.upper().replace('.', '_')}"
    return f"cat > \"$jail_dir/{name}\" <<'{end}'\n{text}\n{end}"


@cache
def _jail_state() -> str:
    return _JAIL_STATE.read_text(encoding="utf-8") + "\n"


@cache
def _file(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8") + "\n"
