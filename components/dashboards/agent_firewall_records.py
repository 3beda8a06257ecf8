"""The section of the agent firewall's dashboard on the requests that Coder keeps in its database.

Loki has every request; the database ties them to sessions, and sessions to the prompts that the AI
Gateway recorded. Coder's earlier releases have no such table: the section says in its place which
release brings it.
"""

from __future__ import annotations

from components.dashboards import sql, uids
from components.dashboards.context import DashboardContext
from components.dashboards.layout import Section
from components.dashboards.links import by_cell
from components.dashboards.log_fields import AuditDecision
from components.dashboards.panel import Color
from components.dashboards.panels import table_panel, text_panel
from components.dashboards.queries import sql_rows
from components.dashboards.sql import Join, Select, in_range
from components.dashboards.tables import (
    BoundaryLogs,
    BoundarySessions,
    Interceptions,
    UserPrompts,
    Users,
    WorkspaceAgents,
)
from components.releases import FIREWALL_RECORDS_SINCE, words

SESSION = "session"
"""Variable of the dashboard: the id of the session whose requests are listed."""
ROWS = 200
REQUESTS = 1000
PROMPT_CHARACTERS = 300

_SESSION = BoundarySessions("s")
_LOG = BoundaryLogs("l")
_USER = Users("u")
_DECISION = (
    f"CASE WHEN {_LOG.matched_rule} IS NULL THEN '{AuditDecision.DENY}' "
    f"ELSE '{AuditDecision.ALLOW}' END"
)
_COLORS = {AuditDecision.ALLOW.value: Color.GREEN, AuditDecision.DENY.value: Color.RED}
_TO_SESSION = {"session": by_cell(uids.AGENT_FIREWALL, SESSION)}
_TO_PROMPT = {"interception": by_cell(uids.AI_GATEWAY, "interception")}


def records(context: DashboardContext) -> Section:
    """Return the section, or what it lacks."""
    title = "Requests in Coder's database"
    if not context.firewall_records:
        return Section(
            title,
            [
                text_panel(
                    "No records of requests",
                    "What would be here, and what is missing for it.",
                    f"Coder {words(FIREWALL_RECORDS_SINCE)} and newer keep each request of a "
                    "session in the table `boundary_logs`, from which this row lists a session's "
                    "requests, and those that a prompt caused. When this dashboard was written, "
                    "this Coder was older, or its release was not known. After an upgrade bring "
                    "the stack up again; where the table is there already, set "
                    "`grafana.firewallRecords: true`. Until then the requests above, from Loki, "
                    "are all there is.",
                )
            ],
        )
    return Section(
        title,
        [
            table_panel(
                "Sessions and their requests",
                f"The last {ROWS} sessions of the range by owner. Many denied: follow the session "
                "to its requests. None at all: the firewall there sends no session along.",
                sql_rows(_sessions()),
                links=_TO_SESSION,
            ),
            table_panel(
                "Requests of the session",
                f"The session chosen above, request by request, {REQUESTS} at most; empty until "
                "one is chosen. A number that is missing is a request that was lost on its way.",
                sql_rows(_requests()),
                colors={"decision": _COLORS},
            ),
            table_panel(
                "Prompts and the requests they caused",
                f"What was asked for between a prompt and the next one of its session, {ROWS} at "
                "most. A host that the prompt does not explain: read it in full, ask its author.",
                sql_rows(_caused()),
                colors={"decision": _COLORS},
                links={**_TO_SESSION, **_TO_PROMPT},
                height=10,
            ),
        ],
    )


def _sessions() -> Select:
    agent = WorkspaceAgents("a")
    return Select(
        {
            "started": _SESSION.started_at,
            "owner": f"COALESCE({_USER.username}, {_SESSION.owner_id}::text)",
            "agent": f"COALESCE({agent.name}, {_SESSION.workspace_agent_id}::text)",
            "process": _SESSION.confined_process_name,
            "requests": f"COUNT({_LOG.id})",
            "denied": f"COUNT({_LOG.id}) FILTER (WHERE {_LOG.matched_rule} IS NULL)",
            "session": _SESSION.id,
        },
        _SESSION,
        [
            Join(agent, agent.id, _SESSION.workspace_agent_id, outer=True),
            Join(_USER, _USER.id, _SESSION.owner_id, outer=True),
            Join(_LOG, _LOG.session_id, _SESSION.id, outer=True),
        ],
        [in_range(_SESSION.started_at)],
        group_by=["started", "owner", "agent", "process", "session"],
        order_by=["-started", "session"],
        limit=ROWS,
    )


def _requests() -> Select:
    return Select(
        {
            "number": _LOG.sequence_number,
            "time": _LOG.captured_at,
            "decision": _DECISION,
            "protocol": _LOG.proto,
            "method": _LOG.method,
            "url": _LOG.detail,
            "rule": _LOG.matched_rule,
        },
        _LOG,
        where=[sql.is_chosen(_LOG.session_id, SESSION)],
        order_by=["number"],
        limit=REQUESTS,
    )


def _caused() -> Select:
    prompt, asked = UserPrompts("q"), Interceptions("i")
    later, then = UserPrompts("q2"), Interceptions("i2")
    number, of_next = asked.agent_firewall_sequence_number, then.agent_firewall_sequence_number
    # The steps an agent takes by itself are interceptions too, without a prompt.
    next_prompt = (
        f"SELECT FROM {later} JOIN {then} ON {then.id} = {later.interception_id} "
        f"WHERE {then.agent_firewall_session_id} = {asked.agent_firewall_session_id} "
        f"AND {of_next} > {number} AND {of_next} <= {_LOG.sequence_number}"
    )
    since = f"{_LOG.sequence_number} > {number} AND NOT EXISTS ({next_prompt})"
    return Select(
        {
            "time": prompt.created_at,
            "user": f"COALESCE({_USER.username}, {asked.initiator_id}::text)",
            "prompt": sql.truncated(prompt.prompt, PROMPT_CHARACTERS),
            "number": _LOG.sequence_number,
            "decision": _DECISION,
            "method": _LOG.method,
            "url": _LOG.detail,
            "session": _LOG.session_id,
            "interception": asked.id,
        },
        prompt,
        [
            Join(asked, asked.id, prompt.interception_id),
            Join(_LOG, _LOG.session_id, asked.agent_firewall_session_id, also=since),
            Join(_USER, _USER.id, asked.initiator_id, outer=True),
        ],
        [in_range(prompt.created_at)],
        order_by=["-time", "number"],
        limit=ROWS,
    )
