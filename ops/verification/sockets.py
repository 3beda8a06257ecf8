"""Sockets as they are, tried inside the jail and outside, against what jail and network promise.

Landlock, as Boundary uses it, promises no TCP but to the proxy's port number, and no bound port; it
leaves UDP and that port number on other hosts to the cluster's network policy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from ops.verification import scripts
from ops.verification.model import Failed, Interrupted, NotChecked, note
from ops.verification.path import Visit
from ops.verification.scripts import Probe
from ops.verification.terminal import Terminal, TerminalError, Transcript

RESOLVERS: Final = ("1.1.1.1", "8.8.8.8", "9.9.9.9")
"""Public name servers: what answers from there, a tunnel through DNS reaches."""
METADATA: Final = ("169.254.169.254:80", "[fd00:ec2::254]:80")

OPEN: Final = frozenset({"connected", "refused", "answered", "bound"})
"""Outcomes of what is reached. A refusal comes from the other host."""

_QUIC: Final = "1.1.1.1:443"
PUBLIC_UDP: Final = (*(Probe("dns", f"{each}:53") for each in RESOLVERS), Probe("quic", _QUIC))
"""What is tried of the internet by UDP."""

_DENIED: Final = "denied"
_LISTEN_SECONDS: Final = 600.0


class Sockets:
    """The probes of one workspace.

    Args:
        visit: the workspace.
        peer: another one that is ready, None if there is none.
    """

    def __init__(self, visit: Visit, peer: Visit | None) -> None:
        self._visit = visit
        self._peer = peer
        self._peer_address = ""
        self._outcomes: dict[tuple[str, Probe], str] = {}
        self._python = True
        self._resolvers: list[Probe] = []

    @property
    def checks(self) -> Mapping[str, Callable[[], str]]:
        """What makes each check, by its id."""
        return {
            "jail.tcp": self._tcp,
            "jail.bind": self._bind,
            "jail.udp": self._udp,
            "jail.peers": self._peers,
            "jail.metadata": self._metadata,
        }

    @property
    def inside(self) -> list[Probe]:
        """What is tried inside the jail."""
        return [self._direct, Probe("bind", "0"), *PUBLIC_UDP, *self._metadata_probes,
                *self._peer_probes]  # fmt: skip

    @contextmanager
    def peer_at(self, port: int) -> Iterator[None]:
        """Let the peer listen on a port meanwhile."""
        self._peer_address = ""
        if self._peer is None:
            yield
            return
        told = self._peer.terminal.run(scripts.addresses()).values()
        addresses = told.get("addresses", "").split()
        if not addresses:
            yield
            return
        host = addresses[0]
        self._peer_address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        done = threading.Event()
        listener = threading.Thread(target=self._listen, args=(self._peer, done), daemon=True)
        listener.start()
        try:
            yield
        finally:
            done.set()
            listener.join()

    def look(self, jailed: Transcript, facts: Mapping[str, str]) -> None:
        """Take what was tried in the jail, and try the pod itself."""
        resolvers = [Probe("dns", f"{each}:53") for each in facts.get("resolvers", "").split()]
        probes = [self._direct, *resolvers, *PUBLIC_UDP, *self._metadata_probes,
                  *self._peer_probes]  # fmt: skip
        outside = self._visit.terminal.run(scripts.outside(probes), seconds=120)
        for where, kind, target, outcome in (*jailed.of("probe"), *outside.of("probe")):
            if kind == "none":
                self._python = False
                return
            self._outcomes[where, Probe(kind, target)] = outcome
        self._resolvers = resolvers

    def _listen(self, peer: Visit, done: threading.Event) -> None:
        def check() -> None:
            if done.is_set():
                raise Interrupted

        terminal = Terminal(peer.deployment.coderd, peer.agent_id, check=check)
        try:
            terminal.run(
                scripts.listen(_LISTEN_SECONDS),
                {"address": self._peer_address},
                seconds=_LISTEN_SECONDS + 10,
            )
        except (Interrupted, TerminalError):
            # One that does not listen refuses, which tells as much.
            return

    # Probes

    @property
    def _direct(self) -> Probe:
        parts = urlsplit(self._visit.target.access_url or self._visit.deployment.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return Probe("tcp", f"{parts.hostname}:{port}")

    @property
    def _metadata_probes(self) -> list[Probe]:
        return [Probe("tcp", each) for each in METADATA]

    @property
    def _peer_probes(self) -> list[Probe]:
        if not self._peer_address:
            return []
        return [Probe("tcp", self._peer_address), Probe("udp", self._peer_address)]

    # Checks

    def _tcp(self) -> str:
        self._needs_landjail("raw TCP")
        seen = self._seen("inside", self._direct)
        if seen == "unresolved":
            raise NotChecked(f"{self._direct.target} has no address inside", "see the pod's DNS")
        if seen != _DENIED:
            raise Failed(
                f"{self._direct.target} gets {seen} inside the jail, without Boundary",
                "see the kernel's Landlock, version 4 or newer",
            )
        outside = self._seen("outside", self._direct)
        return f"the kernel denies {self._direct.target} inside; outside it gets {outside}"

    def _bind(self) -> str:
        self._needs_landjail("binding a port")
        seen = self._seen("inside", Probe("bind", "0"))
        if seen != _DENIED:
            raise Failed(
                f"a port can be bound inside the jail: {seen}", "see the kernel's Landlock"
            )
        return "the kernel denies to bind a TCP port"

    def _udp(self) -> str:
        control = [each for each in self._resolvers if self._seen("outside", each) == "answered"]
        told = "the cluster's own name server answers" if control else "nor does any other"
        closed = f"no public name server answers, nor QUIC at {_QUIC}; {told}"
        return self._promised(PUBLIC_UDP, "UDP leaves the cluster", closed)

    def _peers(self) -> str:
        if self._peer is None:
            raise NotChecked(
                "there is no second workspace to be reached",
                "verify two templates at once, or name another owner by --owner",
            )
        if not self._peer_address:
            raise NotChecked("the other workspace tells no address", "add `hostname` to the image")
        what = "another workspace's pod is reached, also from inside the jail at the proxy's port"
        return self._promised(
            self._peer_probes, what, f"the pod at {self._peer_address} is reached from nowhere"
        )

    def _metadata(self) -> str:
        inside = {self._seen("inside", each) for each in self._metadata_probes}
        if self._landjail and inside != {_DENIED}:
            seen = ", ".join(sorted(inside - {_DENIED}))
            raise Failed(f"the metadata service gets {seen} inside the jail", "see jail.tcp")
        return self._promised(
            self._metadata_probes, "the pod reaches the metadata service", "no answer, nowhere"
        )

    def _promised(self, probes: Sequence[Probe], what: str, closed: str) -> str:
        opened = [
            f"{where} {probe.kind} {probe.target} {seen}"
            for where in ("inside", "outside")
            for probe in probes
            if (seen := self._seen(where, probe)) in OPEN
        ]
        if not opened:
            return closed
        told = f"{what}: {', '.join(opened)}"
        if self._visit.target.network_policy:
            raise Failed(told, "see whether the cluster's network plugin enforces NetworkPolicy")
        raise NotChecked(
            f"{told}; nothing in this stack promises otherwise",
            "turn the network policy on: network.enabled",
        )

    def _seen(self, where: str, probe: Probe) -> str:
        if not self._python:
            raise NotChecked("the image has no python3, which tries sockets", "add python3 to it")
        seen = self._outcomes.get((where, probe), "")
        if not seen:
            raise NotChecked(f"{probe.kind} {probe.target} was not tried {where}", "run it again")
        note(f"{where} the jail: {probe.kind} {probe.target}", seen)
        return seen

    @property
    def _landjail(self) -> bool:
        firewall = self._visit.target.firewall
        return firewall is not None and firewall.jail == "landjail"

    def _needs_landjail(self, what: str) -> None:
        if not self._landjail:
            raise NotChecked(
                f"nsjail has a network of its own, in which {what} reaches Boundary or nothing",
                "read jail.denied, which holds for both jails",
            )
