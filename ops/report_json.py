"""What previews mean, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

from components import boundary
from ops import foreign_lines, gateway_drift, live_lines, network
from ops.alerting import alert_json
from ops.assessment import StackPreview, Verdict
from ops.changes import Change
from ops.contract_changes import contract_json
from ops.gateway_changes import provider_json
from ops.mcp_changes import server_json
from ops.namespace_changes import move_json
from ops.reach import TemplateReach

ORDER: Final[tuple[Verdict, ...]] = ("fails", "opens", "destroys", "changes", "same")


def verdict(previews: Iterable[StackPreview]) -> Verdict:
    """Return the gravest verdict of several stacks, `same` for none."""
    return min((preview.verdict for preview in previews), key=ORDER.index, default="same")


def stack_json(preview: StackPreview) -> dict[str, Any]:
    """Return what one preview means, as plain data."""
    return {
        "name": preview.name,
        "verdict": preview.verdict,
        "failure": preview.failure,
        "deletedByOthers": [{"type": d.type, "name": d.place} for d in preview.deleted],
        "aiProvidersWrittenByOthers": gateway_drift.to_json(preview.written),
        "templatesInUse": [asdict(each) for each in preview.in_use],
        "networkEditedByOthers": live_lines.to_json(preview.live),
        "networkPoliciesOfOthers": foreign_lines.to_json(preview.live),
        "warnings": list(preview.warnings),
        "unrecorded": list(preview.unrecorded),
        "firewallSwitchedOff": preview.switched_off,
        "withoutNetworkPolicy": preview.without_network_policy,
        "doubtfulRules": list(preview.doubts),
        "notPinned": list(preview.floating),
        "access": {
            name: {"before": change.old, "after": change.new}
            for name, change in preview.access.items()
        },
        "pins": {
            name: [_change_json(change) for change in changes]
            for name, changes in preview.pins.items()
        },
        "sizes": {
            name: [{**asdict(each), "warning": each.warning} for each in changes]
            for name, changes in preview.sizes.items()
        },
        "claudePolicy": {
            name: {"added": list(change.added), "removed": list(change.removed)}
            for name, change in preview.claude_policies.items()
        },
        "resources": preview.counted,
        "destroyed": [{"op": s.op, "type": s.type, "name": s.name} for s in preview.destroyed],
        "namespaceMoves": [move_json(each) for each in preview.moves],
        "reach": [reach_json(reach) for reach in preview.reaches],
        "guards": [asdict(each) for each in preview.guards],
        "elsewhere": [asdict(each) for each in preview.elsewhere],
        "walls": [asdict(each) for each in preview.walls],
        "acceptedPolicies": [asdict(each) for each in preview.accepted],
        "templateSource": [asdict(each) for each in preview.source],
        "notKnown": [asdict(each) for each in preview.not_known],
        "contract": contract_json(preview.contract),
        "agentVariables": {
            name: [_change_json(change) for change in changes]
            for name, changes in preview.variables.items()
        },
        "coderdVariables": [_change_json(change) for change in preview.coderd.changes],
        "coderdRestarts": preview.coderd.restarts,
        "chartHasToRollOut": list(preview.coderd.left),
        "mcpServers": [server_json(change) for change in preview.servers],
        "aiProviders": [provider_json(change) for change in preview.providers],
        "alerts": [alert_json(change) for change in preview.alerts],
        "alertLabels": [asdict(each) for each in preview.labels],
        "dataSources": [asdict(each) for each in preview.sources],
        "databaseRole": [asdict(each) for each in preview.database_role],
        "dashboards": [
            {
                "name": each.dashboard,
                "op": each.op,
                "added": list(each.added),
                "removed": list(each.removed),
                "changed": {title: list(parts) for title, parts in each.changed},
                "settings": list(each.settings),
                # None where the panels tell.
                "onlyNames": each.only_names,
            }
            for each in preview.dashboards
        ],
        "steps": [
            {
                "op": step.op,
                "urn": step.urn,
                "changes": [_change_json(change) for change in step.changes],
                "touched": list(step.touched),
            }
            for step in preview.steps
        ],
    }


def reach_json(reach: TemplateReach) -> dict[str, Any]:
    """Return one template's change as plain data."""
    return {
        "template": reach.template,
        "before": _confined(reach.before, reach.old is not None),
        "after": _confined(reach.after, reach.new is not None),
        "grades": list(reach.grades),
        "opens": reach.opens,
        "opened": [
            {
                **_host_json(each.found),
                "grade": each.grade,
                "receives": each.why,
                "reason": each.reason,
            }
            for each in reach.opened
        ],
        "closed": [_closed_json(found, reach) for found in reach.comparison.closed],
        "whileOff": {
            "opened": [_host_json(found) for found in reach.while_off.opened],
            "closed": [_closed_json(found, reach) for found in reach.while_off.closed],
            "notKnown": reach.off_unknown,
        },
        "boundaryRelease": reach.release.to_json(),
        "coderAgents": {"before": reach.old_agents, "after": reach.new_agents},
        "coderAgentsNetwork": network.to_json(reach.agents_reach, None),
        "network": network.to_json(reach.network, reach.by_name),
    }


def _closed_json(found: boundary.Reach, reach: TemplateReach) -> dict[str, Any]:
    return {**_host_json(found), "stays": [_host_json(each) for each in reach.stays(found)]}


def _host_json(found: boundary.Reach) -> dict[str, Any]:
    return {"host": found.host, "methods": list(found.methods), "paths": list(found.paths)}


def _confined(there: bool, firewall: bool) -> str:
    return "absent" if not there else "confined" if firewall else "unconfined"


def _change_json(change: Change) -> dict[str, str | None]:
    return {"path": change.path, "old": change.old, "new": change.new}
