"""The pod of Coder's own agents, from inside: what answers it, and what must not.

Its agent has terminals as the workspace's has, for who owns the workspace, so nothing has to be
allowed for this. It is held to the network alone: no jail is in there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from ops.verification import scripts
from ops.verification.model import Failed, NotChecked, note
from ops.verification.path import Visit, coderd_answers
from ops.verification.record import member_of
from ops.verification.run import Run
from ops.verification.scripts import Probe
from ops.verification.sockets import METADATA, OPEN, PUBLIC_UDP
from ops.verification.terminal import Terminal, TerminalError

_PUBLIC_TCP: Final = tuple(Probe("tcp", each) for each in ("1.1.1.1:443", "github.com:443"))
"""By address, and by a name, which some policies open."""
_CLOSED: Final = frozenset({"timeout", "silent", "unreachable", "denied", "unresolved"})
_SECONDS: Final = 180.0
_SOURCE: Final = "coder_agents.tf"
_POLICY: Final = (
    "see preflight.agents: where it passed, the policies are right, and the cluster's network "
    "plugin does not hold this pod to them"
)


class AgentsPod:
    """Looks into the pod that an isolating template gives Coder's own agents.

    Args:
        run: takes the checks.
        visit: the workspace, with ready agents.
    """

    def __init__(self, run: Run, visit: Visit) -> None:
        self.run = run
        self.visit = visit
        self._terminal: Terminal | None = None
        self._api = ""
        self._resolvers: Sequence[Probe] = ()
        self._outcomes: dict[Probe, str] = {}

    def look(self) -> None:
        """Make every check of the pod."""
        subject = self.visit.target.subject
        self.run.take("agents.pod", subject, self._entered)
        for check, step in {
            "agents.coderd": self._coderd,
            "agents.dns": self._dns,
            "agents.public": self._public,
            "agents.cluster": self._cluster,
            "agents.metadata": self._metadata,
        }.items():
            self.run.take(check, subject, partial(self._inside, step))

    def _inside(self, step: Callable[[], str]) -> str:
        if self._terminal is None:
            raise NotChecked("after: agents.pod", "see that first")
        return step()

    def _entered(self) -> str:
        agent = self.visit.chat_agent_id or self._missing()
        terminal = self.visit.terminal_of(agent)
        try:
            facts = terminal.run(scripts.pod()).values()
            resolvers = [Probe("dns", f"{each}:53") for each in facts["resolvers"].split()]
            self._try(terminal, facts["api"], resolvers)
            beside = self.visit.terminal.run(scripts.pod()).values()
        except TerminalError as error:
            raise NotChecked(
                f"nothing can be run in it: {error}",
                "use the session token of the workspace's owner, who needs no other right",
            ) from None
        if facts["host"] == beside["host"]:
            raise Failed(
                f"their agent runs in the workspace's own pod, {facts['host']}",
                "bring the stack up, and stop and start the workspaces",
            )
        self._terminal, self._api, self._resolvers = terminal, facts["api"], resolvers
        return f"pod {facts['host']}, beside {beside['host']}"

    def _missing(self) -> str:
        """Say why there is no agent of theirs; raises Failed, NotChecked."""
        version = self.visit.version
        assert version is not None  # noqa: S101  there is a workspace of it
        content = self.visit.deployment.download(f"/api/v2/files/{version.job.file_id}")
        if member_of(content, _SOURCE) is None:
            raise Failed(
                f"version {version.name} has none, so their tools run in the workspace's own pod",
                "bring the stack up",
            )
        raise NotChecked(
            f"version {version.name} has one, and this Coder shows none of the workspace's agents "
            "as theirs",
            "have a chat ask for a public page",
        )

    def _try(self, terminal: Terminal, api: str, resolvers: Sequence[Probe]) -> None:
        probes = [*_PUBLIC_TCP, *PUBLIC_UDP, *_metadata(), *resolvers, self._name]
        probes += [Probe("tcp", api)] if api else []
        transcript = terminal.run(scripts.outside(probes), seconds=_SECONDS)
        for _, kind, target, outcome in transcript.of("probe"):
            self._outcomes[Probe(kind, target)] = outcome

    # Checks

    def _coderd(self) -> str:
        assert self._terminal is not None  # noqa: S101  only then is it asked
        return coderd_answers(self._terminal, self.visit.url)

    def _dns(self) -> str:
        host = self._name.target
        if _is_address(host):
            if not any(self._seen(each) in OPEN for each in self._resolvers):
                raise Failed("the cluster's name server does not answer", _POLICY)
            return "the cluster's name server answers"
        seen = self._seen(self._name)
        if seen != "resolved":
            raise Failed(
                f"{host} gets {seen}", "see network.dns, and what the pod's /etc/resolv.conf names"
            )
        return f"{host} has an address"

    def _public(self) -> str:
        return self._closed((*_PUBLIC_TCP, *PUBLIC_UDP))

    def _cluster(self) -> str:
        if not self._api:
            raise NotChecked(
                "the pod does not say where the cluster's API is",
                "see whether its environment has KUBERNETES_SERVICE_HOST",
            )
        return self._closed([Probe("tcp", self._api)])

    def _metadata(self) -> str:
        return self._closed(_metadata())

    def _closed(self, probes: Sequence[Probe]) -> str:
        outcomes = {probe: self._seen(probe) for probe in probes}
        opened = [f"{p.kind} {p.target} {seen}" for p, seen in outcomes.items() if seen in OPEN]
        if opened:
            raise Failed(f"the pod reaches {', '.join(opened)}", _POLICY)
        unclear = [f"{p.kind} {p.target} {s}" for p, s in outcomes.items() if s not in _CLOSED]
        if unclear:
            raise NotChecked(f"it is not clear what came of {', '.join(unclear)}", "run it again")
        return f"no answer: {', '.join(f'{p.kind} {p.target} {s}' for p, s in outcomes.items())}"

    def _seen(self, probe: Probe) -> str:
        if any(each.kind == "none" for each in self._outcomes):
            raise NotChecked("the image has no python3, which tries sockets", "add python3 to it")
        seen = self._outcomes.get(probe, "")
        if not seen:
            raise NotChecked(f"{probe.kind} {probe.target} was not tried", "run it again")
        note(f"inside the pod of Coder's own agents: {probe.kind} {probe.target}", seen)
        return seen

    @property
    def _name(self) -> Probe:
        return Probe("name", urlsplit(self.visit.url).hostname or "")


def _metadata() -> tuple[Probe, ...]:
    return tuple(Probe("tcp", each) for each in METADATA)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
