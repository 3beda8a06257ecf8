"""What stands in the way of removing a stack's templates: the workspaces that people have of them.

coderd refuses to remove a template with workspaces (400), and an engine that meets the refusal has
done most of the rest by then; so it is asked before.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from components.coder.api import CoderdApi, CoderdError
from components.errors import OperatorError
from components.settings.problems import SettingsError
from ops import engine, terminal
from ops.adopt import deployment_of
from ops.state import StackState
from ops.tokens import TEMPLATE

_NAMED: Final = 10
_CODERD: Final = "pulumi:providers:coderd"
_SET_TOKEN: Final = "pulumi config set --secret --path 'firewalled-coder:secrets.coderToken'"  # noqa: S105


class InUseError(OperatorError):
    """Templates of the stack have workspaces; the message lists them and says what to do."""


class NotAskedError(OperatorError):
    """coderd does not say whether templates have workspaces, and would remove none."""


@dataclass(frozen=True)
class Used:
    """A template that people have workspaces of.

    Attributes:
        template: its name.
        workspaces: owner and name of each, as OWNER/NAME.
    """

    template: str
    workspaces: tuple[str, ...]

    def __str__(self) -> str:
        more = f" and {count - _NAMED} more" if (count := len(self.workspaces)) > _NAMED else ""
        listed = ", ".join(self.workspaces[:_NAMED]) + more
        return f"template {self.template} has {count} workspace{'s' * (count > 1)}: {listed}"


def check_stack(ready: engine.Session, stack: str, state: StackState) -> None:
    """Raise InUseError or NotAskedError when templates of a stack cannot be removed.

    Settings that cannot be read are no reason to keep a stack: the engine needs none to remove it.
    """
    with suppress(SettingsError), deployment_of(ready, stack, "", terminal.progress) as deployment:
        check(state, deployment.api, stack)


def check(state: StackState, api: CoderdApi, stack: str) -> None:
    """Raise InUseError when a template of the stack has workspaces; nothing is removed then.

    Raises NotAskedError when coderd does not tell: the engine would take the network policy away,
    and then stop at the first template.
    """
    try:
        used = in_use(state, api)
    except CoderdError as error:
        provider = next((each["urn"] for each in state.of_type(_CODERD)), "")
        raise NotAskedError(
            "coderd removes no template now, and the network policy would be gone before them; "
            f"nothing was removed\n  {str(error).removeprefix(f'{api.url} ')} ({api.url})\n"
            f"If the stack's token is not taken any more, set another by "
            f"`{_SET_TOKEN} --stack {stack}`; then run "
            f"`python -m ops destroy {stack}` again. If Coder is gone for good, take what it "
            f"had out of the state before: `pulumi state delete --stack {stack} "
            f"--target-dependents '{provider}'`"
        ) from None
    if used:
        raise InUseError(
            f"coderd removes no template that has workspaces; nothing was removed\n{listed(used)}\n"
            "Have their owners delete them, or use `coder delete OWNER/WORKSPACE`; "
            f"then run `python -m ops destroy {stack}` again"
        )


def in_use(
    state: StackState, api: CoderdApi, concerns: Callable[[str], bool] = lambda _: True
) -> tuple[Used, ...]:
    """Return the templates in a state that have workspaces.

    Args:
        state: of the stack.
        api: coderd's.
        concerns: whether a template is asked for, by its name.

    Raises CoderdError.
    """
    found = []
    for template in state.of_type(TEMPLATE):
        name = str(template["outputs"].get("name", ""))
        if not concerns(name):
            continue
        answer = api.get("/api/v2/workspaces", q=f"template:{name}")
        # The filter knows names, which two organizations may share.
        used = [each for each in answer["workspaces"] if each["template_id"] == template["id"]]
        if used:
            names = sorted(f"{each['owner_name']}/{each['name']}" for each in used)
            found.append(Used(name, tuple(names)))
    return tuple(found)


def listed(used: tuple[Used, ...]) -> str:
    """Return templates with their workspaces, a line each."""
    return "\n".join(f"  {each}" for each in used)
