"""LogQL from the fields of the model.

Loki's labels do not hold the audit fields, so a query takes them out of the JSON line by path,
each under a plain name. The domain and path are inside `http_url`; a regular expression over the
URL alone finds them. Strings stand in backticks, in which LogQL knows no escapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from components.boundary.destination import ADDRESSED
from components.dashboards.log_fields import (
    AUDIT_MESSAGE,
    AuditDecision,
    AuditField,
    BuildField,
    UrlPart,
)
from components.dashboards.promql import QueryError

Field = AuditField | BuildField | UrlPart | str
"""What a line may be grouped by: a field, or a stream label as the stack's Loki names it."""

FILTERS: Mapping[str, AuditField | UrlPart] = {
    "domain": UrlPart.DOMAIN,
    "owner": AuditField.OWNER,
    "template_id": AuditField.TEMPLATE_ID,
    "template_version_id": AuditField.TEMPLATE_VERSION_ID,
}
"""The dashboard variables every audit query honours, and the field each compares with."""

URL_PATTERN = (
    r"^(?:[A-Za-z][A-Za-z0-9+.-]*://"
    r"(?:[^/?#]*@)?"
    r"(?P<domain>\[[^\]]*\]|[^/?#:]*)(?::[0-9]*)?"
    r"|[^/?#]*)"
    r"(?P<path>/[^?#]*)?"
)
"""RE2 over a URL. Scheme, user, port, query and fragment stay out of `domain` and `path`.

What stands before the path of a URL without `://` is no domain: the request did not go there.
"""

NO_DOMAIN = "not known"
"""In place of the domain of a request of which the audit does not tell where it went."""

_DOMAIN = f'{{{{ or .{UrlPart.DOMAIN} "{NO_DOMAIN}" }}}}'
_TOLD = f"/.*|{ADDRESSED}"
"""What tells where a request went; the path alone is what old releases of Boundary say of each."""


def stream(labels: Mapping[str, str], patterns: Mapping[str, str] | None = None) -> str:
    """Return a stream selector with one comparison for each label.

    Args:
        labels: Value by label, as the stack's Loki names it.
        patterns: RE2 over the whole value by label.

    Raises:
        QueryError: No label given, which Loki refuses too, or a value that cannot be quoted.
    """
    if not labels:
        raise QueryError("a log query needs at least one stream label")
    parts = [f"{label}={_raw(value)}" for label, value in labels.items()]
    parts += [f"{label}=~{_raw(pattern)}" for label, pattern in (patterns or {}).items()]
    return "{" + ", ".join(parts) + "}"


def containing(selector: str, *texts: str) -> str:
    """Keep the lines that hold every one of `texts`, compared case-sensitively."""
    return selector + "".join(f" |= {_raw(text)}" for text in texts)


def matching(selector: str, pattern: str) -> str:
    """Keep the lines in which an RE2 `pattern` is found anywhere."""
    return f"{selector} |~ {_raw(pattern)}"


def audit(
    selector: str,
    *fields: AuditField,
    decision: AuditDecision | None = None,
    filtered: bool = True,
    unaddressed: bool = False,
) -> str:
    """Return the pipeline that reads audit lines.

    Args:
        selector: The stream selector of coderd's log.
        fields: Fields wanted as labels, beside those that the filters compare.
        decision: Keep this decision only.
        filtered: Honour the dashboard's variables; False for alert rules, which have none.
        unaddressed: Keep the lines alone that do not tell where the request went.

    The result's labels are the fields'; of a filtered one also `domain` and `path`, and its line
    is the URL.
    """
    compared = [f for f in FILTERS.values() if isinstance(f, AuditField)] if filtered else []
    wanted = _unique([AuditField.MESSAGE, AuditField.DECISION, *compared, *fields])
    if filtered or unaddressed:
        wanted = _unique([*wanted, AuditField.HTTP_URL])
    extraction = ", ".join(f'{field.label}="{field.value}"' for field in wanted)
    stages = [
        # The cheap filter first; the exact one after parsing, since a URL may hold the words.
        f"|= {_raw(AUDIT_MESSAGE)}",
        f"| json {extraction}",
        f"| {AuditField.MESSAGE.label}={_raw(AUDIT_MESSAGE)}",
    ]
    if decision:
        stages.append(f"| {AuditField.DECISION.label}={_raw(decision.value)}")
    if unaddressed:
        stages.append(f"| {AuditField.HTTP_URL.label}!~{_raw(_TOLD)}")
    if filtered:
        stages += [
            f"| line_format {_raw('{{.' + AuditField.HTTP_URL.label + '}}')}",
            f"| regexp {_raw(URL_PATTERN)}",
            f"| label_format {UrlPart.DOMAIN}={_raw(_DOMAIN)}",
        ]
        stages += [
            # Grafana escapes the value for a regular expression; an empty one matches all.
            f"| {_label(field)}=~{_raw('(?i).*${' + name + ':regex}.*')}"
            for name, field in FILTERS.items()
        ]
    return " ".join([selector, *stages])


def about(selector: str, *texts: str, **patterns: str) -> str:
    """Return the pipeline that reads coderd's lines about workspaces.

    Args:
        selector: The stream selector of coderd's log.
        texts: What a line must hold to be read at all, such as the name of its logger.
        patterns: RE2 over the whole field by the name of a `BuildField`, lower case. Each becomes
            a label. One that is a dashboard's variable is first looked for anywhere in the line,
            which spares Loki the parsing of most; names of workspaces and templates have no
            character that JSON escapes.

    Raises:
        QueryError: No pattern, a field that is not one, or a text that cannot be quoted.
    """
    known = {field.label: field for field in BuildField}
    unknown = sorted(set(patterns) - set(known))
    if unknown or not patterns:
        raise QueryError(f"no field {', '.join(unknown)}; there are {', '.join(known)}")
    extraction = ", ".join(f'{name}="{known[name].value}"' for name in patterns)
    variables = [f"|~ {_raw(pattern)}" for pattern in patterns.values() if "${" in pattern]
    stages = [f"| {name}=~{_raw(pattern)}" for name, pattern in patterns.items()]
    lines = [containing(selector, *texts), *variables]
    return " ".join([*lines, f"| json {extraction}", *stages])


def count(pipeline: str, over: str = "$__range", *, offset: str = "") -> str:
    """Count lines over a duration, for each set of labels."""
    shift = f" offset {offset}" if offset else ""
    return f"count_over_time({pipeline} [{over}]{shift})"


def rate(pipeline: str, over: str = "$__auto") -> str:
    """Return lines a second over a duration, for each set of labels."""
    return f"rate({pipeline} [{over}])"


def total(expression: str, *by: Field) -> str:
    """Sum, by the fields given."""
    group = f" by ({', '.join(_label(field) for field in by)}) " if by else ""
    return f"sum{group}({expression})"


def or_zero(expression: str) -> str:
    """Return 0 where there is no line; for a result without labels."""
    return f"{expression} or vector(0)"


def topk(number: int, expression: str) -> str:
    """Return the `number` highest, the highest first."""
    return descending(f"topk({number}, {expression})")


def descending(expression: str) -> str:
    """Return an instant query's result from the highest down; Loki orders others by label."""
    return f"sort_desc({expression})"


def newest(pipeline: str, over: str) -> str:
    """Return the Unix time, in seconds, of the newest line over a duration."""
    stamped = f"{pipeline} | label_format seen={_raw('{{ __timestamp__ | unixEpoch }}')}"
    return f"max(max_over_time({stamped} | unwrap seen [{over}]))"


def _label(field: Field) -> str:
    return field.label if isinstance(field, AuditField | BuildField) else str(field)


def _raw(text: str) -> str:
    if "`" in text or "\n" in text:
        raise QueryError(f"{text!r} cannot stand in a LogQL raw string")
    return f"`{text}`"


def _unique(fields: Iterable[AuditField]) -> list[AuditField]:
    return list(dict.fromkeys(fields))
