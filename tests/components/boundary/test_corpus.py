from pathlib import Path

import pytest
import yaml

from tests.components.boundary import generate, reference

CASES = yaml.safe_load(Path(__file__).with_name("corpus.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["reason"])
def test_hard_case(case: dict) -> None:
    assert set(case) - {"method"} == {"rules", "url", "allowed", "reason"}
    rules = [case["rules"]] if isinstance(case["rules"], str) else case["rules"]
    method = case.get("method", "GET")
    assert generate.policy(rules).decide(method, case["url"]).allowed is case["allowed"]
    assert (reference.decide(rules, method, case["url"]) is not None) is case["allowed"]
