"""What a report says of requests that Boundary judges by one host and sends to another."""

from dataclasses import replace

import pytest

from components.boundary import Contract, Own, Policy, PolicyRule, Rule
from ops import past_policy
from ops.answers import Confinement
from ops.reach import TemplateReach
from ops.reach_lines import reach_lines

WHOLE, NARROW = "domain=pypi.org", "method=GET domain=pypi.org path=/simple/*"


def policy(*rules: str) -> Policy:
    return Policy([PolicyRule(Rule.parse(rule), "stack", "x") for rule in rules])


def confined(*rules: str, release: str = "v0.9.0", own: bool = False) -> Confinement:
    found = policy(*rules) if rules else None
    return Confinement(("t",), found, "", Contract(), "G", Own(), False, release, own)


@pytest.mark.parametrize(
    ("confinement", "said"),
    [
        (confined(NARROW), ["v0.9.0 lets past the policy", "every host that the network opens"]),
        (confined(WHOLE, NARROW), ["v0.9.0", "every host", "so is Coder: by domain=pypi.org"]),
        # Such a request has no path there.
        (confined(WHOLE, release="v0.5.1"), ["v0.5.1", "every host"]),
        (confined(WHOLE, release="v0.2.1"), []),
        (confined(NARROW, own=True), ["unless the stack's own program is mended", "every host"]),
        (confined(), []),
    ],
)
def test_the_report_on_grades_says_what_they_do_not_hold(
    confinement: Confinement, said: list[str]
) -> None:
    lines = list(past_policy.lines(confinement))
    assert [part in line for part, line in zip(said, lines, strict=True)] == [True] * len(said)
    assert bool(past_policy.to_json(confinement)) == bool(said)


USUAL = TemplateReach(
    "firewalled",
    before=True,
    after=True,
    old=policy(NARROW),
    new=policy(NARROW, WHOLE),
    old_release="v0.9.0",
    new_release="v0.9.0",
)


@pytest.mark.parametrize(
    ("reach", "said"),
    [
        (USUAL, "an agent can make itself a token of Coder: by `domain=pypi.org`"),
        (replace(USUAL, before=False, old=None), "an agent can make itself a token of Coder: by"),
        (
            replace(USUAL, old=USUAL.new, new=USUAL.old),
            "no rule is left by which, past the policy, an agent can make itself a token of Coder",
        ),
        (replace(USUAL, old=policy(WHOLE), new=policy(WHOLE, "domain=a.org")), ""),
        (replace(USUAL, new=policy(NARROW, "method=GET domain=a.org")), ""),
        # Whoever reached every host, or now does, is told of nothing more.
        (replace(USUAL, old=None), ""),
        (replace(USUAL, old=USUAL.new, new=None), ""),
        # The release of before was not recorded: it is taken for the same.
        (replace(USUAL, old=policy(WHOLE), old_release=None), ""),
        (replace(USUAL, old_release=None, new_release=None), ""),
    ],
)
def test_a_review_says_once_that_coders_api_is_opened_past_the_policy(
    reach: TemplateReach, said: str
) -> None:
    lines = reach_lines([reach])
    about = [line for line in lines if "past the policy" in line]
    assert [said in line for line in about] == ([True] if said else [])
