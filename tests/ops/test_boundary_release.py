"""A move of Boundary to a release that decides otherwise, for reviews and for the record."""

from typing import Any

import pytest

from components.boundary import Policy
from components.boundary.older import as_decided
from ops import history, report
from ops.assessment import StackPreview
from ops.stack_reach import StackReach, compared
from ops.template_changes import Registered
from tests.ops.test_network import policy

ONE = policy("domain=pypi.org", "domain=*.a.example", "method=GET domain=b.*.example path=/x")
STARRED = policy("domain=pypi.org path=/a/*,/b")
BELOW = "Boundary v0.5.4 takes `domain=` for every host below it"
UNKNOWN = "nothing is known of how Boundary v1.0.0 decides"
FLOATS = "Boundary is whatever release is newest when a workspace starts"
REFUSES = "Boundary v0.7.0 refuses the policy's file, so no agent starts"
NOTHING_NEW = "agents reach nothing new"


def registered(release: str | None) -> dict[str, Registered]:
    return {"t": Registered.of({"pins": {"Boundary": release} if release else {}})}


def previewed(old: str | None, new: str | None, was: Any = ONE, now: Any = ONE) -> StackPreview:
    before = {} if was == "absent" else {"t": was}
    return StackPreview(
        "dev",
        before,
        {"t": now},
        old_templates=registered(old) if before else {},
        new_templates=registered(new),
    )


def record(old: str, new: str, was: Policy = ONE, now: Policy = ONE) -> str:
    sides = StackReach({"t": was}, releases={"t": old}), StackReach({"t": now}, releases={"t": new})
    return history.policy_line(compared(*sides))


def test_the_release_that_opens_what_is_below_a_host_opens_it_in_every_report() -> None:
    found = previewed("v0.9.0", "v0.5.4")
    assert found.verdict == "opens"
    assert report.headline([found]) == f"⚠️ agents reach more than they do now; {BELOW}"
    text = report.to_markdown([found])
    assert f"- ⚠️ Boundary `v0.9.0` → `v0.5.4`: **{BELOW}**" in text
    assert "- newly reached (2):" in text
    assert "  - `*.pypi.org`: all methods, all paths" in text
    assert "  - `*.b.*.example`: GET, `/x`" in text
    assert record("v0.9.0", "v0.5.4") == f"t: {BELOW}, opens *.b.*.example, *.pypi.org"
    (reach,) = report.to_json([found])["stacks"][0]["reach"]
    assert reach["opens"] is True
    assert reach["boundaryRelease"] == {"before": "v0.9.0", "after": "v0.5.4", "doubt": BELOW}


UNAUDITED = "Boundary v0.4.0 sends Coder no audit: no request leaves a line"


@pytest.mark.parametrize(
    ("old", "was", "told"),
    [
        ("v0.5.4", ONE, (UNAUDITED,)),
        ("v0.9.0", ONE, (f"{BELOW.replace('v0.5.4', 'v0.4.0')}; {UNAUDITED}",)),
        (None, None, (f"{BELOW.replace('v0.5.4', 'v0.4.0')}; {UNAUDITED}",)),
        ("v0.4.0", ONE, ()),
        # What an earlier state does not say is no change.
        (None, ONE, ()),
    ],
)
def test_a_release_without_an_audit_is_in_the_headline(
    old: str | None, was: Any, told: tuple[str, ...]
) -> None:
    found = previewed(old, "v0.4.0", was)
    assert found.warnings == told
    assert all(each in report.headline([found]) for each in told)
    assert (UNAUDITED in record(old or "v0.9.0", "v0.4.0")) is (old != "v0.4.0")


def test_the_way_back_closes_it_and_warns_of_nothing() -> None:
    found = previewed("v0.5.4", "v0.9.0")
    assert found.warnings == ()
    # Below *.a.example stays what another rule opens.
    assert record("v0.5.4", "v0.9.0") == "t: closes part of *.b.*.example, *.pypi.org"


@pytest.mark.parametrize(
    ("new", "policy_", "warning"),
    [("v1.0.0", ONE, UNKNOWN), ("latest", ONE, FLOATS), ("v0.7.0", STARRED, REFUSES)],
)
def test_a_release_that_is_unknown_or_refuses_is_never_nothing_new(
    new: str, policy_: Policy, warning: str
) -> None:
    found = previewed("v0.9.0", new, policy_, policy_)
    assert report.headline([found]) == f"⚠️ {warning}"
    assert NOTHING_NEW not in report.to_markdown([found])
    assert record("v0.9.0", new, policy_, policy_) == f"t: {warning}"


@pytest.mark.parametrize("was", [None, "absent"])
@pytest.mark.parametrize(("release", "told"), [("v0.5.4", BELOW), ("latest", FLOATS)])
def test_a_template_newly_confined_by_such_a_release_is_told(
    was: Any, release: str, told: str
) -> None:
    assert previewed(None, release, was).warnings == (told,)


@pytest.mark.parametrize(
    ("old", "new", "was", "now"),
    [
        ("v0.9.0", "v0.8.1", ONE, ONE),
        ("latest", "latest", ONE, ONE),
        ("latest", "v0.9.0", ONE, ONE),
        (None, "latest", ONE, ONE),
        ("v0.5.4", "v0.5.3", ONE, ONE),
        ("v1.0.0", "v1.0.0", ONE, ONE),
        # No rule of it has the form that is refused.
        ("v0.9.0", "v0.7.0", ONE, ONE),
        ("v0.7.0", "v0.8.0", STARRED, STARRED),
        # What an earlier state does not say is no change.
        (None, "v0.5.4", ONE, ONE),
        ("v0.5.4", None, ONE, ONE),
        ("v0.9.0", "v0.5.4", ONE, None),
    ],
)
def test_what_decides_alike_or_is_not_recorded_raises_no_alarm(
    old: str | None, new: str | None, was: Any, now: Any
) -> None:
    found = previewed(old, new, was, now)
    assert found.warnings == ()
    assert found.reaches[0].comparison.empty


def test_a_rule_that_the_release_newly_refuses_is_told_without_a_move() -> None:
    assert previewed("v0.7.0", "v0.7.0", ONE, STARRED).warnings == (REFUSES,)


@pytest.mark.parametrize(("new", "told"), [("v1.0.0", UNKNOWN), ("latest", FLOATS)])
@pytest.mark.parametrize("recorded", [True, False])
def test_other_rules_for_a_release_that_is_not_known_are_never_nothing_new(
    new: str, told: str, recorded: bool
) -> None:
    narrower = policy("domain=pypi.org")
    found = previewed(new if recorded else None, new, ONE, narrower)
    assert report.headline([found]) == f"⚠️ {told}"
    assert f"- ⚠️ Boundary `{new}`: **{told}**" in report.to_markdown([found])
    assert record(new, new, ONE, narrower).startswith(f"t: {told}, closes ")


def test_one_unknown_release_is_not_another() -> None:
    assert previewed("v1.0.1", "v1.0.0").warnings == (UNKNOWN,)


def test_rules_are_decided_as_the_release_does() -> None:
    wider = as_decided(ONE, "v0.5.4")
    assert wider.decide("GET", "https://evil.pypi.org/").allowed
    assert wider.decide("GET", "https://pypi.org/").allowed
    assert not wider.decide("GET", "https://a.example/").allowed
    for release in ("v0.9.0", "v0.7.0", "v1.0.0", None):
        assert as_decided(ONE, release) is ONE


def test_the_grade_follows_the_release_where_nothing_else_changes() -> None:
    tunnels = policy("domain=ngrok.io", "method=GET domain=internal")
    found = previewed("v0.9.0", "v0.5.4", tunnels, tunnels)
    (reach,) = found.reaches
    assert reach.grades == ("A", "H")
    text = report.to_markdown([found])
    assert "- exfiltration grade A → H (A: no host where anyone may receive)\n" in text
    assert "- ⛔ **an agent can leave the firewall**: the node's metadata service" in text
    assert previewed("v0.5.4", "v0.9.0", tunnels, tunnels).reaches[0].grades == ("H", "A")
    # A state that does not say by which release it is decided raises no alarm.
    assert previewed(None, "v0.5.4", tunnels, tunnels).reaches[0].grades == ("H", "H")
