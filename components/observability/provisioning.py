"""Grafana's provisioning files: what of their values is a variable, and how to say that none is.

Grafana expands `$NAME`, `${NAME}`, `$__file{path}` and their like in them when it reads them, and
`$$` is one dollar (pkg/services/provisioning/values). Two places are left alone: the model of an
alert's query, and an alert's annotations; of these a proposed change would expand what has braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from components.repeated import repeated

ORGANIZATION = 1
"""Grafana's first organization, whose data sources and alerts files provision."""
KEEPS_ONE: Final = "Grafana keeps one data source of a uid; give each its own"
# The one in C reads a file of alerts in a tenth of the time; some builds of PyYAML lack it.
_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BRACED = re.compile(r"\$(?=(?:__\w+)?\{[^}]+\})")


def read(text: Any) -> Any:
    """Return what a file says as plain data; None if it is no text, or no YAML."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  a safe one
    except (yaml.YAMLError, TypeError, AttributeError, ValueError):
        # No text, or none in UTF-8: the parsers in Python and in C differ in what they raise.
        return None


def literal(value: Any) -> Any:
    """Return a value in whose texts, at any depth, no dollar begins a variable."""
    match value:
        case str():
            return value.replace("$", "$$")
        case dict():
            return {key: literal(each) for key, each in value.items()}
        case list():
            return [literal(each) for each in value]
    return value


def annotation(template: str) -> str:
    """Return an annotation that reads the same whether Grafana expands what has braces or not."""
    return _BRACED.sub('{{ "$" }}', template)


def repeated_uids(uids: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the data sources whose uid an earlier one has, each with the first of that uid.

    Args:
        uids: of data sources, by a name of each.
    """
    names = list(uids)
    for place in repeated(uids.values()):
        name = names[place]
        yield name, next(first for first in names if uids[first] == uids[name])
