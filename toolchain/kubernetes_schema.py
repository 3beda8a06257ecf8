"""Writes the package schema that the Kubernetes provider built from source is given.

`python -m toolchain.kubernetes_schema` writes `tools/pulumi-resource-kubernetes/schema.json`. The
provider's own schema (30 MB) is made by a generator that no Go module carries. At an import the
provider takes from the live object the fields that the schema names as inputs, and nothing else:
names are all it needs, and a type that is missing comes back without its fields. So every type of
pulumi_kubernetes that the program declares is listed, with its inputs as the Python package has
them. Custom resources have no class and are in no schema: there the real one is as blind.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pulumi
from pulumi._types import resource_py_to_pulumi_names  # what the SDK itself translates by

ROOT: Final = Path(__file__).resolve().parent.parent
SCHEMA: Final = ROOT / "tools" / "pulumi-resource-kubernetes" / "schema.json"
PACKAGE: Final = "pulumi_kubernetes"
_NOT_INPUTS: Final = frozenset(("__self__", "resource_name", "opts", "__props__"))


def sources(root: Path = ROOT) -> tuple[Path, ...]:
    """Return the modules of the program of a checkout."""
    folders = (root / "components", root / "program")
    modules = (module for folder in folders for module in sorted(folder.rglob("*.py")))
    return (root / "__main__.py", *modules)


def declared(modules: Iterable[Path]) -> dict[str, type[pulumi.CustomResource]]:
    """Return the resource types of pulumi_kubernetes that modules name, by their tokens."""
    found: dict[str, type[pulumi.CustomResource]] = {}
    for module in modules:
        for named in _named(ast.parse(module.read_text(encoding="utf-8"), str(module))):
            token = getattr(named, "pulumi_type", None)
            if not (inspect.isclass(named) and issubclass(named, pulumi.CustomResource)):
                continue
            if token and not issubclass(named, pulumi.ProviderResource):
                found[token] = named
    return dict(sorted(found.items()))


def schema(types: dict[str, type[pulumi.CustomResource]]) -> dict[str, Any]:
    """Return a package schema that names the inputs of each type."""
    return {
        "name": "kubernetes",
        # What the provider calls itself: the engine takes only the version that the SDK asks for.
        "version": version(PACKAGE.replace("_", "-")),
        "resources": {
            token: {"inputProperties": {name: {} for name in inputs(resource)}}
            for token, resource in types.items()
        },
    }


def inputs(resource: type[pulumi.CustomResource]) -> tuple[str, ...]:
    """Return the names of a resource's inputs as the provider knows them, sorted."""
    parameters = inspect.signature(resource._internal_init).parameters  # type: ignore[attr-defined]
    names = resource_py_to_pulumi_names(resource)
    return tuple(sorted(names[each] for each in parameters if each not in _NOT_INPUTS))


def text(root: Path = ROOT) -> str:
    """Return the schema for the program of a checkout, as it is kept."""
    return json.dumps(schema(declared(sources(root))), indent=2) + "\n"


def _named(tree: ast.Module) -> Iterator[Any]:
    """Yield every object of pulumi_kubernetes that a module names."""
    bound: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == PACKAGE:
                    module = importlib.import_module(alias.name)
                    top = importlib.import_module(PACKAGE)
                    bound[alias.asname or PACKAGE] = module if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").partition(".")[0] != PACKAGE:
                continue
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                bound[alias.asname or alias.name] = getattr(module, alias.name)
    yield from bound.values()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            named = _value(node, bound)
            if named is not None:
                yield named


def _value(node: ast.expr, bound: dict[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return bound.get(node.id)
    if isinstance(node, ast.Attribute):
        return getattr(_value(node.value, bound), node.attr, None)
    return None


if __name__ == "__main__":
    SCHEMA.write_text(text(), encoding="utf-8")
