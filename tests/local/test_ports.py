"""Which ports the processes of the local stack get."""

import socket

import pytest

from local import ports


def test_ports_are_free_and_not_the_same() -> None:
    found = ports.free_ports(5)
    assert len(set(found)) == 5
    assert ports.all_free(found)


def test_a_port_on_which_somebody_listens_is_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = ports.free_ports(2)
    monkeypatch.setattr(ports, "_RANGE", [first, second])
    with socket.create_server(("127.0.0.1", first)):
        assert ports.free_ports(1) == [second]


def test_no_connection_that_goes_out_takes_one_meanwhile() -> None:
    # Linux takes them from there on (net.ipv4.ip_local_port_range), others from 49152.
    assert max(ports._RANGE) < 32768
