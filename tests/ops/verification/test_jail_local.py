"""The jail looked at from inside for real: shell, /proc, sockets, and Landlock where it is."""

import subprocess
import time

import pytest

from local.workspace import landlock
from ops.verification import scripts
from ops.verification.deployment import CoderDeployment
from ops.verification.jail import Jail
from ops.verification.model import Outcome, Result
from ops.verification.path import Visit
from ops.verification.plan import Target
from ops.verification.run import Clock
from tests.ops.verification.conftest import FIREWALL, Place
from tests.ops.verification.making import Making, Redaction, as_declared

pytestmark = pytest.mark.usefixtures("alone")
LANDLOCK = landlock.abi() >= landlock.NETWORK_ABI


@pytest.fixture(scope="module")
def seen(place: Place, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    making = Making(tmp_path_factory.mktemp("run"))
    # Real time passes, and what is polled here answers within a moment.
    run = making.run(clock=Clock(sleep=lambda seconds: time.sleep(min(seconds, 0.1))))
    url = place.coderd.url
    target = Target("firewalled", "firewalled", "jail", firewall=FIREWALL, access_url=url)
    peer = Target("open", "open", "peer", access_url=url)
    with (
        pytest.MonkeyPatch.context() as patch,
        CoderDeployment(place.coderd, Redaction([place.coderd.token])) as deployment,
    ):
        # Nobody reads the audit here.
        patch.setattr(scripts, "AUDIT_SECONDS", 0)
        visits = [Visit(run, deployment, each, as_declared) for each in (target, peer)]
        try:
            run.parallel([visit.build for visit in visits])
            visits[0].look_inside()
            jail = Jail(run, *visits)
            jail.look()
        finally:
            run.parallel([visit.delete for visit in visits])
    assert place.coderd.token not in repr(making.told)
    return {f"{result.subject} {result.check}": result for result in making.told}


def test_nothing_stays(place: Place, seen: dict[str, Result]) -> None:
    assert seen["firewalled path.deleted"].outcome is Outcome.PASSED
    assert {"jail", "peer"}.isdisjoint(place.workspaces())
    folder = place.local.directory / "workspaces"
    running = subprocess.run(
        ["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True
    )
    made = seen["firewalled path.built"].exchanges[0].answer
    id = made.split('"id": "')[1].split('"')[0]
    assert id not in [each.name for each in folder.iterdir()]
    assert id not in running.stdout


def test_a_workspace_that_starts_claude_code_is_ready_once_it_runs(place: Place) -> None:
    id, _ = place.workspace("firewalled", "ready")
    running = subprocess.run(
        ["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True
    )
    with place.local.client() as client:
        deleting = {"transition": "delete"}
        client.post(f"/api/v2/workspaces/{id}/builds", json=deleting).raise_for_status()
    assert f"{id}/bin/claude" in running.stdout


@pytest.mark.parametrize(
    "check",
    ["jail.started", "jail.policy", "jail.claude", "jail.denied", "jail.tcp", "jail.bind"],
)
def test_the_jail_holds(seen: dict[str, Result], check: str) -> None:
    result = seen[f"firewalled {check}"]
    assert result.outcome is (Outcome.PASSED if LANDLOCK else Outcome.NOT_CHECKED), result


def test_boundary_judges_another_host_than_it_sends_to(seen: dict[str, Result]) -> None:
    result = seen["firewalled jail.target"]
    assert result.outcome is (Outcome.KNOWN_FAULT if LANDLOCK else Outcome.NOT_CHECKED), result


def test_what_was_asked_and_answered_is_kept(seen: dict[str, Result]) -> None:
    told = {e.request: e.answer for e in seen["firewalled jail.started"].exchanges}
    assert told["inside the jail: HEAD http://denied.test/"] == "denied (403)"
    assert told["inside the jail: POST http://only-get.test/"] == "denied (403)"
    allowed = told["inside the jail: GET http://nowhere.invalid/simple/"]
    assert allowed == "allowed, but no answer from the server"


def test_coderd_answers_from_inside(seen: dict[str, Result]) -> None:
    assert seen["firewalled path.inside"].outcome is Outcome.PASSED


def test_landlock_leaves_the_proxys_port_of_other_pods_open(seen: dict[str, Result]) -> None:
    result = seen["firewalled jail.peers"]
    assert result.outcome is Outcome.NOT_CHECKED
    assert "inside tcp 127." in result.detail


def test_a_typed_claude_is_the_templates_own(seen: dict[str, Result]) -> None:
    result = seen["firewalled jail.typed"]
    assert result.outcome is (Outcome.PASSED if LANDLOCK else Outcome.NOT_CHECKED), result
