"""Cilium's own reading of policies and host patterns, by tools/cilium."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from toolchain import tools


def ask(
    policies: Sequence[Mapping[str, Any]] = (),
    selectors: Sequence[Mapping[str, str]] = (),
    names: Sequence[str] = (),
) -> tuple[list[str], list[list[str]]]:
    """Return why each policy is refused, empty if it is not, and what each selector matches."""
    answer = _answer(
        policies=policies, selectors=selectors, names=[f"{name.lower()}." for name in names]
    )
    matched = [[name.removesuffix(".") for name in each] for each in answer["matches"]]
    return answer["refused"], matched


def denied(
    policy: Mapping[str, Any], addresses: Sequence[str], ports: Sequence[int]
) -> list[tuple[str, int]]:
    """Return which addresses outside the cluster a policy denies, and at which ports."""
    answer = _answer(policies=[policy], addresses=addresses, ports=list(map(str, ports)))
    assert answer["refused"] == [""]
    (found,) = answer["denied"]
    return [(address, int(port)) for address, _, port in (each.partition(" ") for each in found)]


def _answer(**asked: Any) -> dict[str, Any]:
    done = subprocess.run(
        [str(tools.build("cilium")), "check"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def definition() -> dict[str, Any]:
    """Return the definition of CiliumNetworkPolicy that Cilium installs."""
    done = subprocess.run(
        [str(tools.build("cilium")), "crd"], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found
