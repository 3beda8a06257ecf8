"""The jail, from inside: what Boundary decides, what the kernel refuses, and who is in it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from components.boundary import Expectation
from components.workspace_template.values import SESSION_PORTS
from ops.verification import scripts
from ops.verification.catalogue import of
from ops.verification.declared_version import BRING_UP
from ops.verification.misdirection import crossed, told
from ops.verification.model import CheckGroup, Failed, NotChecked, note
from ops.verification.path import Visit
from ops.verification.record import POLICY_FILE, policy_of
from ops.verification.run import Run
from ops.verification.scripts import JailAnswer, JailRequest
from ops.verification.sockets import Sockets
from ops.verification.terminal import Transcript

BLOCKED: Final = "🚫 Request Blocked by Boundary"
"""How the body of Boundary's own 403 begins; a server's 403 has another."""

_PORT_TAKEN: Final = "address already in use"
_PORT_ATTEMPTS: Final = 3
_TYPED_SECONDS: Final = 20.0


def own_denial() -> JailRequest:
    """A request that no policy has a rule for: no host below .invalid exists (RFC 6761)."""
    return JailRequest("GET", f"https://verify-{secrets.token_hex(6)}.invalid/")


class Jail:
    """Looks into the jail of one workspace.

    Args:
        run: takes the checks.
        visit: the workspace, with a ready agent.
        peer: another workspace that is ready, None if there is none.

    Attributes:
        denied: what Boundary denied, once it was asked; for the audit.
    """

    def __init__(self, run: Run, visit: Visit, peer: Visit | None) -> None:
        firewall = visit.target.firewall
        assert firewall is not None  # noqa: S101  only then there is a jail
        self.run = run
        self.visit = visit
        self.denied: list[JailRequest] = []
        self._firewall = firewall
        self._subject = visit.target.subject
        self._denial = own_denial()
        contract = firewall.contract
        self._asked = [_asked(each) for each in (*contract.must_allow, *contract.must_deny)]
        self._asked.append(self._denial)
        self._crossed = crossed(
            firewall, visit.target.access_url, urlsplit(self._denial.url).netloc
        )
        if self._crossed:
            plain = replace(self._crossed, target="")
            self._asked += [each for each in (plain, self._crossed) if each not in self._asked]
        self._sockets = Sockets(visit, peer)
        self._facts = Transcript((), "")
        self._jailed = Transcript((), "")
        self._typed_jailed: tuple[str, ...] = ()

    def look(self) -> None:
        """Make every check of the jail."""
        subject = self._subject
        if not self.run.take("jail.started", subject, self._started):
            every = [check.id for check in of(CheckGroup.JAIL)]
            self.run.leave(every, subject, "after: jail.started", "mend that first")
            return
        for check, step in {
            "jail.policy": self._policy,
            "jail.typed": self._typed,
            "jail.claude": self._claude,
            "jail.terminal": self._terminal,
            "jail.allowed": self._allowed,
            "jail.denied": self._not_allowed,
            "jail.target": self._target,
            "jail.gateway": self._gateway,
            **self._sockets.checks,
        }.items():
            self.run.take(check, subject, step)

    # The jail itself

    def _started(self) -> str:
        terminal = self.visit.terminal
        self._facts = terminal.run(scripts.facts())
        facts = self._facts.values()
        boundary = facts.get("boundary")
        if not boundary:
            raise Failed("Boundary is not in the workspace", "read the agent's startup logs")
        if not facts.get("curl"):
            raise NotChecked("the image has no curl, which asks in the jail", "add curl to it")
        for _ in range(_PORT_ATTEMPTS):
            # Not the policy's: its Boundary is there already.
            first, last = SESSION_PORTS
            port = first + secrets.randbelow(last - first + 1)
            with self._sockets.peer_at(port):
                script = scripts.jail(self._asked, self._sockets.inside)
                variables = {"boundary": boundary, "config": facts["config"], "port": str(port)}
                seconds = 60 + 2.0 * scripts.ASK_SECONDS * len(self._asked)
                self._jailed = terminal.run(script, variables, seconds=seconds)
                self._sockets.look(self._jailed, facts)
            said = "".join(text for (text,) in self._jailed.of("said")).strip()
            if _PORT_TAKEN not in said:
                break
        if not self._jailed.of("jail"):
            raise Failed(
                f"Boundary {facts.get('boundary_version', '')} does not start: {said or 'no word'}",
                "see docs/verify.md, what the jail needs",
            )
        for answer in self._answers():
            target = f" as {answer.asked.target}" if answer.asked.target else ""
            note(f"inside the jail: {answer.asked.method} {answer.asked.url}{target}", answer.text)
        return f"Boundary {facts.get('boundary_version', '')}, kernel {facts.get('kernel', '')}"

    def _policy(self) -> str:
        facts = self._facts
        version = self.visit.version
        assert version is not None  # noqa: S101  there is a workspace of it
        content = self.visit.deployment.download(f"/api/v2/files/{version.job.file_id}")
        deployed = policy_of(content)
        if deployed is None:
            raise Failed(f"version {version.name} has no {POLICY_FILE}", "bring the stack up again")
        digest = hashlib.sha256(deployed).hexdigest()
        running = facts.of("boundary")
        used = {config: sha for _, _, config, sha, *_ in running}
        if not running:
            used = {facts.values()["config"]: facts.values().get("config_sha256", "")}
        for config, sha in used.items():
            if sha != digest:
                raise Failed(
                    f"{config} has sha256 {sha[:12] or 'none'}, version {version.name} "
                    f"{digest[:12]}",
                    "stop and start the workspace; somebody may have changed the file",
                )
        for pid, _, config, _, changed, more in running:
            if changed == "yes":
                raise Failed(
                    f"{config} was changed after Boundary, process {pid}, read it",
                    "stop and start the workspace",
                )
            if more.strip("-"):
                raise Failed(
                    f"Boundary, process {pid}, has rules beside its file, by {more.strip(',')}",
                    "find out who started it so, and stop and start the workspace",
                )
        wanted = hashlib.sha256(self._firewall.config.encode()).hexdigest()
        if digest != wanted:
            raise Failed(
                f"version {version.name} has sha256 {digest[:12]}, and these settings make "
                f"{wanted[:12]}",
                BRING_UP,
            )
        which = f"{len(running)} running" if running else "none running; its file"
        return f"version {version.name} and the settings, sha256 {digest[:12]}; {which}"

    def _claude(self) -> str:
        processes = self._facts.of("claude")
        unjailed = [fields for fields in processes if fields[1] == "unjailed"]
        if unjailed:
            pid, _, _, _, program, *_ = unjailed[0]
            raise Failed(
                f"{len(unjailed)} outside of a jail, such as process {pid}, {program}",
                "see who started it; what a person with a shell can do is in docs/verify.md",
            )
        jailed = [fields for fields in processes if fields[1] == "jailed"]
        if not jailed and self._facts.values().get("starts_claude") == "":
            if not self._typed_jailed:
                raise NotChecked("none runs, as module 5 starts none", "see jail.typed")
            pid, _, boundary, *_ = self._typed_jailed
            return f"the typed one, process {pid}, under Boundary, process {boundary}"
        if not jailed:
            raise NotChecked(
                "no Claude Code runs in the workspace by itself",
                "jail.typed starts one; with Tasks or the app open there is one",
            )
        # What is above the jail that was made here decides what Boundary's program is.
        own = {program for _, program in self._jailed.of("above")}
        programs = {fields[0]: fields[1] for fields in self._facts.of("boundary")}
        for pid, _, boundary, *_ in jailed:
            if programs.get(boundary) not in own:
                raise Failed(
                    f"process {pid} has {programs.get(boundary)} above it, which is not the "
                    "workspace's Boundary",
                    "find out who started it",
                )
        pid, _, boundary, port, *_ = jailed[0]
        return f"process {pid} under Boundary, process {boundary}, at port {port}"

    def _typed(self) -> str:
        mark = secrets.token_hex(8)
        terminal = self.visit.terminal
        if not self._facts.values().get("claude"):
            raise Failed("there is no claude on PATH", "read the agent's startup logs")
        seen: list[tuple[str, ...]] = []
        with terminal.typing() as typing:
            typing.send(f"VERIFY_MARK={mark} claude\n")
            try:
                for _ in self.run.clock.turns(_TYPED_SECONDS, 1.0):
                    seen = terminal.run(scripts.state(), {"mark": mark}).of("marked")
                    if any(fields[1] == "jailed" for fields in seen):
                        break
            finally:
                terminal.run(scripts.end_marked(), {"mark": mark})
                typing.send("\x03exit\n")
                shown = typing.shown
        if not seen:
            raise Failed(
                f"a typed claude does not start: {' / '.join(shown.splitlines()[-2:])}",
                "type it in the workspace's terminal",
            )
        unjailed = [fields for fields in seen if fields[1] == "unjailed"]
        if unjailed:
            raise Failed(
                f"a typed claude runs outside of the jail: {unjailed[0][4]}",
                "the template's own claude does not come first on PATH: see what ~/.profile and "
                "~/.bashrc put before it, and restart the workspace",
            )
        self._typed_jailed = seen[0]
        return f"process {seen[0][0]} under Boundary, process {seen[0][2]}"

    def _terminal(self) -> str:
        name = self._facts.values().get("terminal", "")
        if not name:
            raise NotChecked("what a terminal stands in was not seen", "look at /proc in one")
        if name == "screen":
            raise Failed(
                "Coder's agent runs terminals and apps in screen, which starts what a jailed agent "
                "asks it for outside of the jail",
                "take screen out of the workspaces' image",
            )
        return f"a terminal stands in {name}"

    # What Boundary decides

    def _allowed(self) -> str:
        return self._decided(self._firewall.contract.must_allow, "ALLOW", "allowed")

    def _not_allowed(self) -> str:
        own = Expectation(self._denial.method, self._denial.url, "no rule names it")
        every = [*self._firewall.contract.must_deny]
        if not self._firewall.policy.decide(own.method, own.url).allowed:
            every.append(own)
        denied = [a.asked for a in self._answers() if a.decision == "DENY"]
        # The audit has another URL of a request with a target of its own.
        self.denied = [asked for asked in denied if not asked.target]
        return self._decided(every, "DENY", "denied")

    def _decided(self, expected: Sequence[Expectation], decision: str, word: str) -> str:
        if not expected:
            raise NotChecked(
                f"the stack's policy names no URL that must be {word}",
                f"name some in policy.must{'Allow' if decision == 'ALLOW' else 'Deny'}",
            )
        answers = {answer.asked: answer for answer in self._answers()}
        wrong = []
        for each in expected:
            answer = answers.get(_asked(each))
            if answer is None or answer.decision != decision:
                seen = answer.text if answer else "not asked"
                wrong.append(f"{each.method} {each.url} must be {word} and is {seen}")
        if wrong:
            raise Failed("; ".join(wrong), "compare with `python -m ops explain STACK URL`")
        silent = [each for each in expected if not answers[_asked(each)].status.strip("0")]
        quiet = f"; {len(silent)} servers did not answer" if silent and decision == "ALLOW" else ""
        return f"{len(expected)} requests {word} by Boundary's own word{quiet}"

    def _target(self) -> str:
        answers = {answer.asked: answer for answer in self._answers()}
        return told(answers, self._crossed, self._facts.values().get("boundary_version", ""))

    def _gateway(self) -> str:
        (found, *_) = self._jailed.of("gateway") or [("none", "0", "")]
        status, _, body = found
        if status == "none":
            raise Failed("ANTHROPIC_BASE_URL is not set", "see the claude-code module's settings")
        if body.startswith(BLOCKED):
            raise Failed("Boundary denies it", "add the group coder to the policy")
        if status != "200":
            shown = status if status.strip("0") else "nothing"
            raise Failed(f"GET /v1/models gets {shown}", "see the AI Gateway's providers in Coder")
        return "GET /v1/models gets 200"

    def _answers(self) -> list[JailAnswer]:
        answers = []
        for number, status, code, body, decisions, rule in self._jailed.of("request"):
            said = decisions.split()
            decision = said[-1] if said else ""
            if not decision and body.startswith(BLOCKED):
                decision = "DENY"
            answers.append(JailAnswer(self._asked[int(number)], decision, status, rule, code))
        return answers


def _asked(expectation: Expectation) -> JailRequest:
    return JailRequest(expectation.method, expectation.url)
