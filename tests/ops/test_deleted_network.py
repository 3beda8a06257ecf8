"""An update that changes nothing says which network policy somebody deleted."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from ops import live_network, stacks, up
from ops.live_network import LiveNetwork
from ops.stack_reach import of_settings

POLICY = "NetworkPolicy coder-workspaces/firewalled-coder-workspaces"


def said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], found: LiveNetwork
) -> str:
    result = SimpleNamespace(summary=SimpleNamespace(resource_changes={"same": 1}), outputs={})
    applied = result, SimpleNamespace(policy="no change", warnings="", unrecorded="")
    monkeypatch.setattr(up.protection, "check", lambda *_, **__: None)
    monkeypatch.setattr(up.engine, "session", lambda *_: nullcontext(SimpleNamespace(stack=None)))
    monkeypatch.setattr(up, "apply", lambda *_: applied)
    monkeypatch.setattr(live_network, "against", lambda _: found)
    up.up("local")
    told = capsys.readouterr()
    return told.out + told.err


def declared(stack: str = "local") -> tuple[Any, ...]:
    return of_settings(stacks.settings(stack)).network or ()


def test_a_deleted_policy_leaves_workspaces_open_and_the_way_on_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(monkeypatch, capsys, LiveNetwork(gone=declared()))
    assert (
        "what agents reach: no change\n"
        "warning: somebody deleted the network policy: workspaces are open now\n"
        f"deleted: {POLICY}\n"
        "  no policy selects the pods of firewalled, claude-code: they reach every address and "
        "port at this moment, and everything reaches them\n"
        "an update alone does not see that it is gone; this makes it again:\n"
        "  python -m ops refresh local && python -m ops up local\n"
    ) in told


def test_where_every_policy_is_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "deleted" not in said(monkeypatch, capsys, LiveNetwork())


def test_a_policy_that_only_opens_is_missed_as_less(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two that select the same pods one is enough to close them."""
    (fence,) = declared()
    web = {**fence, "metadata": {**fence["metadata"], "name": "web"}}
    lesser = {**fence, "spec": {**fence["spec"], "egress": fence["spec"]["egress"][:1]}}
    both = SimpleNamespace(network=(lesser, web))
    monkeypatch.setattr("ops.deleted_network.of_settings", lambda _: both)
    told = said(monkeypatch, capsys, LiveNetwork(gone=(web,)))
    assert "warning: somebody deleted a network policy: less is reached now" in told
    assert "every address" not in told
