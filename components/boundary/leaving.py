"""How an agent leaves its firewall, above all through Coder itself, and the contract against it.

The owner's session token is in the agent's environment: what its owner may do in Coder, an agent
may do whose policy lets the request through. A request of the table makes or starts what runs
outside the firewall, or another token. They are read of the routes of coderd 2.30 and of Coder's
reference of its API; coderd 2.30 gave a token from inside a real jail, and took the request for a
workspace. What Boundary 0.9.0 does not pass on is no door: it drops the header Connection, so that
no WebSocket opens, by which terminals and tunnels of workspaces go.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import replace
from functools import cache, lru_cache
from typing import Final, NamedTuple

from components.boundary.contract import Contract, Expectation
from components.boundary.coverage import Part, Pattern, covers_path, overlaps_host
from components.boundary.rule import WILDCARD
from components.boundary.url import UrlError, parse

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


class Door(NamedTuple):
    """A request by which an agent leaves.

    A `*` in the path is one segment, at the end more; `@*` is a segment that begins with @.
    """

    method: str
    path: Pattern
    why: str


def _pattern(path: str) -> Pattern:
    return tuple(path.strip("/").split("/"))


def _doors(why: str, *requests: str) -> tuple[Door, ...]:
    return tuple(
        Door(method, _pattern(path), why)
        for methods, path in (request.split(" ") for request in requests)
        for method in methods.split(",")
    )


_APPS: Final = "an agent speaks to the apps of workspaces, also of one without a firewall"

DOORS: Final = (
    *_doors(
        "an agent makes itself a token, which outlives the workspace",
        "POST /api/v2/users/*/keys",
        "POST /api/v2/users/*/keys/tokens",
        "POST /oauth2/authorize",
        "POST /oauth2/tokens",
    ),
    *_doors(
        "an agent makes a workspace without a firewall",
        "POST /api/v2/users/*/workspaces",
        "POST /api/v2/organizations/*/members/*/workspaces",
    ),
    *_doors(
        "an agent starts a workspace, on a template version of its choice",
        "POST /api/v2/workspaces/*/builds",
        "PUT /api/v2/workspaces/*/autostart",
    ),
    *_doors(
        "an agent starts another agent, outside its firewall",
        "POST,PATCH /api/v2/tasks/*",
        "POST,PATCH /api/experimental/tasks/*",
        "POST /api/v2/chats",
        "POST,PUT,PATCH /api/v2/chats/*",
        "POST /api/experimental/chats",
        "POST,PUT,PATCH /api/experimental/chats/*",
    ),
    *_doors(
        "an agent uses the tools of Coder's MCP server, which make and enter workspaces",
        "POST /api/experimental/mcp/http",
    ),
    *_doors(
        "an agent of a template admin changes the template that confines it",
        "POST /api/v2/organizations/*/templates",
        "POST /api/v2/organizations/*/templateversions",
        "PATCH /api/v2/templates/*/versions",
        "PUT /api/v2/workspacebuilds/*/state",
    ),
    *_doors(
        "an agent of an administrator makes people, or gives itself their rights",
        "POST /api/v2/users",
        "PUT /api/v2/users/*/password",
        "PUT /api/v2/users/*/roles",
        "PUT /api/v2/organizations/*/members/*/roles",
    ),
    *_doors(_APPS, "POST,PUT,PATCH /@*/*/apps/*"),
)

_NODE: Final = "the node's metadata service gives an agent credentials of the node or pod"
_BESIDE: Final = "an agent speaks to what runs beside its jail, and does what it is told"
_CLUSTER: Final = "an agent speaks to the cluster's API with the rights of its pod"

# The hosts are those by which clouds document their metadata services, and Kubernetes its API.
_ELSEWHERE: Final = tuple(
    (tuple(host.split(".")), why)
    for why, hosts in (
        (
            _NODE,
            "169.254.169.254 169.254.170.2 169.254.170.23 100.100.100.200 metadata"
            " metadata.google.internal instance-data.ec2.internal",
        ),
        (
            _CLUSTER,
            "kubernetes kubernetes.default kubernetes.default.svc"
            " kubernetes.default.svc.cluster.local",
        ),
    )
    for host in hosts.split()
)
# RFC 6761 gives `localhost` and every name below it, /etc/hosts the others: of Debian by netbase,
# of Fedora by setup.
_LOCAL: Final = (
    "localhost *.localhost localhost.localdomain localhost4 localhost4.localdomain4 localhost6"
    " localhost6.localdomain6 ip6-localhost ip6-loopback"
)
_OWN_POD: Final = tuple(tuple(host.split(".")) for host in _LOCAL.split(" "))
_OWN_NUMBERS: Final = frozenset({"127", "0", WILDCARD})
_LAST_LABELS: Final = {labels[-1] for labels in (*(each for each, _ in _ELSEWHERE), *_OWN_POD)}

# By these an agent may write and stays where it is.
_KEPT: Final = tuple(
    map(
        _pattern,
        (
            "/api/v2/aibridge/*",
            "/api/experimental/aibridge/*",
            "/api/v2/ai-gateway/*",
            "/api/v2/workspaceagents/me/*",
        ),
    )
)
_ANY: Final = (WILDCARD,)
_UNKNOWN: Final = "an agent writes to Coder where it is not known to stay inside"


def leaving(part: Part, coder_hosts: Iterable[str]) -> str:
    """Return how an agent leaves by a part of a rule, empty if it does not.

    A request that writes to Coder's API is one by which it leaves, unless it is known to be none.
    Others are those for credentials of the node, for the cluster, and for what runs in the pod
    outside the jail. A pattern of every host is no way of its own: it is graded as that.
    """
    coder = [tuple(host.split(".")) for host in sorted(coder_hosts)]
    host = _dotted(part.host)
    if host and (host[-1] in _LAST_LABELS or host[-1].isdecimal()):
        for labels, why in _ELSEWHERE:
            if overlaps_host(host, labels):
                return why
        # A Coder that is tried on one machine is judged by its paths, as any other.
        beside = part.method not in READING and part.host not in coder
        if beside and (_is_own(host) or any(overlaps_host(host, pod) for pod in _OWN_POD)):
            return _BESIDE
    # Most rules name one host of somebody else's, which is no app either.
    apps = part.method not in READING and any(map(_names_app, part.host))
    for labels in coder:
        if overlaps_host(part.host, labels) and (why := _by_coder(part)):
            return why
        if apps and _reaches_apps(part.host, (WILDCARD, *labels)):
            return _APPS
    return ""


def _dotted(host: Pattern) -> Pattern:
    """Return an address as its four numbers, as inet_aton(3) reads 127.1 or 0x7f000001."""
    if not host or not host[-1][:1].isdigit() or WILDCARD in host:
        return host
    try:
        return tuple(socket.inet_ntoa(socket.inet_aton(".".join(host))).split("."))
    except (OSError, ValueError):
        return host


def _is_own(host: Pattern) -> bool:
    """Whether a pattern of an address lies in 127.0.0.0/8 or 0.0.0.0/8, this host by RFC 1122."""
    numbers = all(label == WILDCARD or label.isdecimal() for label in host[:-1])
    return host[0] in _OWN_NUMBERS and numbers and host[-1].isdecimal()


def _by_coder(part: Part) -> str:
    for each in DOORS:
        if part.method in (WILDCARD, each.method) and _meet(part.path or _ANY, each.path):
            return each.why
    kept = part.method in READING or any(covers_path(each, part.path) for each in _KEPT)
    return _UNKNOWN if not kept and _meet(part.path or _ANY, ("api", WILDCARD)) else ""


def _fits(segment: str, place: str) -> bool:
    """Whether a segment can stand at the `place` of a door: `*`, `@*` or the segment itself."""
    beginning = place.removesuffix(WILDCARD)
    return segment == place if beginning == place else segment.startswith(beginning)


@cache
def _meet(pattern: Pattern, door: Pattern) -> bool:
    """Whether a request for `door` can match `pattern`.

    coderd takes several slashes for one, so a `*` of the pattern, which matches an empty segment
    too, may stand for nothing.
    """
    if not pattern or not door:
        return not door and all(segment == WILDCARD for segment in pattern)
    if pattern == (WILDCARD,) or (pattern[0] == WILDCARD and _meet(pattern[1:], door)):
        return True
    if pattern[0] != WILDCARD and not _fits(pattern[0], door[0]):
        return False
    return _meet(pattern[1:], door[1:]) or (door == (WILDCARD,) and _meet(pattern[1:], door))


def _reaches_apps(host: Pattern, below: Pattern) -> bool:
    """Whether a host pattern reaches apps of workspaces, which answer below Coder's own host.

    The first label of such a host is names joined by `--`.
    """
    named = host[: max(len(host) - len(below) + 1, 0)]
    return any(map(_names_app, named)) and overlaps_host(host, below)


def _names_app(label: str) -> bool:
    return WILDCARD in label or "--" in label


# What the shipped contract tries: an id is as good as any other.
_SOME = "00000000-0000-0000-0000-000000000000"
_GATEWAY = "/api/v2/ai-gateway/anthropic/v1"


def _demands() -> tuple[tuple[str, str, str], ...]:
    doors = (
        (each.method, "/" + "/".join(each.path).replace(WILDCARD, _SOME), each.why)
        for each in DOORS
    )
    people = "an agent looks nobody up"
    dots = "dot segments lead nowhere, whatever resolves them between Boundary and Coder"
    return (
        *doors,
        *(("GET", f"/api/v2/users{end}", people) for end in ("", "/me", f"/{_SOME}")),
        ("GET", "/api/v2/workspaceagents/me/gitsshkey", "an agent gets no private key"),
        *(
            ("POST", f"{_GATEWAY}/{'/'.join([dot] * 4)}/users/me/keys/tokens", dots)
            for dot in ("..", "%2e%2e", "%2E.")
        ),
        ("POST", f"{_GATEWAY}/..%2f..%2f..%2f..%2fusers%2fme%2fkeys%2ftokens", dots),
        ("GET", "/api/v2/workspaceagents/me/../../users/me", dots),
        ("GET", "/api/v2/buildinfo/../users/me", dots),
        ("POST", "//api//v2//users//me//keys//tokens", "coderd takes several slashes for one"),
    )


@lru_cache(maxsize=64)  # templates share policies
def with_own(contract: Contract, coder_host: str) -> Contract:
    """Return `contract` and what the catalogue itself demands where agents of a Coder are confined.

    What the contract wants allowed is not demanded to be denied: a stack may, and says why.
    """
    wanted = {(each.method, _path(each.url, coder_host)) for each in contract.must_allow}
    own = tuple(
        Expectation(method, f"https://{coder_host}{path}", why)
        for method, path, why in _demands()
        if (method, path) not in wanted
    )
    return replace(contract, must_deny=(*contract.must_deny, *own))


def _path(url: str, host: str) -> str | None:
    try:
        target = parse(url)
    except UrlError:
        return None
    return target.path if target.host == host else None
