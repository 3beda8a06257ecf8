"""Variables of an agent that break its firewall or the firewall's audit, and what is right instead.

What Boundary sets in the jail itself, in both its jails, is left alone: SSL_CERT_FILE and its like,
by which a certificate authority of one's own is named to what runs outside, and HTTP_PROXY,
HTTPS_PROXY and NO_PROXY, by which what runs outside, Boundary included, gets out of a company.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_RULES: Final = "leave it out, and say by policy.rules what agents reach"
_UNHEARD: Final = (
    "what is asked past Boundary's proxy is refused by the jail, or answered, without a line in "
    f"the audit; {_RULES}"
)
_LOADS: Final = (
    "it loads code into what starts the jail and Claude Code; put what programs need into the "
    "image, where they find it without it"
)
_SILENT: Final = "it would silence the firewall's audit or start none; leave it out"

# As their programs read them: in any case.
_PROXIES: Final[Mapping[str, str]] = dict.fromkeys(
    (
        "ALL_PROXY",
        "FTP_PROXY",
        "SOCKS_PROXY",
        "WS_PROXY",
        "WSS_PROXY",
        "PIP_PROXY",
        "CARGO_HTTP_PROXY",
        "YARN_HTTP_PROXY",
        "YARN_HTTPS_PROXY",
        "NPM_CONFIG_PROXY",
        "NPM_CONFIG_HTTP_PROXY",
        "NPM_CONFIG_HTTPS_PROXY",
        "NPM_CONFIG_NOPROXY",
    ),
    _UNHEARD,
)
_EXACT: Final[Mapping[str, str]] = {
    **dict.fromkeys(("LD_PRELOAD", "LD_AUDIT", "BASH_ENV"), _LOADS),
    **dict.fromkeys(("CHILD", "DISABLE_AUDIT_LOGS"), _SILENT),
}
_NODE_OPTIONS: Final = "NODE_OPTIONS"
_NODE_LOADS: Final = re.compile(
    r"(?:^|[\s\"'])(?:-r|--require|--import|--(?:experimental-)?loader)\b"
)


def jail_problem(name: str, value: str) -> str:
    """Return why a firewalled template's agent cannot have a variable, empty if it can."""
    if why := _PROXIES.get(name.upper()) or _EXACT.get(name):
        return f"{name} breaks the firewall: {why}"
    if name == _NODE_OPTIONS and _NODE_LOADS.search(value):
        return (
            f"{name} breaks the firewall: it loads code into Claude Code; name flags alone that "
            "load none, such as --max-old-space-size=4096"
        )
    return ""
