"""`python -m tests.compiled`: compiles code and tests once, as every worker of pytest would.

In a fresh checkout that is half of what finding the tests takes, three times over.
"""

import compileall
import gc
from pathlib import Path

from _pytest.assertion import rewrite

ROOT = Path(__file__).resolve().parents[1]
CODE = ("components", "docs", "local", "ops", "program", "toolchain")


class _Silent:
    """Where pytest writes nothing down, it says so and goes on."""

    def trace(self, _: str) -> None:
        pass


def rewritten(path: Path) -> Path:
    """Return where pytest looks for a module with assertions that it rewrote, and is there."""
    kept = rewrite.get_cache_dir(path) / f"{path.stem}{rewrite.PYC_TAIL}"
    if rewrite._read_pyc(path, kept) is None:
        digest, code = rewrite._rewrite_test(path, None)
        kept.parent.mkdir(parents=True, exist_ok=True)
        rewrite._write_pyc(_Silent(), code, digest, kept)
    return kept


def main() -> None:
    gc.disable()  # a syntax tree has no cycles
    for name in CODE:
        compileall.compile_dir(ROOT / name, quiet=2)
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if path.name.startswith("test_") or path.name == "conftest.py":
            rewritten(path)
        else:
            compileall.compile_file(path, quiet=2)


if __name__ == "__main__":
    main()
