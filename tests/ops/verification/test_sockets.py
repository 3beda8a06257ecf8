"""Sockets against what jail and network promise."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ops.verification.model import Outcome
from tests.ops.verification.test_jail import FIREWALL, TARGET, Look, fake

PROMISED = replace(TARGET, network_policy=True)
DIRECT = "dev.coder.com:443"


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., Look]:
    return lambda *args, **kwargs: Look(tmp_path, *args, **kwargs)


@pytest.mark.parametrize(
    ("sockets", "check", "detail"),
    [
        ({("inside", "tcp", DIRECT): "connected"}, "jail.tcp", f"{DIRECT} gets connected inside"),
        ({("inside", "tcp", DIRECT): "timeout"}, "jail.tcp", f"{DIRECT} gets timeout inside"),
        ({("inside", "bind", "0"): "bound"}, "jail.bind", "a port can be bound"),
        (
            {("inside", "tcp", "169.254.169.254:80"): "timeout"},
            "jail.metadata",
            "the metadata service gets timeout inside the jail",
        ),
    ],
)
def test_what_landlock_promises(
    look: Callable[..., Look], sockets: dict[tuple[str, str, str], str], check: str, detail: str
) -> None:
    seen = look(fake(sockets=sockets), target=PROMISED)
    assert seen[check].outcome is Outcome.FAILED
    assert detail in seen[check].detail


OPEN = [
    ({("inside", "dns", "8.8.8.8:53"): "answered"}, "jail.udp", "inside dns 8.8.8.8:53 answered"),
    ({("outside", "quic", "1.1.1.1:443"): "answered"}, "jail.udp", "outside quic 1.1.1.1:443"),
    ({("outside", "dns", "9.9.9.9:53"): "refused"}, "jail.udp", "outside dns 9.9.9.9:53 refused"),
    (
        {("outside", "tcp", "169.254.169.254:80"): "connected"},
        "jail.metadata",
        "the pod reaches the metadata service: outside tcp 169.254.169.254:80 connected",
    ),
]


@pytest.mark.parametrize(("sockets", "check", "detail"), OPEN)
def test_what_the_network_policy_promises(
    look: Callable[..., Look], sockets: dict[tuple[str, str, str], str], check: str, detail: str
) -> None:
    seen = look(fake(sockets=sockets), target=PROMISED)
    assert seen[check].outcome is Outcome.FAILED
    assert detail in seen[check].detail
    assert "network plugin" in seen[check].next_step


@pytest.mark.parametrize(("sockets", "check", "detail"), OPEN)
def test_what_nothing_promises_is_told_and_never_passes(
    look: Callable[..., Look], sockets: dict[tuple[str, str, str], str], check: str, detail: str
) -> None:
    seen = look(fake(sockets=sockets))
    assert seen[check].outcome is Outcome.NOT_CHECKED
    assert detail in seen[check].detail
    assert "nothing in this stack promises otherwise" in seen[check].detail
    assert seen[check].next_step == "turn the network policy on: network.enabled"


@pytest.mark.parametrize("outcome", ["connected", "refused"])
def test_another_pod_at_the_proxys_port(look: Callable[..., Look], outcome: str) -> None:
    class Reached(dict[tuple[str, str, str], str]):
        def __contains__(self, key: object) -> bool:
            assert isinstance(key, tuple)
            return key[0] == "inside" and key[1] == "tcp" and key[2].startswith("10.0.0.9:")

        def __getitem__(self, key: tuple[str, str, str]) -> str:
            return outcome

    seen = look(fake(sockets=Reached()), target=PROMISED)
    (port,) = seen.terminal.ports
    assert seen["jail.peers"].outcome is Outcome.FAILED
    assert f"inside tcp 10.0.0.9:{port} {outcome}" in seen["jail.peers"].detail


def test_no_other_pod(look: Callable[..., Look]) -> None:
    seen = look(peer=False)
    assert seen["jail.peers"].outcome is Outcome.NOT_CHECKED
    assert "no second workspace" in seen["jail.peers"].detail
    assert "--owner" in seen["jail.peers"].next_step


def test_the_clusters_own_name_server_shows_that_udp_works(look: Callable[..., Look]) -> None:
    assert look()["jail.udp"].detail.endswith("the cluster's own name server answers")
    silent = fake(sockets={("outside", "dns", "10.96.0.10:53"): "silent"})
    assert look(silent)["jail.udp"].detail.endswith("nor does any other")


def test_an_image_without_python(look: Callable[..., Look]) -> None:
    seen = look(fake(python=False))
    for check in ("jail.tcp", "jail.bind", "jail.udp", "jail.peers", "jail.metadata"):
        assert seen[check].outcome is Outcome.NOT_CHECKED, check
        assert "no python3" in seen[check].detail
    assert seen["jail.denied"].outcome is Outcome.PASSED


def test_nsjail_has_a_network_of_its_own(look: Callable[..., Look]) -> None:
    target = replace(PROMISED, firewall=replace(FIREWALL, jail="nsjail"))
    seen = look(fake(sockets={("inside", "bind", "0"): "bound"}), target=target)
    for check in ("jail.tcp", "jail.bind"):
        assert seen[check].outcome is Outcome.NOT_CHECKED
        assert "nsjail" in seen[check].detail
    assert seen["jail.metadata"].outcome is Outcome.PASSED


def test_a_host_without_an_address(look: Callable[..., Look]) -> None:
    seen = look(fake(sockets={("inside", "tcp", DIRECT): "unresolved"}))
    assert seen["jail.tcp"].outcome is Outcome.NOT_CHECKED
    assert "has no address inside" in seen["jail.tcp"].detail
