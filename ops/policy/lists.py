"""Lists of URLs and hosts, as people keep them: lines, with comments or marks, and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from components.boundary import printable
from ops.traffic import InputError, Request, Traffic, as_lines, request

# A line may begin with a method, as `curl -X` and access logs write it, and name a protocol.
_LINE: Final = re.compile(r"(?:(?P<method>[A-Z][A-Z-]*)[ \t]+)?(?P<url>\S+)(?:[ \t]+HTTP/[0-9.]+)?")
_COMMENT: Final = re.compile(r"(?:\A|\s)#.*")
# What marks an element of a list in Markdown and YAML.
_BULLET: Final = re.compile(r"\A[-*+][ \t]+")
_QUOTES: Final = "\"'`"
_NETWORK: Final = re.compile(r"[0-9a-fA-F.:]+/[0-9]{1,3}")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# Without a scheme it has to look like a host: a dot, a port, a path or an address in brackets.
_HOST: Final = re.compile(
    r"(?:[^/?#@]*@)?(?:[\w-]+(?:\.[\w-]+)+\.?|localhost|[\w-]+(?=:\d|/)|\[[0-9A-Fa-f:.]+\])"
    r"(?::\d*)?(?:[/?#].*)?"
)
_SHOWN: Final = 5


def from_text(text: str, method: str, where: str) -> Traffic:
    """Return a request for each `URL` or `METHOD URL` of a list; `method` where none stands.

    A list is one a line, where comments, quotes, commas and bullets are no part of it, or JSON.
    Lines that are no URL are named beside the requests. Raises InputError, which names them too,
    when there is no request.
    """
    entries = _entries(text, where)
    found: list[Request] = []
    wrong: list[str] = []
    for at, entry in entries:
        parts = _LINE.fullmatch(entry)
        if parts is None:
            wrong.append(f"{at}: {printable(entry)!r} is more than a URL, or METHOD URL")
        elif said := no_url(parts["url"]):
            wrong.append(f"{at}: {printable(parts['url'])!r} {said}")
        else:
            found.append(request(parts["method"] or method, parts["url"], at))
    more = [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
    unreadable = (*wrong[:_SHOWN], *more)
    if not found:
        none = f"{where}: holds no URL; write one a line, or METHOD URL"
        raise InputError(as_lines(unreadable) or none)
    return Traffic(tuple(found), unreadable=unreadable)


def begins_with_method(text: str) -> bool:
    """Whether a text is a method and a URL, as a line of a list may be."""
    parts = _LINE.fullmatch(text.strip())
    return parts is not None and parts["method"] is not None and not no_url(parts["url"])


def no_url(text: str) -> str:
    """Return why a text is no URL that a client could ask for, empty if it is one."""
    if scheme := _SCHEME.match(text):
        host = re.split(r"[/?#]", text[scheme.end() :], maxsplit=1)[0]
        return "" if host else "names no host; write one behind the scheme, as https://pypi.org/"
    host = re.split(r"[/?#]", text, maxsplit=1)[0]
    if text.startswith(".") or "*" in host:
        return "is a pattern of hosts, no URL; ask for a host that it stands for"
    if _NETWORK.fullmatch(text):
        return "is a network, no URL; rules name hosts"
    return "" if _HOST.fullmatch(text) else "is no URL; write https:// before a host without a dot"


def _entries(text: str, where: str) -> list[tuple[str, str]]:
    """Return the place and the text of every entry."""
    if text.lstrip().startswith(("[", "{")):
        try:
            document = json.loads(text)
        except ValueError:
            pass
        else:
            return list(_of_json(document, where))
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = _BULLET.sub("", _COMMENT.sub("", line).strip())
        entry = entry.removesuffix(",").strip().strip(_QUOTES).strip()
        if entry:
            found.append((f"{where}, line {number}", entry))
    return found


def _of_json(document: Any, where: str, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(document, Mapping):
        lists = {k: v for k, v in document.items() if isinstance(v, list)}
        if len(lists) != 1:
            names = ", ".join(map(printable, lists)) or "none"
            raise InputError(
                f"{where}: JSON with one list of URLs is read; the lists here: {names}"
                + ("; a HAR file is read by --har" if "log" in document else "")
            )
        ((key, document),) = lists.items()
    if not isinstance(document, list):
        raise InputError(f"{where}: JSON that is no list; write a list of URLs")
    for place, entry in enumerate(document):
        at = f"{where}, {printable(key)}[{place}]"
        if isinstance(entry, Mapping) and isinstance(entry.get("url"), str):
            method = entry.get("method")
            yield at, f"{method} {entry['url']}" if isinstance(method, str) else entry["url"]
        elif isinstance(entry, str):
            yield at, entry
        else:
            raise InputError(f"{at}: must be a URL as text, or have the text url")
