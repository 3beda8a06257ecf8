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
    asked = {
        "policies": policies,
        "selectors": selectors,
        "names": [f"{name.lower()}." for name in names],
    }
    done = subprocess.run(
        [str(tools.build("cilium")), "check"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    matched = [[name.removesuffix(".") for name in each] for each in answer["matches"]]
    return answer["refused"], matched


def definition() -> dict[str, Any]:
    """Return the definition of CiliumNetworkPolicy that Cilium installs."""
    done = subprocess.run(
        [str(tools.build("cilium")), "crd"], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found
