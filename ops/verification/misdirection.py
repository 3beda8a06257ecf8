"""Whether a request goes to the host by which Boundary judges it (components/boundary/destination).

What is asked for is allowed, and the target of the request names a host that no rule does. Where
that is denied, Boundary judges the target, and not what the request would be sent to. So nothing
is got past the policy here, and the alert on what is stays quiet.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from components.boundary.releases import releases_of
from ops.verification.model import KnownFault, NotChecked
from ops.verification.plan import FirewallPromise
from ops.verification.scripts import JailAnswer, JailRequest

_CLOSES: Final = "see docs/security.md, where a request goes: what holds, and what narrows it"
_OLD_CURL: Final = "2"


def crossed(firewall: FirewallPromise, url: str, host: str) -> JailRequest | None:
    """Return a request to an allowed host whose target names another; None if none is there.

    Args:
        firewall: what the stack promises.
        url: of Coder, asked for where the stack names no URL that must be allowed.
        host: that no rule names.
    """
    allowed = [each.url for each in firewall.contract.must_allow if each.method == "GET"]
    for each in (*allowed, f"{url.rstrip('/')}/api/v2/buildinfo"):
        target = f"{host}:{urlsplit(each).path or '/'}"
        decide = firewall.policy.decide
        if decide("GET", each).allowed and not decide("GET", target).allowed:
            return JailRequest("GET", each, target)
    return None


def told(answers: dict[JailRequest, JailAnswer], asked: JailRequest | None, release: str) -> str:
    """Return what was seen of the request, and of the same without its target."""
    if asked is None:
        raise NotChecked(
            "the policy allows no GET that can be told from a denied one",
            "name one in policy.mustAllow",
        )
    answer, plain = answers.get(asked), answers.get(replace(asked, target=""))
    if answer is None or plain is None or plain.decision != "ALLOW":
        raise NotChecked(f"GET {asked.url} is not allowed either", "see jail.allowed")
    if answer.decision == "ALLOW":
        return "a target that names another host is judged by the host that it is sent to"
    if answer.decision != "DENY":
        if answer.code == _OLD_CURL:
            raise NotChecked(
                "curl sends no target of its own", "put curl 7.55 or newer into the image"
            )
        if answer.status.strip("0") or answer.code in ("52", "56"):
            return "a target that names another host is refused"
        raise NotChecked(f"no word of Boundary about it: {answer.text}", "run it again")
    said = f"Boundary {release} judges the host in a request's target, not the header Host"
    if releases_of(release) is None:
        raise NotChecked(f"{said}; where this release sends it is not known here", _CLOSES)
    raise KnownFault(f"{said}, to which it sends it: agents can get past the policy", _CLOSES)
