"""Expands the variables of a provisioning file's value as Grafana does.

Rules: pkg/services/provisioning/values and pkg/setting/expanders of Grafana, os.ExpandEnv of Go.
"""

import re
from collections.abc import Mapping
from typing import Any

_BRACED = re.compile(r"\$(?P<kind>|__\w+)\{(?P<name>[^}]+)\}")
_SHELL = re.compile(
    r"\$(?:\{(?P<braced>[^}]*)\}|(?P<special>[*#$@!?\-0-9])|(?P<name>\w+))", re.ASCII
)


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Return the value that Grafana takes for a text; raises FileNotFoundError for any file."""

    def braced(match: re.Match[str]) -> str:
        if match["kind"] == "__file":
            raise FileNotFoundError(match["name"])
        return environment.get(match["name"], "") if match["kind"] in {"", "__env"} else match[0]

    def shell(match: re.Match[str]) -> str:
        return environment.get(match["braced"] or match["special"] or match["name"] or "", "")

    # Two dollars are one: each part between them is expanded by itself.
    return "$".join(_SHELL.sub(shell, _BRACED.sub(braced, part)) for part in text.split("$$"))


def read(value: Any, environment: Mapping[str, str]) -> Any:
    """Return a whole provisioning file as Grafana reads it, all but queries and annotations."""
    if isinstance(value, str):
        return expand(value, environment)
    if isinstance(value, list):
        return [read(each, environment) for each in value]
    if not isinstance(value, dict):
        return value
    raw = {"annotations", "model"}
    return {k: each if k in raw else read(each, environment) for k, each in value.items()}
