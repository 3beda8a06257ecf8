"""`python -m ops firewall STACK off|on`: the emergency switch, written into the stack's settings.

It changes the file alone: what it means is deployed, reviewed and recorded like any other change,
and the next preview after its last day fails until it is switched back or extended.
"""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from components.errors import OperatorError
from components.settings.problems import PROJECT, SettingsError
from components.settings.switched import LONGEST_OFF
from ops import stack_file, stacks

_SHORT = "firewall"
KEY = f"{PROJECT}:{_SHORT}"
_BLOCK = re.compile(
    rf"^( +)[\"']?{re.escape(KEY)}[\"']?:.*\n(?:\1 +.*\n|\s*\n(?=\1 ))*", re.MULTILINE
)
_CONFIG = re.compile(r"^config:[ \t]*(?:#.*)?\n", re.MULTILINE)


class Switch(StrEnum):
    """Where the switch can stand."""

    ON = "on"
    OFF = "off"


class SwitchError(OperatorError):
    """The switch cannot be set as asked; nothing was written."""


def last_day(until: str | None, now: datetime) -> date:
    """Return the last day (UTC) of a switch: `until` as 2026-12-31, else 24 hours ahead.

    Raises SwitchError for text that is no date, a day that is over, and more than 7 days.
    """
    if until is None:
        return (now + timedelta(hours=24)).date()
    try:
        day = date.fromisoformat(until)
    except ValueError:
        raise SwitchError(f"--until {until!r} is no date such as 2026-12-31") from None
    latest = now.date() + LONGEST_OFF
    if not now.date() <= day <= latest:
        raise SwitchError(
            f"--until {day} must lie between today, {now.date()}, and {latest}: the firewall may "
            f"be off for {LONGEST_OFF.days} days at a time"
        )
    return day


def written(text: str, switch: dict[str, Any] | None) -> str:
    """Return a stack file's text with the switch set, or removed for None; the rest stays.

    Raises SwitchError when the file is laid out so that this cannot be done safely.
    """
    try:
        before = stack_file.read(text.encode())
        config = before.get("config")
        if not isinstance(config, dict) or not config:
            raise SwitchError("the stack's file has no settings under `config:`")
        if _SHORT in config:
            raise SwitchError(f"the stack's file calls {KEY} just `{_SHORT}`: give it all its name")
        found = _BLOCK.sub("", text if text.endswith("\n") else text + "\n")
        if switch is not None:
            line = f"  {KEY}: {json.dumps(switch, ensure_ascii=False)}\n"
            found = _CONFIG.sub(lambda match: match[0] + line, found, count=1)
        after = stack_file.read(found.encode())
    except stack_file.StackFileError as error:
        raise SwitchError(f"the stack's file: {error}") from None
    except UnicodeEncodeError:
        raise SwitchError(
            "--reason and --template take text in UTF-8; nothing was written"
        ) from None
    wanted = {key: value for key, value in config.items() if key != KEY}
    if switch is not None:
        wanted[KEY] = switch
    if after != {**before, "config": wanted}:
        raise SwitchError(f"set {KEY} in the stack's file by hand: its layout is unusual")
    return found


def set_switch(root: Path, stack: str, switch: dict[str, Any] | None) -> Path:
    """Write the switch into the settings of `stack`; nothing stays written when they are wrong.

    Raises SwitchError, and SettingsError with every problem of the settings.
    """
    path = root / "stacks" / f"Pulumi.{stack}.yaml"
    if not path.exists():
        raise SwitchError(f"no stack {stack!r}; there are {', '.join(stacks.names(root))}")
    try:
        before = path.read_bytes().decode()
    except UnicodeDecodeError:
        raise SwitchError(f"{path.name} is not YAML in UTF-8") from None
    lines = before.replace("\r\n", "\n")
    # A file of Windows' lines stays one, to its end.
    windows = 0 < before.count("\r\n") == lines.count("\n")
    end = "\r\n" if windows else "\n"
    path.write_bytes(written(lines, switch).replace("\n", end).encode())
    try:
        stacks.settings(stack, root)
    except SettingsError:
        path.write_bytes(before.encode())
        raise
    return path


def next_step(root: Path, stack: str) -> str:
    """Return how the switch gets from the settings of `stack` to its deployment."""
    if stacks.protected(stack, root):
        return (
            "commit it and have it reviewed; the stack is protected, so then: "
            f"python -m ops preview {stack} --save-plan FILE, then, reviewed, "
            f"python -m ops up {stack} --plan FILE"
        )
    return f"commit it, then: python -m ops up {stack}"
