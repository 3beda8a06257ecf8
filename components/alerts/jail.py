"""Alerts on the jail: what agents tell of it, and what coderd lets Coder's own agents do.

The agent of a template with a firewall tells coderd once a minute who is in the jail
(workspace_template/terraform/jail_watch.sh), and coderd keeps the last line in its database.
Nothing else knows: Boundary's audit has the requests of those inside alone, and coderd exports no
metric.
"""

from __future__ import annotations

from components.alerts.model import Alert, AlertContext, PanelLink, Severity
from components.dashboards import agent_firewall
from components.dashboards.metrics import Metrics
from components.dashboards.promql import aggregate, once, where
from components.dashboards.queries import Query, promql, sql_rows
from components.dashboards.sql import Select
from components.dashboards.tables import AgentMetadata, Templates

KEY = "jail"
"""Key of the metadata that the template's agent tells."""
LIFE_KEY = "cpu_usage"
"""Key of what every agent of the template tells, whatever becomes of its jail."""
FRESH_MINUTES = 5
"""How old a line may be: an agent tells one a minute."""
LINE = (
    r"\A(\d{1,6}) outside, (\d{1,6}) jailed, policy ([a-z ]{1,20})(?:, audit ([a-z]{1,20}))? "
    r"\(([A-Za-z0-9._-]{1,64}/[A-Za-z0-9._-]{1,64})\)\s*\Z"
)
"""What the agent tells, as PostgreSQL matches it; without a dollar, which Grafana may expand.

It ends as the script printed it, with a newline: coderd trims it since coder/coder#23709, of March
2026, and not in 2.30 and 2.31.
A workspace of an older template version tells nothing of the audit.
Whoever has a shell may write such a line: what it holds is bounded, so that none makes the query
fail, and what it names is beside the agent's id, which is coderd's own.
"""
INTERVAL_SECONDS = 30
"""Between two evaluations: half of the time for which a line stands, so that each is read."""

_PANEL = PanelLink(agent_firewall.UID, "Active firewall agents")
_AS_IT_SHOULD = ("as deployed", "not in use")


def unjailed(context: AlertContext) -> Alert | None:
    """An unjailed Claude Code process."""
    if not context.confined_templates:
        return None
    return Alert(
        name="ClaudeCodeUnjailed",
        severity=Severity.CRITICAL,
        summary="Claude Code runs outside of the jail in {{ $labels.workspace }}",
        description=(
            "{{ $value }} Claude Code processes of workspace {{ $labels.workspace }} have no "
            "Boundary above them: what they ask for is neither decided nor recorded. A person with "
            "a shell can start one so: ask the owner, and stop the workspace if it was no mistake. "
            "The workspace's name is its own word; its agent, by coderd's, is {{ $labels.agent }}. "
            "Prove it with `python -m ops verify STACK --group jail`."
        ),
        panel=_PANEL,
        queries={"A": _told(_part(1) + "::int", f"{_part(1)}::int > 0")},
        labels=("workspace", "agent"),
        interval_seconds=INTERVAL_SECONDS,
    )


def foreign_policy(context: AlertContext) -> Alert | None:
    """A policy in use that is not the one that the workspace was built with."""
    if not context.confined_templates:
        return None
    fine = ", ".join(f"'{each}'" for each in _AS_IT_SHOULD)
    return Alert(
        name="BoundaryPolicyForeign",
        severity=Severity.CRITICAL,
        summary="Boundary runs with a policy of its own in {{ $labels.workspace }}",
        description=(
            "In workspace {{ $labels.workspace }}, agent {{ $labels.agent }}, a running Boundary "
            "has a policy that is {{ $labels.policy }}. foreign: its file is not the one of the "
            "template version that the workspace was built with; changed: the file was written "
            "after Boundary read it; "
            "extended: rules were given beside the file. Find out who did it, and stop and start "
            "the workspace, which writes the file anew."
        ),
        panel=_PANEL,
        queries={"A": _told("1", f"{_part(3)} NOT IN ({fine})", policy=_part(3))},
        labels=("workspace", "agent", "policy"),
        interval_seconds=INTERVAL_SECONDS,
    )


def audit_cut(context: AlertContext) -> Alert | None:
    """A workspace whose Boundary has no way to send its audit lines."""
    if not context.confined_templates:
        return None
    return Alert(
        name="BoundaryAuditCut",
        severity=Severity.CRITICAL,
        summary="The audit of {{ $labels.workspace }} does not get to its agent",
        description=(
            "In workspace {{ $labels.workspace }}, agent {{ $labels.agent }}, the way of audit "
            "lines is {{ $labels.audit }}. gone: the agent's socket was removed; foreign: it is "
            "another one, or somebody moved it; off: a running Boundary sends nothing, or "
            "elsewhere. Its requests are decided and leave no line, and no counter of lost lines "
            "moves. A jailed agent can do that by itself: stop the workspace, and look at what "
            "its sessions did since the last line."
        ),
        panel=_PANEL,
        queries={"A": _told("1", f"COALESCE({_part(4)}, 'open') <> 'open'", audit=_part(4))},
        labels=("workspace", "agent", "audit"),
        interval_seconds=INTERVAL_SECONDS,
    )


def watch_silent(context: AlertContext) -> Alert | None:
    """Agents of confined templates are connected, and none tells of its jail."""
    if not context.confined_templates:
        return None
    names = "|".join(context.confined_templates)
    connected = where(
        once(Metrics.AGENTS_UP, namespace=context.of_coder, template_name=f"=~{names}"),
        once(Metrics.AGENT_CONNECTIONS, namespace=context.of_coder, status="connected"),
        "username",
        "workspace_name",
    )
    table = AgentMetadata("m")
    told = Select({"value": "count(*)"}, table, where=[_fresh(table), f"{table.value} ~ '{LINE}'"])
    return Alert(
        name="JailWatchSilent",
        severity=Severity.WARNING,
        summary="No agent of a template with a firewall tells who is in its jail",
        description=(
            "{{ $value }} agents of templates with a firewall are connected, and coderd's database "
            f"has no line of the jail's state from the last {FRESH_MINUTES} minutes, so that a "
            "Claude Code outside of the jail would go unseen. Look at the metadata Firewall of a "
            "workspace in Coder: with none there, the workspaces run a template version from "
            "before; with an error, it says which program the image lacks."
        ),
        panel=_PANEL,
        queries={
            "A": promql(aggregate("sum", connected).or_zero(), instant=True),
            "B": sql_rows(told),
        },
        condition="$A > 0 && $B == 0",
        hold_minutes=15,
    )


def unwatched(context: AlertContext) -> Alert | None:
    """One agent that tells of its workspace, and no more of its jail."""
    if not context.confined_templates:
        return None
    table, other = AgentMetadata("m"), AgentMetadata("o")
    lives = Select(
        {"one": "1"},
        other,
        where=[
            f"{other.workspace_agent_id} = {table.workspace_agent_id}",
            _fresh(other, LIFE_KEY),
        ],
    )
    query = Select(
        {"agent": f"{table.workspace_agent_id}::text", "value": "1"},
        table,
        where=[
            f"{table.key} = '{KEY}'",
            f"NOT ({_fresh(table)} AND {table.value} ~ '{LINE}')",
            f"EXISTS ({lives})",
        ],
        group_by=["agent"],
    )
    return Alert(
        name="JailUnwatched",
        severity=Severity.WARNING,
        summary="Agent {{ $labels.agent }} tells no more of its jail",
        description=(
            "Agent {{ $labels.agent }} tells coderd of its workspace's processor, and for "
            f"{FRESH_MINUTES} minutes nothing of its jail: the script that looks ended with an "
            "error, took too long or was ended, which a jailed agent can do, too. Meanwhile a "
            "Claude Code outside of the jail, another policy or a cut audit goes unseen there. "
            "The metadata Firewall of the workspace in Coder holds the error."
        ),
        panel=_PANEL,
        queries={"A": sql_rows(query)},
        labels=("agent",),
        hold_minutes=10,
    )


def agents_allowed(context: AlertContext) -> Alert | None:
    """Coder's own agents may use a template with a firewall, from outside of the jail."""
    isolated = context.isolated_templates
    confined = [name for name in context.confined_templates if name not in isolated]
    if not confined:
        return None
    table = Templates("t")
    names = ", ".join(f"'{name}'" for name in confined)
    # The column came with Coder 2.37: asked for by name, an older database would refuse the query.
    allowed = f"(to_jsonb({table.alias}) ->> 'agents_allowed')::boolean"
    where = [f"NOT {table.deleted}", f"{table.name} IN ({names})", allowed]
    if context.organization_id:
        # A name is a template's in its organization alone: another's is not the stack's to close.
        where.append(f"{table.organization_id} = '{context.organization_id}'")
    # Grouped, as two rows of the same labels would be an error in place of an alert.
    query = Select(
        {"template": table.name, "value": "1"}, table, where=where, group_by=["template"]
    )
    return Alert(
        name="AgentsAllowedBehindFirewall",
        severity=Severity.CRITICAL,
        summary="Coder's own agents may use template {{ $labels.template }}",
        description=(
            "Template {{ $labels.template }} has a firewall, and Coder Agents may make workspaces "
            "of it. Their tools run through the workspace's agent, outside of the jail, and reach "
            "every host from there without a record. Take it back with `coder templates edit "
            "{{ $labels.template }} --agents-allowed=false`."
        ),
        panel=_PANEL,
        queries={"A": sql_rows(query)},
        labels=("template",),
    )


def _told(value: str, condition: str, **labels: str) -> Query:
    """Return what agents told lately, a row for each agent of which the condition holds."""
    table = AgentMetadata("m")
    columns = {
        "workspace": _part(5),
        "agent": f"{table.workspace_agent_id}::text",
        **labels,
        # Two rows of the same labels would be an error in place of an alert.
        "value": f"MAX({value})",
    }
    # A line is read only where it is one: the planner may not turn the two around.
    guarded = f"CASE WHEN {table.value} ~ '{LINE}' THEN {condition} ELSE false END"
    by = [name for name in columns if name != "value"]
    return sql_rows(Select(columns, table, where=[_fresh(table), guarded], group_by=by))


def _part(number: int) -> str:
    return f"(regexp_match({AgentMetadata('m').value}, '{LINE}'))[{number}]"


def _fresh(table: AgentMetadata, key: str = KEY) -> str:
    age = f"now() - interval '{FRESH_MINUTES} minutes'"
    return f"{table.key} = '{key}'\n  AND {table.collected_at} > {age}"
