"""What a stack may name as the release of something it does not build itself."""

from __future__ import annotations

import re
from typing import Final

from components.boundary.releases import LATEST, NEWEST

BOUNDARY: Final = NEWEST
"""Release of the standalone binary that the policy is proven against; 2026-04-24."""
CODER_PROVIDER: Final = "2.20.0"
KUBERNETES_PROVIDER: Final = "3.2.1"
"""Releases of coder/coder and hashicorp/kubernetes that the HCL names and was tried with."""

_RELEASE: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)\Z")


def is_release(text: str) -> bool:
    """Return whether `text` is three numbers, such as 1.3.1."""
    return _RELEASE.match(text) is not None


def is_claude_code_module(text: str) -> bool:
    """Return whether `text` is 4.7.0 or a later 4: 5.0 drops task_app_id, for Coder Tasks."""
    match = _RELEASE.match(text)
    return match is not None and (4, 7) <= (int(match[1]), int(match[2])) < (5, 0)


def is_coder_provider(text: str) -> bool:
    """Return whether `text` is a release of coder/coder that has what the HCL reads: 2.13.0 on."""
    return _is_at_least(text, (2, 13, 0))


def is_kubernetes_provider(text: str) -> bool:
    """Return whether `text` is a release of hashicorp/kubernetes with its _v1 types: 2.23.0 on."""
    return _is_at_least(text, (2, 23, 0))


def _is_at_least(text: str, least: tuple[int, int, int]) -> bool:
    match = _RELEASE.match(text)
    return match is not None and (int(match[1]), int(match[2]), int(match[3])) >= least


def is_boundary(text: str) -> bool:
    """Return whether `text` is a release with or without `v` before it, or `latest`."""
    return text == LATEST or is_release(text.removeprefix("v"))
