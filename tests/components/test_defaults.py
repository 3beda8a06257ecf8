"""No default stands twice: not in settings and Args, not in two Args, not in the HCL again.

Read from the source, where a default that is a name and one that is written out again differ.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import hcl2
import pytest

from components.workspace_template.source import SOURCE
from ops.project import ROOT

COMPONENTS = ROOT / "components"
# How large a panel is, which each kind of panel says of itself.
MEASURES = {"width", "height"}
# What settings and Args call by one name and is not the same.
OTHERS = {
    "variables": "who sets coderd's in settings, and what they are in Args",
    "auth_type": "settings tell a key from no key, Args both from a login of a person",
}


class Default(NamedTuple):
    """A default where it is written."""

    place: str
    name: str
    value: ast.expr


def in_class(file: str, node: ast.ClassDef) -> Iterator[Default]:
    """Defaults of a dataclass or a model, by its fields."""
    for line in node.body:
        if not (isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)):
            continue
        value = of_field(line.value) if line.value else None
        if value is not None:
            yield Default(f"{file} {node.name}", line.target.id, value)


def of_field(value: ast.expr) -> ast.expr | None:
    """What a field is where nobody says: itself, or what `field` and `Field` are told."""
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Name):
        return value
    if value.func.id not in {"Field", "field"}:
        return value
    named = {keyword.arg: keyword.value for keyword in value.keywords}
    given = [*value.args, *(named[key] for key in ("default", "default_factory") if key in named)]
    if not given:
        return None
    return given[0].body if isinstance(given[0], ast.Lambda) else given[0]


def in_function(file: str, node: ast.FunctionDef) -> Iterator[Default]:
    """Defaults of a function's named arguments."""
    for argument, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        if value is not None:
            yield Default(f"{file} {node.name}", argument.arg, value)


def defaults(source: str, file: str) -> Iterator[Default]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            yield from in_class(file, node)
        elif isinstance(node, ast.FunctionDef):
            yield from in_function(file, node)


def written_out(value: ast.expr) -> str:
    """A default that is written out and says something; empty for a name, and for nothing said.

    Off, zero and empty say nothing; so does a call that only names other things.
    """
    texts = [
        each.value
        for each in ast.walk(value)
        if isinstance(each, ast.Constant) and each.value not in (None, False, 0, "")
    ]
    return repr(texts) if texts else ""


def twice(found: list[Default]) -> list[str]:
    """Every default that stands a second time.

    Text that says something stands once, whatever the field is called: `gitlab` is an id of a
    login here and there. A number or a choice of few is compared under one name.
    """
    seen: dict[str, str] = {}
    again = []
    for place, name, value in found:
        if name in MEASURES or not (text := written_out(value)):
            continue
        key = text if re.search(r"'[^']{3,}", text) else f"{name} = {text}"
        if key in seen:
            again.append(f"{place}.{name} = {text}, also {seen[key]}")
        seen[key] = f"{place}.{name}"
    return again


def everything() -> list[Default]:
    return [
        default
        for path in sorted(COMPONENTS.rglob("*.py"))
        for default in defaults(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    ]


def test_no_default_stands_twice() -> None:
    found = everything()
    assert len(found) > 300
    assert twice(found) == []


def test_settings_name_what_a_field_of_the_same_name_has_elsewhere() -> None:
    found = everything()
    settings = [each for each in found if "settings" in each.place.split()[0]]
    others = {each.name for each in found if each not in settings}
    assert len({each.name for each in settings} & others) > 40
    assert [
        f"{place}.{name} = {text}"
        for place, name, value in settings
        if name in others - OTHERS.keys() and (text := written_out(value))
    ] == []


@pytest.mark.parametrize(
    ("first", "second", "again"),
    [
        ("folder: str = 'Coder'", "title: str = Field('Coder')", True),
        ("minutes: int = 15", "minutes: int = Field(default=15, ge=1)", True),
        ("labels: M = field(default_factory=lambda: {'a': 'cdef'})", "x: M = {'a': 'cdef'}", True),
        ("sizes: S = S((2, 4), 4)", "sizes: S = Field(S.of([2, 4], 4))", True),
        ("folder: str = 'Coder'", "folder: str = Field(FOLDER)", False),
        ("minutes: int = 15", "hours: int = 15", False),
        ("on: bool = False", "on: bool = Field(False)", False),
        ("text: str = ''", "text: str = Field('', description='Coder')", False),
    ],
)
def test_a_second_writing_is_seen(first: str, second: str, again: bool) -> None:
    source = f"class A:\n    {first}\nclass B:\n    {second}\n"
    assert bool(twice(list(defaults(source, "x")))) is again


def variables(path: Path) -> dict[str, dict[str, object]]:
    with path.open(encoding="utf-8") as file:
        return {
            name.strip('"'): body
            for each in hcl2.load(file)["variable"]
            for name, body in each.items()
        }


def test_the_hcl_has_no_default_of_its_own() -> None:
    found = variables(SOURCE / "variables.tf")
    said = {name: body["default"] for name, body in found.items() if "default" in body}
    assert len(found) > 10
    assert set(said.values()) <= {"", '""'}
