"""One name, one meaning: no two modules have a public class of the same name."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from ops.project import ROOT

PARTS = ("components", "program", "ops", "local", "toolchain")
# The components as other languages see them, each beside the one that it declares.
SAME = "components/package/"


def homonyms(root: Path) -> dict[str, list[str]]:
    """The modules of every public class whose name several have."""
    modules = defaultdict(list)
    for path in sorted(path for part in PARTS for path in (root / part).rglob("*.py")):
        module = path.relative_to(root).as_posix()
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                modules[node.name].append(module)
    return {name: found for name, found in modules.items() if len(found) > 1}


@pytest.mark.parametrize(
    "mark",
    [
        "[secret]",
        "[hidden]",
        "4dabf18193072939515e22adb298388d",
        "1b47061264138c4ac30d75fd1eb44270",
    ],
)
def test_what_stands_for_a_secret_is_written_once(mark: str) -> None:
    paths = [path for part in PARTS[:3] for path in sorted((ROOT / part).rglob("*.py"))]
    found = [path for path in paths if f'"{mark}"' in path.read_text(encoding="utf-8")]
    assert len(found) == 1


def test_no_two_classes_have_one_name() -> None:
    every = homonyms(ROOT)
    served = {name for name, found in every.items() if any(each.startswith(SAME) for each in found)}
    # One that the package serves is one component and nothing else of that name.
    assert "WorkspaceTemplate" in served
    assert {name: every[name] for name in served if len(every[name]) > 2} == {}
    assert {name: found for name, found in every.items() if name not in served} == {}


def test_a_homonym_is_seen(tmp_path: Path) -> None:
    for part, name in (("ops", "Seen"), ("local", "Seen"), ("program", "Alone"), ("ops", "_Own")):
        (tmp_path / part).mkdir(exist_ok=True)
        file = tmp_path / part / f"{name.lower()}.py"
        file.write_text(f"class {name}:\n    pass\n", encoding="utf-8")
    assert homonyms(tmp_path) == {"Seen": ["local/seen.py", "ops/seen.py"]}
