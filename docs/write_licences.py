"""Writes the list of dependencies and their licences: `python -m docs.write_licences`.

A test holds the committed page against what this writes. Ends with 1 when a licence is unknown or
not allowed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from docs.dependencies import ALLOWED, Dependency, dependencies

PAGE: Final = Path(__file__).parent / "licences.md"
KINDS: Final = {
    "Python": "What `requirements.txt` and `requirements-dev.txt` install.",
    "Go": "What is compiled into the tools of `tools/`, which each machine builds for itself.",
    "npm": "What the lock files in `tools/` name, which tests and checks run.",
}


def page(found: Sequence[Dependency]) -> str:
    """Return the page as Markdown."""
    allowed = ", ".join(sorted(ALLOWED))
    text = f"""# Licences

The project itself is under the [Apache License 2.0](../LICENSE). This page is written by
`make licences`, which fails for a licence that is unknown or not one of: {allowed}.

A package declares its licence, or else it is recognised in its files by
[licenseclassifier](https://github.com/google/licenseclassifier). check-jsonschema, which CI runs,
carries JSON schemas of other projects under their own licences, one of them (Renovate's) under the
AGPL; the two that are read, of GitHub and GitLab, are not among these.
"""
    for kind, about in KINDS.items():
        rows = [
            f"| {each.name} | {each.version} | {each.licence} | {', '.join(each.users)} |\n"
            for each in found
            if each.kind == kind
        ]
        text += f"\n## {kind}\n\n{about}\n\n| name | version | licence | for |\n|---|---|---|---|\n"
        text += "".join(rows)
    return text


def main() -> int:
    """Write the page; return 1 when a licence is not allowed."""
    found = dependencies()
    PAGE.write_text(page(found), encoding="utf-8")
    refused = [each for each in found if not each.allowed]
    for each in refused:
        sys.stderr.write(f"{each.kind} {each.name} {each.version}: {each.licence}\n")
    return 1 if refused else 0


if __name__ == "__main__":
    raise SystemExit(main())
