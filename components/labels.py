"""Kubernetes labels: what they may be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_PART: Final = re.compile(r"(?=.{1,63}\Z)[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")
_PREFIX: Final = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?\Z")


def label_problem(labels: Mapping[str, str]) -> str | None:
    """Return what is wrong with labels in words, None if nothing is."""
    for key, value in labels.items():
        prefix, _, name = key.rpartition("/")
        if not _PART.match(name) or not _PREFIX.match(prefix):
            return f"{key!r} is no Kubernetes label such as release or example.com/team"
        if value and not _PART.match(value):
            return (
                f"{value!r} of {key} is no label value: up to 63 of letters, digits and -_. inside"
            )
    return None
