"""Whether Boundary judges a request by the host that it is sent to, made of what it answers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from components.boundary import Contract, Expectation, Policy, PolicyRule, Rule
from ops.verification.jail import BLOCKED
from ops.verification.misdirection import crossed, told
from ops.verification.model import NotChecked, Outcome
from ops.verification.scripts import JailAnswer, JailRequest
from tests.ops.verification.fake_coderd import URL
from tests.ops.verification.fake_terminal import FakeTerminal
from tests.ops.verification.test_jail import FIREWALL, PYPI, Look, fake, right

Answer = tuple[str, str, str]


def answering(answer: Answer) -> Callable[[JailRequest], Answer]:
    return lambda asked: answer if asked.target else right(asked)


@pytest.mark.parametrize(
    ("terminal", "outcome", "detail"),
    [
        (
            fake(),
            Outcome.KNOWN_FAULT,
            "Boundary v0.9.0 judges the host in a request's target, not the header Host, to which "
            "it sends it: agents can get past the policy",
        ),
        (
            fake(facts={"boundary_version": "v0.9.9"}),
            Outcome.NOT_CHECKED,
            "where this release sends it is not known here",
        ),
        (
            fake(decide=answering(("ALLOW ", "200", ""))),
            Outcome.PASSED,
            "is judged by the host that it is sent to",
        ),
        (
            fake(decide=answering(("", "400", "bad request"))),
            Outcome.PASSED,
            "a target that names another host is refused",
        ),
        (
            fake(decide=lambda asked: ("DENY ", "403", BLOCKED)),
            Outcome.NOT_CHECKED,
            f"GET {PYPI} is not allowed either",
        ),
        (
            fake(decide=answering(("", "000", ""))),
            Outcome.NOT_CHECKED,
            "no word of Boundary about it",
        ),
    ],
)
def test_what_boundary_judges(
    tmp_path: Path, terminal: FakeTerminal, outcome: Outcome, detail: str
) -> None:
    seen = Look(tmp_path, terminal)["jail.target"]
    assert seen.outcome is outcome
    assert detail in seen.detail
    assert bool(seen.next_step) == (outcome is not Outcome.PASSED)


@pytest.mark.parametrize(
    ("code", "said"), [("2", "curl sends no target"), ("28", "no word of Boundary"), ("52", "")]
)
def test_what_curl_could_not_ask_proves_nothing(code: str, said: str) -> None:
    asked = crossed(FIREWALL, URL, "verify.invalid")
    assert asked == JailRequest("GET", PYPI, "verify.invalid:/simple/")
    plain = replace(asked, target="")
    answers = {
        plain: JailAnswer(plain, "ALLOW", "200", ""),
        asked: JailAnswer(asked, "", "000", "", code),
    }
    if not said:
        # Boundary ended the connection, as it does with what it cannot read.
        assert told(answers, asked, "v0.9.0") == "a target that names another host is refused"
        return
    with pytest.raises(NotChecked, match=said):
        told(answers, asked, "v0.9.0")


def test_the_alert_on_requests_past_the_policy_has_nothing_to_tell(tmp_path: Path) -> None:
    asked: list[tuple[JailRequest, Answer]] = []

    def decide(request: JailRequest) -> Answer:
        asked.append((request, right(request)))
        return asked[-1][1]

    seen = Look(tmp_path, fake(decide=decide))
    assert [answer[0] for request, answer in asked if request.target] == ["DENY "]
    # Nor is it looked for in the audit, which has its target in place of its URL.
    assert all(not each.target for each in seen.denied)


@pytest.mark.parametrize(
    ("rules", "expectations", "url"),
    [
        (["domain=pypi.org"], [PYPI], PYPI),
        (["domain=dev.coder.com"], [], "https://dev.coder.com/api/v2/buildinfo"),
        (["domain=pypi.org"], [], None),
        # What every host is allowed tells nothing.
        (["method=GET", "domain=pypi.org"], [PYPI], None),
    ],
)
def test_what_is_asked_is_allowed_and_its_target_is_not(
    rules: list[str], expectations: list[str], url: str | None
) -> None:
    firewall = replace(
        FIREWALL,
        policy=Policy([PolicyRule(Rule.parse(rule), "", "") for rule in rules]),
        contract=Contract(tuple(Expectation("GET", each, "") for each in expectations)),
    )
    asked = crossed(firewall, "https://dev.coder.com/", "verify.invalid")
    assert (asked and asked.url) == url
