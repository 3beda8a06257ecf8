"""The environment variables of a workspace's agent, as a typed value.

A template carries them in agent_env.json, from which its HCL makes one coder_env a variable. That
file is part of the template, readable by whoever may read the template, so no secret goes in. The
owner's session token, Claude Code's only credential, comes from the claude-code module in the form
that its release wants: CLAUDE_API_KEY of 4, ANTHROPIC_AUTH_TOKEN of 5.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, get_args

from components.boundary.config import JailType
from components.boundary.credentials import form_of, names_credential
from components.errors import refuse
from components.expansion import expansion_problem
from components.jail_env import jail_problem
from components.syntax import ARGUMENT_LENGTH

BOUNDARY_CONFIG: Final = "BOUNDARY_CONFIG"
BOUNDARY_JAIL_TYPE: Final = "BOUNDARY_JAIL_TYPE"
BOUNDARY_CONFIG_PATH: Final = "/home/coder/.config/coder_boundary/config.yaml"

JAIL_TYPES: Final[tuple[str, ...]] = get_args(JailType)

# POSIX.1-2017, 8.1: what a shell can export.
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

_ONE_CREDENTIAL: Final = (
    "the claude-code module gives Claude Code its one credential, the owner's session token for "
    "Coder's AI Gateway"
)
_RESERVED: Final[Mapping[str, str]] = {
    BOUNDARY_CONFIG: "the firewall sets it; turn the firewall on or off instead",
    BOUNDARY_JAIL_TYPE: "the firewall sets it; set the jail type of the firewall instead",
    "ANTHROPIC_AUTH_TOKEN": _ONE_CREDENTIAL,
    "ANTHROPIC_API_KEY": _ONE_CREDENTIAL,
    "CLAUDE_API_KEY": _ONE_CREDENTIAL,
    "CLAUDE_CODE_OAUTH_TOKEN": _ONE_CREDENTIAL,
    "ANTHROPIC_BASE_URL": "the claude-code module points it at Coder's AI Gateway",
    "PROXY_PORT": "it would move Boundary's proxy away from the policy's port",
}
_RESERVED_PREFIXES: Final[Mapping[str, str]] = {
    "BOUNDARY_": "it would override the policy's file; change the firewall's settings instead",
    "CODER_AGENT_": "Coder sets the agent's own variables",
}


@dataclass(frozen=True)
class AgentEnv:
    """The variables of one template's agent.

    BOUNDARY_CONFIG and BOUNDARY_JAIL_TYPE are there if and only if the firewall is on: boundary
    v0.9.0 reads no policy without the first and starts nsjail without the second.

    Args:
        jail_type: `landjail` or `nsjail` with the firewall on, None with it off.
        variables: a stack's own variables; never a secret.

    Raises:
        ArgsError: names that no shell can export, reserved ones, credentials, values that an
            environment cannot hold or that Coder's agent would replace, with the firewall on what
            breaks it.
    """

    jail_type: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = []
        if self.jail_type is not None and self.jail_type not in JAIL_TYPES:
            problems.append(f"jail type {self.jail_type!r} is not one of {', '.join(JAIL_TYPES)}")
        for name, value in self.variables.items():
            problems.extend(_problems(name, value))
            if self.jail_type is not None and (problem := jail_problem(name, value)):
                problems.append(problem)
        refuse("agent environment", problems)

    def entries(self) -> dict[str, str]:
        """Every variable of the agent, sorted by name."""
        entries = dict(self.variables)
        if self.jail_type is not None:
            entries[BOUNDARY_CONFIG] = BOUNDARY_CONFIG_PATH
            entries[BOUNDARY_JAIL_TYPE] = self.jail_type
        return dict(sorted(entries.items()))

    def to_json(self) -> str:
        """The file agent_env.json: the same bytes for the same variables."""
        document = {name: {"value": value} for name, value in self.entries().items()}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _problems(name: str, value: str) -> list[str]:
    if not _NAME.match(name):
        # What stands behind a `=` may be a value.
        shown = repr(name.partition("=")[0])
        return [f"{shown} is no variable name: letters, digits and _, not starting with a digit"]
    if name in _RESERVED:
        return [f"{name} is reserved: {_RESERVED[name]}"]
    for prefix, why in _RESERVED_PREFIXES.items():
        if name.startswith(prefix):
            return [f"{name} is reserved: {why}"]
    form = form_of(value)
    if form or names_credential(name, value):
        what = f"holds {form}" if form else "names a credential"
        return [
            f"{name} {what}, and everybody who may read the template could read it: "
            "give the workspace its credential through GitLab or the AI Gateway"
        ]
    if "\0" in value:
        return [f"{name} holds a NUL byte, which no environment can hold"]
    problem = _length_problem(f"{name}={value}") or expansion_problem(value)
    return [f"{name} {problem}"] if problem else []


def _length_problem(entry: str) -> str:
    if (length := len(entry.encode())) <= ARGUMENT_LENGTH:
        return ""
    return (
        f"holds {length:,} bytes with its name, and Linux starts no program with a variable of "
        f"more than {ARGUMENT_LENGTH:,} (MAX_ARG_STRLEN)"
    )
