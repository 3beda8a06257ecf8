"""What stands in the way of removing a stack's templates: the workspaces that people have of them.

coderd refuses to remove a template with workspaces (400), and an engine that meets the refusal has
removed most of the rest by then; so it is asked before.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from components.coder.api import CoderdApi, CoderdError
from components.errors import OperatorError
from components.settings.problems import SettingsError
from ops import engine, terminal
from ops.adopt import deployment_of
from ops.state import StackState
from ops.tokens import TEMPLATE

_NAMED: Final = 10


class InUseError(OperatorError):
    """Templates of the stack have workspaces; the message lists them and says what to do."""


def check_stack(ready: engine.Session, stack: str, state: StackState) -> None:
    """Raise InUseError when a template of a stack has workspaces.

    Settings that cannot be read are no reason to keep a stack: the engine needs none to remove it.
    """
    with suppress(SettingsError), deployment_of(ready, stack, "", terminal.progress) as deployment:
        check(state, deployment.api, stack)


def check(state: StackState, api: CoderdApi, stack: str) -> None:
    """Raise InUseError when a template of the stack has workspaces; nothing is removed then.

    A coderd that does not answer is left to the engine, which cannot remove anything either.
    """
    said = []
    for template in state.of_type(TEMPLATE):
        name = str(template["outputs"].get("name", ""))
        try:
            found = api.get("/api/v2/workspaces", q=f"template:{name}")
        except CoderdError:
            return
        # The filter knows names, which two organizations may share.
        used = [each for each in found["workspaces"] if each["template_id"] == template["id"]]
        if used:
            count = f"{len(used)} workspace{'s' if len(used) > 1 else ''}"
            said.append(f"  template {name} has {count}: {_listed(used)}")
    if said:
        raise InUseError(
            "coderd removes no template that has workspaces; nothing was removed\n"
            + "\n".join(said)
            + "\nHave their owners delete them, or use `coder delete OWNER/WORKSPACE`; "
            f"then run `python -m ops destroy {stack}` again"
        )


def _listed(workspaces: list[Mapping[str, Any]]) -> str:
    names = sorted(f"{each['owner_name']}/{each['name']}" for each in workspaces)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
