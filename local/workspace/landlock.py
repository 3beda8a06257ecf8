"""Landlock's rules for TCP, by the kernel's own calls (landlock(7), Linux 6.7 or newer)."""

import ctypes
import os
import struct

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_NET_PORT = 2
_BIND_TCP, _CONNECT_TCP = 1, 2
_NO_NEW_PRIVS = 38
NETWORK_ABI = 4
"""The first version of Landlock that knows the network."""


class LandlockError(Exception):
    """This kernel cannot confine a process's network."""


def abi() -> int:
    """The version of Landlock that the kernel has, 0 without one."""
    try:
        found = int(_libc().syscall(_CREATE_RULESET, None, 0, _VERSION))
    except OSError:
        return 0
    return max(found, 0)


def confine(port: int) -> None:
    """Let this process, and whatever it starts, bind no TCP port and connect to `port` alone.

    Raises:
        LandlockError: the kernel has no Landlock, or none that knows the network.
    """
    libc = _libc()
    if abi() < NETWORK_ABI:
        raise LandlockError(f"missing kernel Landlock support: ABI {abi()}, need {NETWORK_ABI}")
    attributes = struct.pack("=QQ", 0, _BIND_TCP | _CONNECT_TCP)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        raise LandlockError(os.strerror(ctypes.get_errno()))
    try:
        rule = struct.pack("=QQ", _CONNECT_TCP, port)
        if libc.syscall(_ADD_RULE, ruleset, _NET_PORT, rule, 0):
            raise LandlockError(os.strerror(ctypes.get_errno()))
        if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(_RESTRICT_SELF, ruleset, 0):
            raise LandlockError(os.strerror(ctypes.get_errno()))
    finally:
        os.close(ruleset)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
