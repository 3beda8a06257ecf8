"""The decision written a second time, plainly: regular expressions and a scan of every rule.

Shares nothing with components.boundary. Grammar and semantics are those of coder/boundary v0.9.0
(`rulesengine`), URLs are read by the rules of Go 1.25's net/url.
"""

import re
import socket
from functools import cache
from itertools import pairwise
from urllib.parse import unquote_to_bytes

TOKEN = r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
HOST = rf"(?:(?:\*|{LABEL})\.)*(?:\*|{LABEL})"
ESCAPE = r"%[0-9A-Fa-f]{2}"
SEGMENT = rf"(?:\*(?=[/, \t\n]|\Z)|(?!\*)(?:[A-Za-z0-9\-._~!$&'()*+;=:@]|{ESCAPE})+)"
PATH = rf"/?(?:{SEGMENT}(?:/{SEGMENT})*/?)?"
PAIR = re.compile(
    rf"method=(?P<method>(?:{TOKEN})?(?:,(?:{TOKEN})?)*)"
    rf"|domain=(?P<domain>{HOST})"
    rf"|path=(?P<path>{PATH}(?:,{PATH})*)"
)
SPACE = re.compile(r"[ \t\n]*")

NET_URL_HOST = re.compile(
    r"(?:[A-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>\"]|[^\x00-\x7f]|%25|%[89A-Fa-f][0-9A-Fa-f])*"
)
ZONE = re.compile(rf"(?:[A-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>\"]|[^\x00-\x7f]|{ESCAPE})*")
USERINFO = re.compile(rf"(?:[A-Za-z0-9\-._:~!$&'()*+,;=@]|{ESCAPE})*")
STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Refused(ValueError):
    """A rule or a URL that Boundary does not read."""


@cache
def read_rule(text):
    """Return methods, domain and paths; None for a key that is not there."""
    methods, domain, paths = None, None, None
    at = 0
    while at < len(text):
        match = PAIR.match(text, at)
        if match is None:
            raise Refused(text)
        at = SPACE.match(text, match.end()).end()
        if match["method"] is not None:
            methods = [*(methods or []), *match["method"].split(",")]
            if match.end() == len(text) and not methods[-1]:
                raise Refused(text)
        elif match["domain"] is not None:
            labels = match["domain"].split(".")
            if len(labels) > 1 and labels[-1] == "*":
                raise Refused(text)
            domain = [*(domain or []), *labels]
        else:
            paths = [*(paths or []), *map(pattern_of, match["path"].split(","))]
    return methods, domain, paths


def doubtful(text):
    """Whether Boundary reads a rule that it takes as something else than was meant."""
    methods, _, paths = read_rule(text)
    segments = [segment for pattern in paths or () for segment in pattern]
    matches = list(PAIR.finditer(text))
    return (
        "" in (methods or ())
        or any("*" in segment and segment != "*" for segment in segments)
        or sum(match["domain"] is not None for match in matches) > 1
        or any(one.end() == two.start() for one, two in pairwise(matches))
    )


def pattern_of(text):
    return [segment for segment in text.split("/") if segment]


def decoded(text):
    if STRAY_PERCENT.search(text):
        raise Refused(text)
    raw = unquote_to_bytes(text.encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")


def read_url(url):
    """Return the labels of the host and the segments of the path."""
    if "://" not in url:
        url = f"https://{url}"
    url, _, fragment = url.partition("#")
    decoded(fragment)
    if re.search(r"[\x00-\x1f\x7f]", url) or url.startswith(":"):
        raise Refused(url)
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", url)
    rest = url[scheme.end() :] if scheme else url
    rest = rest.split("?", 1)[0]
    if not rest.startswith("/"):
        if scheme:
            return [""], []
        if ":" in rest.split("/", 1)[0]:
            raise Refused(url)
    host = ""
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, path = re.fullmatch(r"//([^/]*)(.*)", rest, re.DOTALL).groups()
        host = read_host(authority)
    else:
        path = rest
    path = decoded(path)
    return host.split("."), path.removeprefix("/").split("/") if path else []


def read_host(authority):
    """Return the host without userinfo and port, which stands behind the last colon."""
    userinfo, _, host = authority.rpartition("@")
    if not USERINFO.fullmatch(userinfo):
        raise Refused(authority)
    name = re.fullmatch(r"([^:]*(?::[^:]*)*?)(?::[0-9]*)?", host)
    if host.startswith("["):
        bracketed = re.fullmatch(r"\[([^\[]*)\](?::[0-9]*)?", host, re.DOTALL)
        if bracketed is None:
            raise Refused(authority)
        address, zoned, zone = bracketed[1].partition("%25")
        if not NET_URL_HOST.fullmatch(address) or not ZONE.fullmatch(zone):
            raise Refused(authority)
        address, zone = decoded(address), decoded(zone)
        try:
            socket.inet_pton(socket.AF_INET6, address)
        except (OSError, ValueError):
            raise Refused(authority) from None
        if zoned and not zone:
            raise Refused(authority)
        return f"{address}%{zone}" if zoned else address
    if name is None or "[" in host or not NET_URL_HOST.fullmatch(name[1]):
        raise Refused(authority)
    if ":" in name[1] and not re.search(r":[0-9]*\Z", host):
        raise Refused(authority)
    return decoded(name[1])


def matches(rule, method, target):
    """Whether a rule matches the labels of a host and the segments of a path."""
    methods, domain, paths = rule
    if methods is not None and method not in methods and "*" not in methods:
        return False
    labels, segments = target
    return (domain is None or same_host(domain, labels)) and (
        paths is None or any(same_path(pattern, segments) for pattern in paths)
    )


def same_host(domain, labels):
    if len(labels) > len(domain) and domain[0] == "*":
        labels = labels[-len(domain) :]
    return len(labels) == len(domain) and all(
        want in ("*", label) for want, label in zip(domain, labels, strict=True)
    )


def same_path(pattern, segments):
    if not pattern:
        return True
    if len(segments) > len(pattern) and pattern[-1] == "*":
        segments = segments[: len(pattern)]
    return len(segments) == len(pattern) and all(
        want in ("*", segment) for want, segment in zip(pattern, segments, strict=True)
    )


def decide(texts, method, url):
    """Return the number of the first rule that matches, None for a denial."""
    try:
        target = read_url(url)
    except Refused:
        return None
    for number, text in enumerate(texts):
        if matches(read_rule(text), method, target):
            return number
    return None
