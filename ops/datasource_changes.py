"""What a preview changes of where Grafana's data comes from: the audit, the database, metrics.

Who looks at another place for the audit sees none, and no alert fires.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from components.observability import provisioning
from components.observability.database import SslMode
from ops.changes import Change, Step, differences
from ops.markdown import code, turned
from ops.tokens import DATA_SOURCES, RANDOM_PASSWORD

_ELSEWHERE: Final = "the audit is looked for elsewhere"
_LOKI: Final = "loki"
_POSTGRES: Final = "grafana-postgresql-datasource"
_TENANT: Final = "secureJsonData.httpHeaderValue1"
_SSL: Final = "jsonData.sslmode"
# By the source's type, the paths that say where its data is, and what the headline says then.
_PLACES: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    _LOKI: (frozenset({"", "url", _TENANT}), _ELSEWHERE),
    _POSTGRES: (
        frozenset({"", "url", "jsonData.database"}),
        "Grafana's database password goes to another address",
    ),
    "prometheus": (frozenset({"", "url"}), "metrics are looked for elsewhere"),
}
_WORDS: Final[Mapping[str, str]] = {
    "url": "address",
    "user": "role",
    "jsonData.database": "database",
    "jsonData.sslRootCertFile": "file of its CA",
    _SSL: "protected by",
    _TENANT: "tenant",
}
# The header's name comes and goes with the tenant.
_QUIET: Final = frozenset({"jsonData.httpHeaderName1"})
_REPLACED: Final = "Grafana's database password is replaced"
_LESS_SAFE: Final = "Grafana's connection to the database is less protected"


@dataclass(frozen=True)
class SourceOfData:
    """One thing that is another afterwards of where Grafana's data comes from.

    Attributes:
        source: the data source's name, or what is looked for.
        what: which of its settings; empty for all of it.
        old: how it is now, None if it is not there.
        new: how it is afterwards, None if it is not there.
        warning: what the headline says, empty if nothing.
    """

    source: str
    what: str
    old: str | None
    new: str | None
    warning: str = ""

    @property
    def line(self) -> str:
        """It as a line of Markdown."""
        mark = "⚠️ " if self.warning else ""
        name = f"{code(self.source)}{f', {self.what}' if self.what else ''}"
        return f"- {mark}{name}: {turned(self.old, self.new)}"


def datasource_changes(
    steps: Iterable[Step], old_logs: str = "", new_logs: str = ""
) -> tuple[SourceOfData, ...]:
    """Return what differs; of a stack that is new there is nothing to compare.

    Args:
        steps: of a preview.
        old_logs: which logs hold the audit by the last update, empty if it has not recorded it.
        new_logs: the same by the settings.
    """
    old: dict[str, Mapping[str, Any]] = {}
    new: dict[str, Mapping[str, Any]] = {}
    passwords = []
    for step in steps:
        if step.type == RANDOM_PASSWORD and step.op == "replace":
            old_revision, new_revision = map(_revision, (step.old, step.new))
            passwords.append(
                SourceOfData(
                    "the database's password", "revision", old_revision, new_revision, _REPLACED
                )
            )
        if step.parent == DATA_SOURCES and "data" in (step.new or step.old):
            old |= {} if step.op == "create" else _sources(step.old)
            new |= {} if step.op == "delete" else _sources(step.new)
    found = [
        change
        for kind in sorted(old.keys() | new.keys())
        # The database's is always there: where it comes, the stack comes.
        if old or _POSTGRES not in new
        for change in _of_source(kind, old.get(kind), new.get(kind))
    ]
    found += passwords
    if old_logs and new_logs and old_logs != new_logs:
        found.append(SourceOfData("the audit's logs in Loki", "", old_logs, new_logs, _ELSEWHERE))
    return tuple(found)


def datasource_warnings(changes: Iterable[SourceOfData]) -> tuple[str, ...]:
    """Return what the headline says, each once."""
    return tuple(dict.fromkeys(each.warning for each in changes if each.warning))


def _of_source(
    kind: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> Iterable[SourceOfData]:
    name = str((new or old or {}).get("name", kind))
    if old is None or new is None:
        before, after = (None if each is None else str(each.get("url", "")) for each in (old, new))
        yield SourceOfData(name, "", before, after, _warning(kind, Change("", before, after)))
        return
    for each in differences(_flat(old), _flat(new)):
        if each.path not in _QUIET:
            what = _WORDS.get(each.path, each.path)
            yield SourceOfData(name, what, each.old, each.new, _warning(kind, each))


def _warning(kind: str, change: Change) -> str:
    paths, warning = _PLACES.get(kind, (frozenset(), ""))
    if change.path in paths:
        return warning
    modes = get_args(SslMode)
    if change.path != _SSL or change.old not in modes or change.new not in modes:
        return ""
    return _LESS_SAFE if modes.index(change.new) < modes.index(change.old) else ""


def _revision(inputs: Mapping[str, Any]) -> str | None:
    """Return what a password was last replaced by."""
    keepers = inputs.get("keepers")
    found = keepers.get("revision") if isinstance(keepers, Mapping) else None
    return None if found is None else str(found)


def _flat(source: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return every setting by its path: those of a part that comes or goes are told one by one."""
    found: dict[str, Any] = {}
    for key, value in source.items():
        inner = f"{path}{key}"
        found |= _flat(value, f"{inner}.") if isinstance(value, Mapping) else {inner: value}
    return found


def _sources(inputs: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the data sources in a file for Grafana, by type."""
    data = inputs.get("data")
    found: dict[str, Mapping[str, Any]] = {}
    for text in data.values() if isinstance(data, Mapping) else ():
        document = provisioning.read(text)
        sources = document.get("datasources") if isinstance(document, Mapping) else None
        for source in sources if isinstance(sources, list) else ():
            found[str(source.get("type"))] = source
    return found
