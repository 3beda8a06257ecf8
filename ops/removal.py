"""What stands in the way of removing a stack: workspaces of its templates, and coderd's chart.

coderd does not start without a Secret that its chart names, and the cluster removes one all the
same. coderd refuses to remove a template with workspaces (400), and an engine that meets the
refusal has removed most of the rest by then. So both are asked before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from pulumi import automation

from components.cluster import Cluster
from components.coder import live
from components.coder.api import CoderdApi, CoderdError
from components.coder.left_behind import still_named
from components.errors import OperatorError
from components.kubeconfig import ClusterError
from components.settings.model import Settings
from components.settings.problems import SettingsError
from ops import engine, stacks, terminal
from ops.adopt import deployment_of
from ops.changes import Step
from ops.in_use import Used, listed, refusal, removed
from ops.state import Resource, StackState
from ops.tokens import SECRET_KIND, TEMPLATE

_CODERD: Final = "pulumi:providers:coderd"
_SET_TOKEN: Final = "pulumi config set --secret --path 'firewalled-coder:secrets.coderToken'"  # noqa: S105


class InUseError(OperatorError):
    """Templates of the stack have workspaces; the message lists them and says what to do."""


class NotAskedError(OperatorError):
    """coderd does not say whether templates have workspaces, and would remove none."""


def check_stack(ready: engine.Session, stack: str, state: StackState) -> None:
    """Raise InUseError or NotAskedError when templates of a stack cannot be removed.

    Settings that cannot be read are no reason to keep a stack: the engine needs none to remove it.
    """
    with suppress(SettingsError), deployment_of(ready, stack, "", terminal.progress) as deployment:
        check(state, deployment.api, stack)
        check_secrets(state, deployment.settings, stack)


def check_secrets(state: StackState, settings: Settings, stack: str) -> None:
    """Raise InUseError when coderd's Deployment, by its chart, still names a Secret of the stack's.

    A cluster that does not answer is left to the engine, which cannot remove anything either.
    """
    coder = settings.coder
    mine = {
        str(((each.get("outputs") or {}).get("metadata") or {}).get("name", ""))
        for each in state.of_type(SECRET_KIND)
        if ((each.get("outputs") or {}).get("metadata") or {}).get("namespace") == coder.namespace
    }
    if not mine:
        return
    try:
        with Cluster(settings.kubernetes.context) as cluster:
            answer = cluster.get(live.path(coder.namespace, coder.deployment))
            deployment = live.Deployment.of(answer.json()) if answer.is_success else None
    except (ClusterError, ValueError, KeyError, TypeError, AttributeError):
        return
    said = list(still_named(deployment, sorted(mine))) if deployment else []
    if said:
        raise InUseError(
            "coderd would not start again without what this removes; nothing was removed\n"
            + "\n".join(f"  {each}" for each in said)
            + f"\nTake it out of the chart's values and roll Deployment {coder.namespace}/"
            f"{coder.deployment} out; then run `python -m ops destroy {stack}` again"
        )


def check(state: StackState, api: CoderdApi, stack: str) -> None:
    """Raise InUseError when a template of the stack has workspaces; nothing is removed then.

    Raises NotAskedError when coderd does not tell: the engine would take the network policy away,
    and then stop at the first template.
    """
    try:
        used = those_in_use(state, api)
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


def check_going(ready: engine.Session, stack: str, state: StackState) -> None:
    """Raise InUseError when the settings have a template no more that has workspaces.

    A coderd that does not answer stops the update by itself, before anything is applied.
    """
    with suppress(SettingsError, CoderdError):
        kept = {each.name for each in stacks.settings(stack, ready.work_dir).templates}
        used = going(ready, stack, state, lambda name: name not in kept)
        if used:
            raise InUseError(refusal(used, f"python -m ops up {stack}"))


def going(
    ready: engine.Session, stack: str, state: StackState, goes: Callable[[str], bool]
) -> tuple[Used, ...]:
    """Return the templates that go, by their names, and have workspaces.

    coderd is asked only when one goes. Raises SettingsError and CoderdError.
    """
    if not any(goes(_name(each)) for each in state.of_type(TEMPLATE)):
        return ()
    with deployment_of(ready, stack, "", terminal.progress) as deployment:
        return those_in_use(state, deployment.api, goes)


def going_in_preview(ready: engine.Session, stack: str, steps: Iterable[Step]) -> tuple[Used, ...]:
    """Return what a preview's steps remove and people have workspaces of, as far as it is known."""
    gone = removed(steps)
    if not gone:
        return ()
    with suppress(SettingsError, CoderdError, automation.CommandError):
        return going(ready, stack, StackState(ready.stack), gone.__contains__)
    return ()


def those_in_use(
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
        name = _name(template)
        if not concerns(name):
            continue
        answer = api.get("/api/v2/workspaces", q=f"template:{name}")
        # The filter knows names, which two organizations may share.
        used = [each for each in answer["workspaces"] if each["template_id"] == template["id"]]
        if used:
            names = sorted(f"{each['owner_name']}/{each['name']}" for each in used)
            found.append(Used(name, tuple(names)))
    return tuple(found)


def _name(template: Resource) -> str:
    return str(template["outputs"].get("name", ""))
