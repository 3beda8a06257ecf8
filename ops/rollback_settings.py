"""The settings of an earlier commit, as a rollback reads and completes them.

A commit of any age: today's model may not read them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from components.errors import OperatorError
from ops import project, stack_file
from ops.settings_then import SettingsThen

_MIDNIGHT: Final = " 00:00:00 +0000 UTC"  # after a day that stands without quotes, as Go prints it
# What the engine decrypts a stack's secrets with stands beside them in its file.
_SECRET_KEYS: Final = ("secretsprovider", "encryptionsalt", "encryptedkey")


class RollbackError(OperatorError):
    """The stack cannot go back as asked; the message says why, and the way out."""


def keep_secrets(old: Path, present: Path, stack: str) -> tuple[str, ...]:
    """Put the present secrets, still encrypted, into the earlier settings.

    Returns the paths of those that the program of then does not know, and would refuse.
    """
    name = Path("stacks", f"Pulumi.{stack}.yaml")
    try:
        now, then = (dict(stack_file.read((place / name).read_bytes())) for place in (present, old))
        kept_now, config = _config(now, name, "now"), _config(then, name, "in that commit")
    except FileNotFoundError:
        raise RollbackError(f"{name} is missing, which holds the stack's secrets") from None
    except stack_file.StackFileError as error:
        raise RollbackError(f"{name}, now or in that commit: {error}") from None
    key = f"{project.PROJECT}:secrets"
    then["config"] = config
    config.pop(key, None)
    kept = kept_now.get(key)
    left_out: tuple[str, ...] = ()
    if kept is not None:
        kept, left_out = SettingsThen(old).without_unknown("secrets", kept)
    if kept is not None:
        config[key] = kept
    for each in _SECRET_KEYS:
        then.pop(each, None)
        if each in now:
            then[each] = now[each]
    (old / name).write_bytes(stack_file.written(then))
    return left_out


def switched_off(root: Path, stack: str) -> str:
    """Return why, by whom and until when the switch has the firewall off; empty if it has not."""
    name = Path("stacks", f"Pulumi.{stack}.yaml")
    document = stack_file.read((root / name).read_bytes())
    switch = _config(document, name, "in that commit").get(f"{project.PROJECT}:firewall")
    if not isinstance(switch, dict) or switch.get("state") not in ("off", False):
        return ""
    templates = switch.get("templates")
    which = f" for {', '.join(map(str, templates))}" if isinstance(templates, list) else ""
    return (
        f"{switch.get('reason', 'no reason given')}{which}, by {switch.get('who') or 'unknown'}, "
        f"until {str(switch.get('until', 'no day')).removesuffix(_MIDNIGHT)}"
    )


def _config(document: Any, name: Path, when: str) -> dict[str, Any]:
    """Return the settings of a stack's file by full key, none of an empty one.

    Raises RollbackError and stack_file.StackFileError.
    """
    config = document.get("config", {}) if isinstance(document, dict) else document
    if config is not None and not isinstance(config, dict):
        raise RollbackError(f"{name} {when}: `config:` must hold settings, each with its key")
    return stack_file.full_keys(config or {})
