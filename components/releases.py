"""What a stack may name as the release of something it does not build itself."""

from __future__ import annotations

import re
from typing import Final

_RELEASE: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)\Z")


def is_release(text: str) -> bool:
    """Return whether `text` is three numbers, such as 1.3.1."""
    return _RELEASE.match(text) is not None


def is_claude_code_module(text: str) -> bool:
    """Return whether `text` is 4.7.0 or a later 4: 5.0 drops task_app_id, for Coder Tasks."""
    match = _RELEASE.match(text)
    return match is not None and (4, 7) <= (int(match[1]), int(match[2])) < (5, 0)


def is_boundary(text: str) -> bool:
    """Return whether `text` is a release with or without `v` before it, or `latest`."""
    return text == "latest" or is_release(text.removeprefix("v"))
