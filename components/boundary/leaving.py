"""How an agent leaves its firewall, above all through Coder itself.

The owner's session token is in the agent's environment: what its owner may do in Coder, an agent
may do whose policy lets the request through. A request of the table makes or starts what runs
outside the firewall, or another token. They are read of the routes of coderd 2.30 and of Coder's
reference of its API; coderd 2.30 gave a token from inside a real jail, and took the request for a
workspace. What Boundary 0.9.0 does not pass on is no door: it drops the header Connection, so that
no WebSocket opens, by which terminals and tunnels of workspaces go.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from components.boundary import metadata
from components.boundary.coverage import Part, Pattern, covers_path, overlaps_host
from components.boundary.numbers import Network, address_in, dotted, networks_of
from components.boundary.own import Own
from components.boundary.paths import straight
from components.boundary.rule import WILDCARD

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

SECRETS: Final = (
    *_doors(
        "an agent gets the owner's private ssh key",
        "GET /api/v2/workspaceagents/me/gitsshkey",
    ),
    *_doors(
        "an agent of a template admin gets Terraform's state, with the tokens in it",
        "GET /api/v2/workspacebuilds/*/state",
    ),
    *_doors(
        "an agent gets tokens of other agents, or of workspaces' apps",
        "GET /api/v2/workspaces/*/external-agent/*/credentials",
        "GET /api/v2/applications/auth-redirect",
    ),
)
"""Requests that give an agent what is somebody else's, and change nothing."""

_NODE: Final = "the node's metadata service gives an agent credentials of the node or pod"
_BESIDE: Final = "an agent speaks to what runs beside its jail, and does what it is told"
_CLUSTER: Final = "an agent speaks to the cluster's API with the rights of its pod"
_INSIDE: Final = "an agent speaks to pods and Services of the cluster, its API and Coder among them"


def _patterns(*hosts: str) -> tuple[Pattern, ...]:
    return tuple(tuple(host.split(".")) for each in hosts for host in each.split())


def _hosts(why: str, *hosts: str) -> tuple[tuple[Pattern, str], ...]:
    return tuple((host, why) for host in _patterns(*hosts))


# The hosts are those by which Kubernetes documents its API and its pods.
_ELSEWHERE: Final = (
    *_hosts(_NODE, *metadata.NAMES),
    *_hosts(
        _CLUSTER,
        "kubernetes kubernetes.default kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ),
    *_hosts(_INSIDE, "*.pod *.pod.cluster.local"),
)
# RFC 6761 gives `localhost` and every name below it, /etc/hosts the others: of Debian by netbase,
# of Fedora by setup.
_OWN_POD: Final = _patterns(
    "localhost *.localhost localhost.localdomain localhost4 localhost4.localdomain4 localhost6",
    "localhost6.localdomain6 ip6-localhost ip6-loopback",
)
# Whoever owns them has every name below stand for 127.0.0.1.
_LOCAL_DOMAINS: Final = frozenset(
    _patterns("localtest.me lvh.me vcap.me lacolhost.com local.gd localho.st")
)
# By domain, for a pattern such as *.com is graded as what it is.
_PUBLIC: Final = {host[-2:]: (host, why) for host, why in _hosts(_NODE, *metadata.PUBLIC_NAMES)}
_LAST_LABELS: Final = {labels[-1] for labels in (*(each for each, _ in _ELSEWHERE), *_OWN_POD)}
_METADATA: Final[tuple[Network, ...]] = (*metadata.ADDRESSES_4, *metadata.ADDRESSES_6)
_LOOPBACK: Final = networks_of(("127.0.0.0/8", "0.0.0.0/8", "::1", "::"))
"""This host, by RFC 1122 and RFC 4291."""

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
ANY: Final = (WILDCARD,)
"""The path of a part that has none."""

_UNKNOWN: Final = "an agent writes to Coder where it is not known to stay inside"


def leaving(part: Part, own: Own) -> str:
    """Return how an agent leaves by a part of a rule, empty if it does not.

    A request that writes to Coder's API is one by which it leaves, unless it is known to be none.
    Others are those for credentials of the node, for the cluster, and for what runs in the pod
    outside the jail. A pattern of every host is no way of its own: it is graded as that.
    """
    host = dotted(part.host)
    # A Coder that is tried on one machine is judged by its paths, as any other.
    beside = part.method not in READING and host not in own.labels
    why = _by_name(host) or _by_address(part, host, own)
    if why or (beside and _is_own_pod(host)):
        return why or _BESIDE
    # Most rules name one host of somebody else's, which is no app either.
    apps = part.method not in READING and any(map(_names_app, part.host))
    for labels in own.labels:
        if overlaps_host(part.host, labels) and (why := _by_coder(part)):
            return why
        if apps and _reaches_apps(part.host, (WILDCARD, *labels)):
            return _APPS
    return ""


@lru_cache(maxsize=4096)  # many rules name one host, and templates share policies
def is_coder(host: Pattern, own: Own) -> bool:
    """Whether a host pattern, in lower case, matches a host or an address of Coder."""
    named = any(overlaps_host(host, labels) for labels in own.labels)
    return named or bool(address_in(host, own.networks))


def secrets(part: Part, own: Own) -> str:
    """Return what of somebody else's an agent gets to read by a part of a rule, empty if nothing.

    It is no way out by itself: what is read may be of use outside.
    """
    if part.method not in (WILDCARD, "GET") or not is_coder(part.host, own):
        return ""
    return next((each.why for each in SECRETS if _meets(part.path, each.path)), "")


def _by_name(host: Pattern) -> str:
    labels, why = _PUBLIC.get(host[-2:], (host, ""))
    if why and overlaps_host(host, labels):
        return why
    if host and host[-1] in _LAST_LABELS:
        return next((why for labels, why in _ELSEWHERE if overlaps_host(host, labels)), "")
    return ""


def _is_own_pod(host: Pattern) -> bool:
    """Whether a pattern is this host by a name or an address."""
    if host[-2:] in _LOCAL_DOMAINS or address_in(host, _LOOPBACK):
        return True
    named = bool(host) and host[-1] in _LAST_LABELS
    return named and any(overlaps_host(host, labels) for labels in _OWN_POD)


def _by_address(part: Part, host: Pattern, own: Own) -> str:
    if address_in(host, _METADATA):
        return _NODE
    coder = address_in(host, own.networks)
    if coder and (why := _by_coder(part)):
        return why
    if ".".join(host) not in own.gitlab:
        for network in own.cluster:
            narrower = [each for each in own.networks if each.prefixlen > network.prefixlen]
            # An address that is known to be Coder's is judged by its paths.
            known = WILDCARD not in host and address_in(host, narrower)
            if not known and address_in(host, (network,)):
                return _INSIDE
    return ""


def _by_coder(part: Part) -> str:
    for each in DOORS:
        if part.method in (WILDCARD, each.method) and _meets(part.path, each.path):
            return each.why
    kept = part.method in READING or any(covers_path(each, part.path) for each in _KEPT)
    return _UNKNOWN if not kept and _meets(part.path, ("api", WILDCARD)) else ""


def _meets(path: Pattern, route: Pattern) -> bool:
    return straight(path or ANY, route) is not None


def _reaches_apps(host: Pattern, below: Pattern) -> bool:
    """Whether a host pattern reaches apps of workspaces, which answer below Coder's own host.

    The first label of such a host is names joined by `--`.
    """
    named = host[: max(len(host) - len(below) + 1, 0)]
    return any(map(_names_app, named)) and overlaps_host(host, below)


def _names_app(label: str) -> bool:
    return WILDCARD in label or "--" in label
