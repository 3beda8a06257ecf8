"""coderd's variables by name: what the external login and the audit need, and who sets them.

Names and values are those of Coder's documentation. Nothing here knows Pulumi, so that settings and
look-ups can ask as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from components.coder.clone_urls import clone_url_regex

Setter = Literal["patch", "secret", "chart", "none"]
"""Who sets coderd's variables.

- `patch`: the stack, by a Secret and one envFrom entry of the Deployment;
- `secret`: the stack makes that Secret, and the chart's values name it;
- `chart`: the chart sets each, and takes the login's credentials from a Secret of the stack's;
- `none`: somebody else, such as another stack; this one makes nothing of it.
"""

FIELD_MANAGER: Final = "firewalled-coder"
"""Owner of the fields of coderd's Deployment that a stack patches."""

ANNOTATION: Final = "firewalled-coder/variables"
"""Annotation of coderd's pods; its value is random, and made anew when a variable changes."""

CLAIM: Final = "firewalled-coder/coderd-environment"
"""Annotation of coderd's Deployment, beside the stack's: the component that sets the variables."""

AUDIT: Final[Mapping[str, str]] = {
    "CODER_LOGGING_JSON": "/dev/stderr",
    "CODER_LOGGING_HUMAN": "/dev/null",
    "CODER_PROMETHEUS_ENABLE": "true",
    "CODER_PROMETHEUS_ADDRESS": "0.0.0.0:2112",
    "CODER_PROMETHEUS_COLLECT_AGENT_STATS": "true",
}
"""What the dashboards need: JSON logs for Loki, and the metrics of agents for Prometheus."""

# No login leaves for github.com, which coderd offers by default.
LOGIN: Final[Mapping[str, str]] = {"CODER_OAUTH2_GITHUB_DEFAULT_PROVIDER_ENABLE": "false"}
"""What the login needs besides its providers."""

CREDENTIALS: Final = ("CLIENT_ID", "CLIENT_SECRET")
"""The parts of a provider that are credentials."""

CREDENTIALS_SECRET: Final = "coder-external-auth"  # noqa: S105  the name of a Secret
"""Secret of the login's credentials alone, for a chart that refers to it."""

GITLAB_ID: Final = "gitlab"
"""Id of GitLab among coderd's external logins."""

GITLAB_NAME: Final = "GitLab"
"""Name on the button of that login."""

SCOPES: Final = ("read_user", "read_repository", "write_repository")
"""What coderd may do in GitLab for a person."""

PREFIX: Final = "CODER_EXTERNAL_AUTH_"
"""What the variables of an external login begin with."""

# The second is of old; coderd reads it beside the first, from 0 again.
_ANY_LOGIN: Final = rf"({PREFIX}|CODER_GITAUTH_)(\d+)_([A-Z_]+)\Z"
_LOGIN: Final = rf"{PREFIX}(?P<index>\d+)_(?P<part>[A-Z_]+)\Z"
_SECRET_PREFIX: Final = "firewalled-coder-env-"  # noqa: S105  of the name of a Secret
_NAME_LENGTH: Final = 253


def login_name(index: int, part: str) -> str:
    """Return the name of a variable of external login number `index`, such as its CLIENT_ID."""
    return f"{PREFIX}{index}_{part}"


def login_part(name: str) -> tuple[int, str] | None:
    """Return number and part of a variable of an external login, None for another's."""
    match = re.match(_LOGIN, name)
    return (int(match["index"]), match["part"]) if match else None


def any_login(name: str) -> tuple[str, int, str] | None:
    """Return prefix, number and part of a variable of an external login, the former name too."""
    match = re.match(_ANY_LOGIN, name)
    return (match[1], int(match[2]), match[3]) if match else None


def login(id: str, host: str, display_name: str, scopes: tuple[str, ...]) -> dict[str, str]:
    """Return the parts of a GitLab provider that are no credentials.

    Args:
        id: id in coderd.
        host: host of the instance, with its port if that is not 443.
        display_name: name on the login button.
        scopes: what coderd may do for the person.
    """
    base = f"https://{host}/oauth"
    return {
        "ID": id,
        "TYPE": "gitlab",
        "DISPLAY_NAME": display_name,
        "AUTH_URL": f"{base}/authorize",
        "TOKEN_URL": f"{base}/token",
        "VALIDATE_URL": f"{base}/token/info",
        "REGEX": clone_url_regex(host),
        "SCOPES": " ".join(scopes),
    }


def credential_key(id: str, part: str) -> str:
    """Return the key of a credential in CREDENTIALS_SECRET, such as gitlab-client-id."""
    return f"{id}-{part.lower().replace('_', '-')}"


def is_login(name: str) -> bool:
    """Whether a variable belongs to the external login."""
    return name in LOGIN or login_part(name) is not None


def is_own(name: str) -> bool:
    """Whether a variable is one that this project sets."""
    return name in AUDIT or is_login(name)


def secret_name(stack: str) -> str:
    """Return the name of the Secret of a stack's variables; it tells whose they are."""
    # A stack's name may have upper case, dots and underscores.
    label = re.sub(r"[^a-z0-9]+", "-", stack.lower()).strip("-") or "stack"
    return f"{_SECRET_PREFIX}{label}"[:_NAME_LENGTH].rstrip("-")


def stack_of(secret: str) -> str | None:
    """Return the stack to which a Secret of variables belongs by its name, None for another."""
    return secret.removeprefix(_SECRET_PREFIX) if secret.startswith(_SECRET_PREFIX) else None
