"""What stands in the way of removing a stack: workspaces of its templates, and coderd's chart.

coderd does not start without a Secret that its chart names, and the cluster removes one all the
same. coderd refuses to remove a template with workspaces (400), and an engine that meets the
refusal has removed most of the rest by then. So both are asked before.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from components.cluster import Cluster
from components.coder import live
from components.coder.api import CoderdApi, CoderdError
from components.coder.left_behind import still_named
from components.errors import OperatorError
from components.kubeconfig import ClusterError
from components.settings.model import Settings
from components.settings.problems import SettingsError
from ops import engine, terminal
from ops.adopt import deployment_of
from ops.state import StackState
from ops.tokens import SECRET, TEMPLATE

_NAMED: Final = 10


class InUseError(OperatorError):
    """Templates of the stack have workspaces; the message lists them and says what to do."""


def check_stack(ready: engine.Session, stack: str, state: StackState) -> None:
    """Raise InUseError when a template of a stack has workspaces.

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
        for each in state.of_type(SECRET)
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
