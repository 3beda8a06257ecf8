"""Boundary's configuration file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Literal

import yaml

from components.boundary.policy import Policy
from components.boundary.releases import key_problem

JailType = Literal["landjail", "nsjail"]
LogLevel = Literal["error", "warn", "info", "debug"]

JAIL_TYPE: Final[JailType] = "landjail"
"""Landlock, which needs no capability."""
LOG_LEVEL: Final[LogLevel] = "warn"
PROXY_PORT: Final = 8087

# The one in C reads a file of rules in a tenth of the time; some builds of PyYAML lack it.
_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KEY: Final = r"(?m)^([a-z_]+):"


CORRELATED: Final = ("/api/v2/aibridge/*", "/api/v2/ai-gateway/*")
"""Paths of Coder's AI Gateway, under its old name and its new one."""


def render_config(
    policy: Policy,
    *,
    jail_type: JailType,
    log_dir: str = "/tmp/boundary_logs",  # noqa: S108  the deployed folder inside a workspace
    log_level: LogLevel = LOG_LEVEL,
    proxy_port: int = PROXY_PORT,
    use_real_dns: bool = False,
    no_user_namespace: bool = False,
    correlate_with: str = "",
) -> str:
    """Return the YAML that Boundary reads; the same bytes for the same policy.

    Args:
        policy: what is allowed.
        jail_type: how a process is confined.
        log_dir: folder of its logs inside a workspace.
        log_level: from which level on it logs.
        proxy_port: port of its proxy.
        use_real_dns: nsjail looks names up outside of the jail, not by a server that answers all.
        no_user_namespace: nsjail makes no user namespace, where the node allows none.
        correlate_with: Coder's host, whose AI Gateway is told the session of each request; empty
            for nobody. A request's audit line and the prompt that caused it are then joined.
    """
    more: dict[str, Any] = {}
    if use_real_dns:
        more["use_real_dns"] = True
    if no_user_namespace:
        more["no_user_namespace"] = True
    if correlate_with:
        more["session_correlation_enabled"] = True
        # Boundary's own default misses the new name.
        more["session_id_inject_targets"] = [f"domain={correlate_with} path={','.join(CORRELATED)}"]
    written = _rendered(tuple(policy.texts), jail_type, log_dir, log_level, proxy_port)
    return written + (_yaml(more) if more else "")


def settings_of(config: str) -> dict[str, str]:
    """Return what a configuration says besides its rules, as text by key."""
    found: dict[str, list[str]] = {}
    key = ""
    for line in config.splitlines():
        if match := re.match(_KEY, line):
            key = match[1]
            found[key] = [line.removeprefix(match[0]).strip()]
        elif key:
            found[key].append(line.strip().removeprefix("- "))
    return {
        key: " ".join(filter(None, lines)) for key, lines in found.items() if key != "allowlist"
    }


@lru_cache(maxsize=64)  # templates share policies
def document_of(config: str) -> Mapping[str, Any]:
    """Return what a configuration says, as Boundary reads it.

    Raises ValueError with what is wrong for what is no YAML, no mapping, or has an allowlist that
    is no list of texts.
    """
    try:
        document = yaml.load(config, Loader=_Loader)  # noqa: S506  a safe one
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = "" if mark is None else f", at line {mark.line + 1}"
        raise ValueError(f"is no YAML{at}") from None
    if not isinstance(document, Mapping):
        raise ValueError("is no mapping of keys")
    allowed = document.get("allowlist") or []
    if not isinstance(allowed, list) or not all(isinstance(each, str) for each in allowed):
        raise ValueError("has an allowlist that is no list of rules")
    return document


def unread_keys(config: str, release: str) -> tuple[str, ...]:
    """Return what `release` of Boundary cannot read of a configuration, one key a line of words."""
    keys = re.findall(_KEY, config)
    return tuple(f"{key} {problem}" for key in keys if (problem := key_problem(key, release)))


@lru_cache(maxsize=64)  # templates share policies
def _rendered(
    rules: tuple[str, ...], jail_type: str, log_dir: str, log_level: str, proxy_port: int
) -> str:
    return _yaml(
        {
            "allowlist": list(rules),
            "log_dir": log_dir,
            "log_level": log_level,
            "proxy_port": proxy_port,
            "jail_type": jail_type,
        }
    )


def _yaml(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=4096, allow_unicode=True)
