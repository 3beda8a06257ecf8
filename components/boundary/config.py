"""Boundary's configuration file."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import yaml

from components.boundary.policy import Policy

JailType = Literal["landjail", "nsjail"]
LogLevel = Literal["error", "warn", "info", "debug"]


def render_config(
    policy: Policy,
    *,
    jail_type: JailType,
    log_dir: str = "/tmp/boundary_logs",  # noqa: S108  the deployed folder inside a workspace
    log_level: LogLevel = "warn",
    proxy_port: int = 8087,
) -> str:
    """Return the YAML that boundary v0.9.0 reads; the same bytes for the same policy."""
    return _rendered(tuple(policy.texts), jail_type, log_dir, log_level, proxy_port)


@lru_cache(maxsize=64)  # templates share policies
def _rendered(
    rules: tuple[str, ...], jail_type: str, log_dir: str, log_level: str, proxy_port: int
) -> str:
    document = {
        "allowlist": list(rules),
        "log_dir": log_dir,
        "log_level": log_level,
        "proxy_port": proxy_port,
        "jail_type": jail_type,
    }
    return yaml.safe_dump(document, sort_keys=False, width=4096, allow_unicode=True)
