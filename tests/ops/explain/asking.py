"""The command explain as tests run it, on settings of their own."""

import json
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner

from ops.cli import app

ROOT = Path(__file__).resolve().parents[3]


PREFIX = "firewalled-coder:"


def run(*arguments: str, stdin: str | bytes = "") -> tuple[int, str]:
    """Return exit status and what was said, its lines joined as the terminal's width broke them."""
    result = CliRunner().invoke(app, ["explain", *arguments], input=stdin)
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, " ".join(result.output.split())


def machine(*arguments: str, stdin: str | bytes = "") -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, ["explain", *arguments, "--json"], input=stdin)
    return result.exit_code, json.loads(result.stdout)


def decisions(*arguments: str, stdin: str | bytes = "") -> list[tuple[str, str, str]]:
    _, said = machine(*arguments, stdin=stdin)
    (template,) = said["templates"]
    return [(each["decision"], each["method"], each["url"]) for each in template["decisions"]]


def change(root: Path, stack: str, **values: Any) -> None:
    path = root / "stacks" / f"Pulumi.{stack}.yaml"
    document = yaml.safe_load(path.read_text())
    for key, value in values.items():
        document["config"][PREFIX + key] = value
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def policy_of(root: Path, stack: str) -> dict[str, Any]:
    path = root / "stacks" / f"Pulumi.{stack}.yaml"
    return dict(yaml.safe_load(path.read_text())["config"][PREFIX + "policy"])
