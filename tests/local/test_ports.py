"""Which ports the processes of the local stack get."""

import socket
from pathlib import Path

import pytest

from local import ports

SYSTEMS_OWN = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_ports_are_free_and_not_the_same() -> None:
    found = ports.free_ports(5)
    assert len(set(found)) == 5
    assert ports.all_free(found)


def test_a_port_on_which_somebody_listens_is_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = ports.free_ports(2)
    monkeypatch.setattr(ports, "_RANGE", [first, second])
    with socket.create_server(("127.0.0.1", first)):
        assert ports.free_ports(1) == [second]


@pytest.mark.skipif(not SYSTEMS_OWN.exists(), reason="this system says elsewhere which it takes")
def test_no_connection_that_goes_out_takes_one_meanwhile() -> None:
    first, last = map(int, SYSTEMS_OWN.read_text().split())
    assert set(ports._RANGE).isdisjoint(range(first, last + 1))
