"""HCL as a tree, parsed once a user: templates share their files, and to parse them takes long."""

import hashlib
import json
import secrets
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from toolchain import tools


class HclError(Exception):
    """The text is no HCL; `line` is where that shows, 0 if the parser does not say."""

    def __init__(self, line: int) -> None:
        super().__init__(f"no HCL in line {line}")
        self.line = line


def tree(text: str) -> dict[str, Any]:
    """Return what a file of HCL says, as python-hcl2 has it; raises HclError."""
    kept = _folder() / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
    with suppress(OSError, ValueError):
        found = json.loads(kept.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    found = _parsed(text)
    _keep(kept, json.dumps(found))
    return found


def _parsed(text: str) -> dict[str, Any]:
    # Here, as both take long to load and are seldom needed.
    import hcl2
    from lark.exceptions import LarkError, UnexpectedInput

    try:
        return dict(hcl2.loads(text))
    except UnexpectedInput as error:
        known = error.line and error.line > 0
        raise HclError(error.line if known else len(text.splitlines())) from None
    except LarkError:
        raise HclError(0) from None


@cache
def _folder() -> Path:
    """Return where trees are kept: one folder for each set of packages, the parser's version."""
    packages = (tools.ROOT / "requirements.txt").read_bytes()
    return tools.cache() / f"hcl-{hashlib.sha256(packages).hexdigest()[:16]}"


def _keep(path: Path, content: str) -> None:
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    # What cannot be kept is parsed again.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(content, encoding="utf-8")
        new.replace(path)
