"""A workspace whose scripts answer what a test says."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ops.verification.scripts import JailRequest, Probe
from ops.verification.terminal import ScriptResult, Transcript

Fields = tuple[str, ...]

FACTS = {
    "kernel": "6.12.40",
    "curl": "/usr/bin/curl",
    "python": "/usr/bin/python3",
    "claude": "/home/coder/.local/bin/claude",
    "boundary": "/usr/local/bin/boundary",
    "boundary_version": "v0.9.0",
    "config": "/home/coder/.config/coder_boundary/config.yaml",
    "addresses": "10.0.0.7",
    "resolvers": "10.96.0.10",
    "terminal": "coder",
}
CLAUDE = ("41", "jailed", "40", "8087", "/home/coder/.local/share/claude/versions/2.1.0", "")
BOUNDARY = "/usr/local/bin/boundary"


class FakeTyping:
    def __init__(self) -> None:
        self.typed: list[str] = []
        self.shown = "$ claude"

    def send(self, text: str) -> None:
        self.typed.append(text)


@dataclass
class FakeTerminal:
    """What each script of a workspace answers.

    Attributes:
        digest: SHA-256 of the policy file that Boundary runs with.
        facts: of the workspace; those that a test changes.
        claude: Claude Code's processes.
        boundaries: Boundary's; the running one, unless a test says otherwise.
        decide: Boundary's decision of a request: decision, status and body.
        sockets: outcome of a probe by where, kind and target; else what a closed pod gives.
        marked: what a typed claude is, look after look.
        said: what Boundary says, start after start; empty when it starts.
        gateway: status, curl's code and body of the AI Gateway.
    """

    digest: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    claude: Sequence[Fields] = (CLAUDE,)
    boundaries: Sequence[Fields] | None = None
    decide: Callable[[JailRequest], tuple[str, str, str]] = lambda asked: ("DENY ", "403", "")
    sockets: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    marked: list[Sequence[Fields]] = field(default_factory=lambda: [(("77", *CLAUDE[1:5]),)])
    said: list[str] = field(default_factory=list)
    gateway: Fields = ("200", "0", '{"data":[]}')
    above: str = BOUNDARY
    python: bool = True
    scripts: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    typing_: FakeTyping = field(default_factory=FakeTyping)

    def run(
        self, script: str, variables: Mapping[str, str] | None = None, *, seconds: float = 60.0
    ) -> Transcript:
        self.scripts.append(script)
        if "say fact addresses" in script:
            return self._facts()
        if "say said" in script:
            self.ports.append((variables or {})["port"])
            return self._jail(script)
        if "say probe outside" in script:
            return _transcript(("probe", each) for each in self._probes("outside", script))
        if "say listened" in script:
            return _transcript([("listened", ("1",))])
        if "say marked" in script:
            seen = self.marked.pop(0) if len(self.marked) > 1 else self.marked[0]
            return _transcript(("marked", each) for each in seen)
        assert "say ended" in script
        return _transcript([("ended", ())])

    @contextmanager
    def typing(self) -> Iterator[FakeTyping]:
        yield self.typing_

    def _facts(self) -> Transcript:
        running = ("40", BOUNDARY, FACTS["config"], self.digest, "no", "-")
        boundaries = (running,) if self.boundaries is None else self.boundaries
        facts = {**FACTS, "config_sha256": self.digest, **self.facts}
        return _transcript(
            [
                *(("fact", pair) for pair in facts.items()),
                *(("claude", each) for each in self.claude),
                *(("boundary", each) for each in boundaries),
            ]
        )

    def _jail(self, script: str) -> Transcript:
        said = self.said.pop(0) if self.said else ""
        if said:
            return _transcript([("said", (said,))])
        records: list[tuple[str, Fields]] = [("jail", ("started", "1"))]
        records.append(("above", ("50", self.above)))
        for line in script.splitlines():
            if line.startswith("ask "):
                _, number, *words = shlex.split(line)
                asked = JailRequest(*words)
                decision, status, body = self.decide(asked)
                records.append(("request", (number, status, "0", body, decision, "")))
        records.append(("gateway", self.gateway))
        records += [("probe", each) for each in self._probes("inside", script)]
        return _transcript([*records, ("jail", ("ended",)), ("said", ("",))])

    def _probes(self, where: str, script: str) -> Iterator[Fields]:
        if not self.python:
            yield (where, "none", "", "")
            return
        (line,) = [each for each in script.splitlines() if 'probe.py" 3 ' in each]
        for word in line.split('probe.py" 3 ')[1].split(' > "$out')[0].split():
            kind, _, target = word.strip("'").partition("=")
            yield (where, kind, target, self._outcome(where, Probe(kind, target)))

    def _outcome(self, where: str, probe: Probe) -> str:
        if (where, probe.kind, probe.target) in self.sockets:
            return self.sockets[where, probe.kind, probe.target]
        if probe.kind == "bind":
            return "denied" if where == "inside" else "bound"
        if probe.kind == "tcp":
            if where == "inside":
                return "denied"
            return "connected" if "dev.coder.com" in probe.target else "timeout"
        return "answered" if probe.target == "10.96.0.10:53" else "silent"


def _transcript(records: Any) -> Transcript:
    return Transcript(tuple(ScriptResult(kind, fields) for kind, fields in records), "")
