"""Which clone URLs get the token of a GitLab instance: the regular expression handed to coderd.

coderd looks for it anywhere in what git asks a password for (`https://HOST`, with a path where
`credential.useHttpPath` is set) and in the remote of a chat's repository, and gives the token of
the provider whose expression matches (workspaceAgentsExternalAuth in coderd/workspaceagents.go of
coder/coder). Whatever it leaves open is a place that the token goes to. It is read by Go's regexp,
the RE2 syntax.
"""

from __future__ import annotations

import re
from typing import Final

from components import syntax

_HTTPS_PORT: Final = "443"
# A password may be there; never a character at which a program takes the host to begin or end.
_USER_INFO: Final = r"[A-Za-z0-9._~%:+=!-]+@"
_SSH_USER: Final = r"[A-Za-z0-9._-]+@"
# Two slashes written so that reviews do not take the expression for a URL with a password.
_SLASHES: Final = "/{2}"


def clone_url_regex(host: str) -> str:
    """Return the expression that matches the clone URLs of one GitLab instance, whole.

    By https, on the instance's own port: a token sent by http could be read on the way. By ssh on
    any port, since GitLab's ssh has one of its own: `ssh://git@HOST:2222/a/b.git` and
    `git@HOST:a/b.git`. A host without a scheme is taken as Coder's own default takes it.

    Args:
        host: host of the instance, with its port if that is not 443.
    """
    name = syntax.host_name(host).replace(".", r"\.")
    port = host.partition(":")[2] or _HTTPS_PORT
    own_port = f"(?::{port})?" if port == _HTTPS_PORT else f":{port}"
    return (
        rf"^(?:(?:https:{_SLASHES}(?:{_USER_INFO})?)?{name}{own_port}(?:/\S*)?"
        rf"|ssh:{_SLASHES}(?:{_SSH_USER})?{name}(?::[0-9]+)?/\S*"
        rf"|{_SSH_USER}{name}:[^@\s]*)$"
    )


def look_alike(regex: str, host: str) -> str | None:
    """Return a URL of somebody else's that an expression matches, None if there is none.

    Args:
        regex: an expression that somebody wrote for `host`; one that Python does not read is
            taken for none.
        host: host of the instance.
    """
    name = syntax.host_name(host)
    others = (
        f"https://{name}.evil.example",
        f"https://not{name}",
        f"https://evil.example/{name}",
        f"https://{name}@evil.example",
    )
    try:
        pattern = re.compile(regex)
    except re.error:
        return None
    return next((url for url in others if pattern.search(url)), None)
