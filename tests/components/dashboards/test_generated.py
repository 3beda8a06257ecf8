"""What the generated deployment says agrees with the product: its pictures are shown to people."""

from docs import panel_data
from ops import stacks
from tests.components.dashboards import generated, generated_requests, series_deployment
from tests.components.dashboards.generated_requests import END, FRESH, LOST, TEMPLATES, URLS

POLICIES = stacks.policies("dev")
POLICY = POLICIES["firewalled"]
AUDITED = panel_data.CONTEXT.names


def rule(method: str, url: str) -> str | None:
    """Return the text of the rule by which the policy of stack dev allows a request."""
    assert POLICY is not None
    found = POLICY.decide(method, url).rule
    return found.rule.text if found else None


def test_a_request_is_decided_as_the_policy_decides_it() -> None:
    seen = set()
    for each in generated_requests.requests():
        allowing = rule(each.method, each.url)
        lost = each.domain in LOST.get(each.version, ())
        assert each.decision == ("allow" if allowing and not lost else "deny"), each
        if each.decision == "allow":
            assert f'"matched_rule":"{allowing}"' in each.line
        seen.add((each.decision, each.version))
    assert len(seen) == 6, "every version allows some and denies some"
    for url, _, _ in (*URLS, FRESH):
        assert (rule("GET", url) is None) == ("npmjs" in url or "example" in url.split("?")[0]
                                              or "[" in url)  # fmt: skip


def test_a_recorded_request_has_the_policys_rule() -> None:
    logs = generated.deployment().logs
    assert {each.matched_rule is None for each in logs} == {True, False}
    for each in logs:
        assert each.matched_rule == rule(each.method, each.detail)


def test_only_templates_with_a_firewall_have_decisions() -> None:
    without = {name for name, policy in POLICIES.items() if policy is None}
    without |= {a.template_name for a in series_deployment.AGENTS} - {"firewalled"}
    assert without == {"claude-code"}
    names = {AUDITED[each] for each in TEMPLATES}
    assert not names & without
    assert names == {"firewalled", "firewalled-go"}


def test_a_picture_shows_nothing_of_before_or_after_its_range() -> None:
    data = generated.until(generated.deployment(), END)
    chosen = generated.busy_session(data, panel_data.START)
    times = [each.captured_at for each in data.logs if each.session_id == chosen]
    assert len(times) > 5
    assert min(times) >= panel_data.START
    assert max(times) <= END
    assert max(each.updated_at for each in data.sessions) <= END
    assert panel_data.CHOSEN["agent-firewall"]["session"] == chosen
