"""What names, hosts, images and URLs may be, for settings and arguments alike.

Each form is that of the program that takes it; a value that passes here is not refused there for
how it is written.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from components.boundary.credentials import form_of

LAST_PORT: Final = 65535
DISPLAY_NAME_LENGTH: Final = 64
"""Bytes of a display name (codersdk.DisplayNameValid)."""
DESCRIPTION_LENGTH: Final = 127
"""Characters of a template's description: codersdk says fewer than 128."""
ARGUMENT_LENGTH: Final = 32 * 4096 - 1
"""Bytes of one argument or variable of a program: MAX_ARG_STRLEN less its end (execve(2))."""

# RFC 1123, which Kubernetes names namespaces and most objects by.
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_SUBDOMAIN: Final = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\Z"
# coder/coder codersdk/name.go: UsernameValidRegex, for templates and external logins as well.
# Of those it refuses two, which are routes of its pages.
_ROUTES: Final = frozenset({"new", "create"})
_CODER_NAME: Final = re.compile(r"(?=.{1,32}\Z)[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*\Z")
_SLUG: Final = re.compile(r"(?=.{1,63}\Z)[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_HOST_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST: Final = re.compile(
    rf"(?P<name>(?=.{{1,253}}(?::|\Z)){_HOST_LABEL}(?:\.{_HOST_LABEL})*)(?::(?P<port>[0-9]{{1,5}}))?\Z"
)
# github.com/distribution/reference: [host[:port]/]path[:tag][@digest]; the digests are those of
# github.com/opencontainers/go-digest, without which nothing is pulled.
_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE: Final = (
    rf"(?a)(?=.{{1,255}}(?:[:@]|\Z))(?:{_HOST_LABEL}(?:\.{_HOST_LABEL})*(?::(?P<port>\d{{1,5}}))?/)?{_PART}(?:/{_PART})*"
    r"(?::\w[\w.-]{0,127})?"
    r"(?:@(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}))?\Z"
)
# grafana/grafana pkg/util/shortid_generator.go: IsValidShortUID and IsShortUIDTooLong.
# Tags that projects give to whatever is newest of theirs.
_MOVING: Final = frozenset(
    {"", "latest", "main", "master", "edge", "nightly", "dev", "stable", "current", "rolling"}
)
_GRAFANA_UID: Final = r"[A-Za-z0-9_-]{1,40}\Z"
# Its built-in data source, and what computes expressions under its name of today and the former.
_GRAFANAS_OWN: Final = frozenset({"grafana", "__expr__", "-100"})


def is_label(text: str) -> bool:
    """Whether Kubernetes takes `text` as the name of a namespace or container: 63 characters."""
    return _LABEL.match(text) is not None


def is_subdomain(text: str) -> bool:
    """Whether Kubernetes takes `text` as the name of an object: 253 characters."""
    return re.match(_SUBDOMAIN, text) is not None


def is_coder_name(text: str) -> bool:
    """Whether Coder takes `text` as a template's name: 32 characters, single hyphens inside."""
    return _CODER_NAME.match(text) is not None and text not in _ROUTES


def is_external_auth_id(text: str) -> bool:
    """Whether coderd starts with `text` as the id of an external login; it takes Coder's names."""
    return is_coder_name(text) and text == text.lower()


def is_slug(text: str) -> bool:
    """Whether Coder takes `text` as the slug of an MCP server: single hyphens inside."""
    return _SLUG.match(text) is not None


def is_display_name(text: str) -> bool:
    """Whether Coder takes `text` as a display name: 64 bytes, no white space around them."""
    return len(text.encode()) <= DISPLAY_NAME_LENGTH and text == text.strip() and "\n" not in text


def is_host(text: str) -> bool:
    """Whether `text` is a host name with or without a port; no IPv6 address, which has colons."""
    match = _HOST.match(text)
    return match is not None and 0 < int(match["port"] or 443) <= LAST_PORT


def host_name(text: str) -> str:
    """Return the name of a host that may have a port, in lower case."""
    return text.partition(":")[0].lower()


def is_image(text: str) -> bool:
    """Whether a container runtime takes `text` as the reference of an image."""
    match = re.match(_IMAGE, text)
    return match is not None and 0 < int(match["port"] or 443) <= LAST_PORT


def is_floating_image(text: str) -> bool:
    """Whether an image's reference names none in particular: without a tag, or one that moves."""
    name, _, digest = text.partition("@")
    _, _, tag = name.rpartition("/")[2].partition(":")
    return not digest and tag in _MOVING


def is_grafana_uid(text: str) -> bool:
    """Whether Grafana takes `text` as the uid of a data source: 40 of letters, digits, _ and -."""
    return re.match(_GRAFANA_UID, text) is not None and text not in _GRAFANAS_OWN


PREFIX: Final = "must be up to 16 of a-z, 0-9 and - inside"


def is_prefix(text: str) -> bool:
    """Whether names of Kubernetes, Grafana and PostgreSQL may begin with `text` and a hyphen.

    With more, the alerts' uids of 40 characters would no longer differ.
    """
    return is_label(text) and len(text) <= 16


def is_database(text: str) -> bool:
    """Whether PostgreSQL knows a database by the whole of `text`: it cuts a name at 63 bytes."""
    return text.isprintable() and 0 < len(text.encode()) <= 63


FOLDER = (
    "must be the title of one folder: printable, up to 255 bytes, without / and \\, and not . or "
    ".. or General, which is Grafana's own"
)


def is_folder(text: str) -> bool:
    """Whether dashboards and alerts land in a folder of that title in Grafana.

    Its sidecar makes a path of it, of which Grafana takes the last part alone for dashboards and
    the whole for alerts, and an absolute one leads away from where Grafana reads.
    """
    plain = text.isprintable() and text == text.strip() and not set(text) & set("/\\")
    taken = {"", ".", "..", "general"}
    return plain and text.lower() not in taken and len(text.encode()) <= 255


def origin_problem(url: str) -> str | None:
    """Return what is wrong with a URL of scheme, host and port alone, in words; None if nothing."""
    example = "https://coder.example.com"
    parts, problem = _split(url, example)
    if parts is None:
        return problem
    host = parts.hostname or ""
    if ":" not in host and not is_host(host):
        return f"must have the name of a host, as in {example}"
    if parts.query or parts.fragment or parts.path not in {"", "/"}:
        return "must end after the host and port: no path, query or fragment"
    return None


def is_service_host(host: str) -> bool:
    """Whether a host is a Service's name in its cluster: NAME.NAMESPACE.svc, with or without more.

    Source: Kubernetes, DNS for Services and Pods.
    """
    labels = host.lower().split(".")
    return len(labels) >= 3 and labels[2] == "svc" and all(map(is_label, labels))


def endpoint_problem(url: str, *, confidential: bool = False) -> str | None:
    """Return what is wrong with an http or https URL, in words; None if nothing.

    Args:
        url: the URL.
        confidential: whether a credential is sent there, which needs https, but for this machine.
    """
    parts, problem = _split(url, "https://host.example.com/path")
    if parts is None:
        return problem
    if form := form_of(url):
        return f"holds {form}, which state and logs would show: leave it out"
    if confidential and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return "would send the key in clear; use https"
    return None


@lru_cache(maxsize=1024)  # what settings hold is asked again by the Args that take it
def _split(url: str, example: str) -> tuple[SplitResult | None, str]:
    right = f"must be a URL such as {example}, http or https"
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        large = "Port out of range" in str(error)
        return None, f"{right}; its port is above {LAST_PORT}" if large else right
    if any(character.isspace() for character in url):
        return None, f"{right}; it has white space in it"
    if parts.scheme not in {"http", "https"} or not host or port == 0 or not _is_plain(url):
        return None, right
    if parts.username is not None or parts.password is not None:
        return None, "must hold no user or password, which state and logs would show"
    return parts, ""


def _is_plain(url: str) -> bool:
    # urlsplit drops line ends and takes any white space.
    return url.isprintable() and not any(character.isspace() for character in url)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
