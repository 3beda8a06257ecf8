"""What Coder's agent makes of a `$` in the value of a variable, and which it may be.

agent/agent.go of coder/coder, updateCommandEnv: every variable of the template goes through Go's
os.ExpandEnv, "so that customers can prepend or append to the $PATH". It asks the environment of
the agent's own process; what is not there is nothing. No sign keeps a `$` before a name as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

NAMED: Final = ("PATH", "HOME")
"""What a value may name: what every agent's process has, and what a reader knows without it."""

# Go's os.Expand: `${name}`, bad syntax that it drops, one sign of a shell's own, a name.
_READ: Final = re.compile(
    r"\$(?:\{(?P<braced>[^}]+)\}|\{\}|\{|(?P<sign>[*#$@!?0-9-])|(?P<name>[A-Za-z0-9_]+))"
)


def expanded(value: str, environment: Mapping[str, str]) -> str:
    """Return what a workspace has for a value.

    Args:
        value: as the template has it.
        environment: of the agent's process.
    """
    return _READ.sub(lambda found: environment.get(_name(found), ""), value)


def expansion_problem(value: str) -> str:
    """Return why a workspace would not have a value as it is written, empty if it has."""
    if all(_name(found) in NAMED for found in _READ.finditer(value)):
        return ""
    return (
        "has a $ that Coder's agent replaces by a variable of its own, or by nothing, so a review "
        f"cannot show the value: write it out; only {' and '.join(f'${each}' for each in NAMED)} "
        "may be named"
    )


def _name(found: re.Match[str]) -> str:
    return found["braced"] or found["sign"] or found["name"] or ""
