"""Answers of Boundary 0.9.0's own engine, recorded: the same rule of the same policy, or none."""

import gzip
import json
from collections import Counter
from pathlib import Path

from components.boundary import Policy, PolicyRule, Rule, RuleError

RECORDED = Path(__file__).parents[2] / "recordings" / "boundary-0.9.0" / "decisions.jsonl.gz"


def read(texts: list[str]) -> Policy | None:
    """Return the policy as it is read once deployed, None for one that Boundary does not load."""
    try:
        return Policy([PolicyRule(Rule.read(text), "recorded", "a test") for text in texts])
    except RuleError:
        return None


def test_every_recorded_answer_is_ours() -> None:
    seen: Counter[str] = Counter()
    wrong = []
    with gzip.open(RECORDED, "rt", encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            policy = read(case["rules"])
            refused = case.get("refused", False)
            seen["refused" if refused else "loaded"] += 1
            if refused is not (policy is None):
                wrong.append(case["rules"])
            for method, url, rule in case.get("requests", ()) if policy is not None else ():
                decision = policy.decide(method, url)
                answer = None if decision.rule is None else decision.rule.rule.text
                seen["allowed" if rule is not None else "denied"] += 1
                if answer != rule:
                    wrong.append((case["rules"], method, url, rule, answer))
    assert not wrong, f"{len(wrong)} disagreements, the first {wrong[0]}"
    assert seen["refused"] + seen["loaded"] == 1800
    assert seen["allowed"] + seen["denied"] == 21_780
    assert min(seen.values()) > 500
