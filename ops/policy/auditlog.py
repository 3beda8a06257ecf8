"""The requests of an audit log, with what Boundary decided then.

coderd writes one JSON document a request, with the message `boundary_request`; what collects logs
wraps it: logcli, Grafana's Explore, docker, Kubernetes, OpenTelemetry's collector, Vector, Fluent
Bit and others put it as text, or taken apart, somewhere in JSON or behind a prefix. Boundary itself
writes a line of `log/slog` a request.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, Final

from components.boundary.destination import addressed
from ops.traffic import InputError, Recorded, Request, Traffic, request

_AUDITED: Final = "boundary_request"
_KEYS: Final = ("decision", "http_method", "http_url")
# What wrappers call the line they wrap; a document taken apart beside it says the same again.
_LINES: Final = ("line", "log", "message", "body", "textPayload", "MESSAGE", "_raw", "event")
# OpenTelemetry's typed values: the value stands under the name of its type.
_TYPED: Final = frozenset(
    {"stringValue", "boolValue", "intValue", "doubleValue", "arrayValue", "kvlistValue"}
)
# What colours a terminal.
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
# log/slog's TextHandler: key=value, quoted by strconv.Quote where needed.
_PAIR: Final = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')
# An audit document, wrapped or not, in a line that is no JSON.
_CUT: Final = re.compile(rf'\\*"msg\\*"\s*:\s*\\*"{_AUDITED}\\*"')
_SHOWN: Final = 5

_decoder: Final = json.JSONDecoder()


def from_text(text: str, where: str) -> Traffic:
    """Return the requests, and in words what holds an audit document that cannot be read.

    Other lines are passed over. Raises InputError when there is no request, with the first that
    could not be read if there is one.
    """
    found: list[Request] = []
    wrong: list[str] = []
    for at, piece in _pieces(text, where):
        for asked in _asked(piece, at):
            try:
                found.append(asked())
            except InputError as error:
                wrong.append(str(error))
    if not found:
        raise InputError(
            wrong[0]
            if wrong
            else f"{where}: holds no audit line, neither coderd's JSON {_AUDITED} "
            "(CODER_LOGGING_JSON must be on) nor ALLOW or DENY of Boundary's own file"
        )
    passed = [f"passed over {each}" for each in wrong[:_SHOWN]]
    if len(wrong) > _SHOWN:
        passed.append(f"passed over {len(wrong) - _SHOWN} more that cannot be read")
    return Traffic(tuple(found), tuple(passed))


def _pieces(text: str, where: str) -> Iterator[tuple[str, Any]]:
    """Yield the lines with their place, or the entries of a document that is laid out over many."""
    documents = _laid_out(text)
    if documents is None:
        for number, line in enumerate(text.splitlines(), start=1):
            yield f"{where}, line {number}", _COLOUR.sub("", line)
        return
    entries = [e for each in documents for e in (each if isinstance(each, list) else [each])]
    for number, entry in enumerate(entries, start=1):
        yield f"{where}, entry {number}", entry


def _laid_out(text: str) -> list[Any] | None:
    """Return the JSON documents of a text in which one does not end on its line, else None."""
    first = text.lstrip().partition("\n")[0].strip()
    if not first.startswith(("[", "{")) or _is_json(first):
        return None
    found = []
    start = _after_space(text, 0)
    while start < len(text):
        try:
            document, end = _decoder.raw_decode(text, start)
        except ValueError:
            return None
        found.append(document)
        start = _after_space(text, end)
    return found


def _after_space(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _asked(piece: Any, where: str) -> Iterator[Callable[[], Request]]:
    """Yield what makes each request of a line or an entry, or raises InputError."""
    documents, outside = _inside(piece) if isinstance(piece, str) else ([piece], "")
    audits = [fields for document in documents for fields in _audits(document)]
    for fields in audits:
        yield partial(_request, fields, where)
    if isinstance(piece, str) and not audits and (written := _written(piece)) is not None:
        method, url, recorded, host = written
        yield partial(request, method, url, where, recorded, host)
    elif _CUT.search(outside):
        yield partial(_refuse, f"{where}: a cut or changed {_AUDITED} line, not JSON")


def _refuse(reason: str) -> Request:
    raise InputError(reason)


def _audits(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the fields of every audit document in a value, however deep it stands.

    Text is looked into only where a line stands: a URL is text too, and an agent's own.
    """
    if isinstance(value, str):
        yield from chain.from_iterable(map(_audits, _inside(value)[0]))
    elif isinstance(value, list):
        pairs = _pairs(value)
        yield from _audits(pairs) if pairs is not None else chain.from_iterable(map(_audits, value))
    elif isinstance(value, Mapping):
        if len(value) == 1 and not _TYPED.isdisjoint(value):
            (typed,) = value.values()
            yield from _audits(typed.get("values") if isinstance(typed, Mapping) else typed)
        elif not isinstance(value.get("msg"), str):
            yield from _wrapped(value)
        elif value["msg"] == _AUDITED:
            yield _fields(value)


def _wrapped(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key in _LINES:
        if audits := list(_audits(value.get(key))):
            yield from audits
            return
    for each in value.values():
        if not isinstance(each, str):
            yield from _audits(each)


def _inside(text: str) -> tuple[list[Any], str]:
    """Return the JSON objects of a text that names an audit, and the text outside them."""
    if _AUDITED not in text:
        return [], ""
    if '""msg""' in text:
        text = text.replace('""', '"')  # a table of values (CSV) doubles every quote
    found, outside = [], []
    last, start = 0, text.find("{")
    while start >= 0:
        try:
            document, end = _decoder.raw_decode(text, start)
        except ValueError:
            end = start + 1
        else:
            found.append(document)
            outside.append(text[last:start])
            last = end
        start = text.find("{", end)
    return found, "".join((*outside, text[last:]))


def _pairs(value: list[Any]) -> dict[str, Any] | None:
    """Return OpenTelemetry's list of keys and typed values as a map, None for another list."""
    if not value or not all(
        isinstance(each, Mapping) and set(each) == {"key", "value"} for each in value
    ):
        return None
    return {str(each["key"]): _plain(each["value"]) for each in value}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping) and len(value) == 1 and not _TYPED.isdisjoint(value):
        (typed,) = value.values()
        inner = typed.get("values") if isinstance(typed, Mapping) else typed
        return _pairs(inner) or inner if isinstance(inner, list) else inner
    return value


def _fields(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of an audit document, those too that a collector made flat."""
    fields = document.get("fields")
    if isinstance(fields, Mapping):
        return fields
    flat = (re.fullmatch(r"fields[._](\w+)", key) for key in document)
    return {key[1]: document[key[0]] for key in flat if key is not None}


def _request(fields: Mapping[str, Any], where: str) -> Request:
    missing = [key for key in _KEYS[1:] if not isinstance(fields.get(key), str)]
    if missing:
        raise InputError(f"{where}: {_AUDITED} without fields.{' and fields.'.join(missing)}")
    if fields.get("decision") not in ("allow", "deny"):
        raise InputError(f"{where}: fields.decision must be allow or deny")
    recorded: Recorded = "ALLOW" if fields["decision"] == "allow" else "DENY"
    return request(fields["http_method"], fields["http_url"], where, recorded)


def _written(line: str) -> tuple[str, str, Recorded, str] | None:
    """Return method, URL, decision and Host of a line of Boundary's own file, None for another."""
    if "msg=" not in line:
        return None
    pairs = dict(_PAIR.findall(line))
    recorded = pairs.get("msg")
    if recorded not in ("ALLOW", "DENY") or "method" not in pairs or "url" not in pairs:
        return None
    url, host = _unquoted(pairs["url"]), _unquoted(pairs.get("host", ""))
    if url.startswith("/"):
        # Some releases write the path alone of a request inside TLS.
        url = f"https://{host}{url}"
    decided: Recorded = "ALLOW" if recorded == "ALLOW" else "DENY"
    # Nothing else says where a request went whose URL does not.
    host = "" if addressed(url, recorded=True) else host
    return _unquoted(pairs["method"]), url, decided, host


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    # strconv.Quote's escapes are Python's.
    try:
        return str(ast.literal_eval(value))
    except (SyntaxError, ValueError):
        return value[1:-1]
