"""Agent Firewall: every allowed and denied request, and whether the audit itself works."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from components.dashboards import logql, uids
from components.dashboards.agent_firewall_operations import WORKSPACE_LINK, operations
from components.dashboards.agent_firewall_records import SESSION, records
from components.dashboards.context import DashboardContext
from components.dashboards.layout import Section, build_dashboard, choice, textbox
from components.dashboards.links import by_cell
from components.dashboards.log_fields import AuditDecision, AuditField, UrlPart
from components.dashboards.panel import Color, Panel, Threshold, Unit
from components.dashboards.panels import (
    bar_gauge_panel,
    pie_panel,
    stat_panel,
    table_panel,
    timeseries_panel,
)
from components.dashboards.queries import loki_lines, loki_metric

UID = uids.AGENT_FIREWALL
TITLE = "Agent Firewall"

_DECISION_COLORS = {AuditDecision.ALLOW.value: Color.GREEN, AuditDecision.DENY.value: Color.RED}
_REQUEST_COLUMNS = {
    "Time": "Time",
    AuditField.HTTP_METHOD.label: "Method",
    UrlPart.DOMAIN.value: "Domain",
    UrlPart.PATH.value: "Path",
    AuditField.OWNER.label: "Owner",
    AuditField.WORKSPACE_NAME.label: "Workspace",
    AuditField.TEMPLATE_ID.label: "Template",
    AuditField.TEMPLATE_VERSION_ID.label: "Template version",
}
_UNADDRESSED_COLUMNS = {
    "Time": "Time",
    AuditField.DECISION.label: "Decision",
    AuditField.HTTP_METHOD.label: "Method",
    AuditField.HTTP_URL.label: "Target",
    AuditField.OWNER.label: "Owner",
    AuditField.WORKSPACE_NAME.label: "Workspace",
    AuditField.TEMPLATE_ID.label: "Template",
    AuditField.TEMPLATE_VERSION_ID.label: "Template version",
    AuditField.MATCHED_RULE.label: "Rule",
}
_OF_IDS = ("Template", "Template version")
_FILTER_LINKS = {
    shown: by_cell(UID, variable, of_id=shown in _OF_IDS)
    for shown, variable in {
        "Domain": "domain",
        "Owner": "owner",
        "Template": "template_id",
        "Template version": "template_version_id",
    }.items()
}


def _audit_overview(context: DashboardContext) -> Section:
    logs = context.coder_logs
    everything = logql.audit(logs)

    def by_decision(decision: AuditDecision) -> str:
        return logql.total(logql.count(logql.audit(logs, decision=decision)))

    return Section(
        "Egress audit",
        [
            stat_panel(
                "Allowed requests",
                "Requests that a rule of the policy let through, over the range. Zero while "
                "agents work: the audit is silent, look at Time since the last audit line.",
                loki_metric(by_decision(AuditDecision.ALLOW), "allow", instant=True),
                base=Color.GREEN,
                width=6,
            ),
            stat_panel(
                "Denied requests",
                "Requests that no rule matched, over the range. A jump after a template update: "
                "read Top denied domains, add the missing rule or go back to the last version.",
                loki_metric(by_decision(AuditDecision.DENY), "deny", instant=True),
                base=Color.GREEN,
                thresholds=[Threshold(1, Color.ORANGE)],
                width=6,
            ),
            stat_panel(
                "Time since the last audit line",
                "When coderd last wrote a boundary_request line, within a day. Older than a few "
                "minutes while agents work: check that coderd logs JSON to stderr "
                "(CODER_LOGGING_JSON), that Loki receives it, and Batches dropped below.",
                loki_metric(f"{logql.newest(everything, '24h')} * 1000", "last", instant=True),
                unit=Unit.FROM_NOW,
                no_value="none in 24 h",
                width=6,
            ),
            stat_panel(
                "Share denied",
                "Denied requests as a share of all, over the range. More than a tenth means that "
                "agents are kept from work, or try what they should not: read the denied domains.",
                loki_metric(
                    f"{by_decision(AuditDecision.DENY)} / {logql.total(logql.count(everything))}",
                    "denied",
                    instant=True,
                ),
                unit=Unit.PERCENT,
                base=Color.GREEN,
                thresholds=[Threshold(0.1, Color.ORANGE), Threshold(0.3, Color.RED)],
                decimals=1,
                width=6,
            ),
            pie_panel(
                "Requests by decision",
                "All audited requests of the range by what was decided.",
                loki_metric(
                    logql.total(logql.count(everything), AuditField.DECISION),
                    "{{decision}}",
                    instant=True,
                ),
                colors=_DECISION_COLORS,
            ),
            timeseries_panel(
                "Decisions over time",
                "Allowed and denied requests for each interval. A step in denials names the "
                "moment at which a policy or a dependency changed.",
                loki_metric(
                    logql.total(logql.count(everything, "$__auto"), AuditField.DECISION),
                    "{{decision}}",
                ),
                stacked=True,
                bars=True,
                colors=_DECISION_COLORS,
                width=16,
            ),
            _top_domains(logs, AuditDecision.ALLOW, Color.GREEN),
            _top_domains(logs, AuditDecision.DENY, Color.RED),
        ],
    )


def _top_domains(logs: str, decision: AuditDecision, color: Color) -> Panel:
    words = {
        AuditDecision.ALLOW: (
            "allowed",
            "A domain you do not expect: tighten the rule that matched.",
        ),
        AuditDecision.DENY: (
            "denied",
            "A domain agents need: add a rule. One they do not: ask why.",
        ),
    }
    word, action = words[decision]
    domains = logql.total(logql.count(logql.audit(logs, decision=decision)), UrlPart.DOMAIN)
    return bar_gauge_panel(
        f"Top {word} domains",
        f"The 20 domains with the most {word} requests over the range. {action}",
        loki_metric(logql.topk(20, domains), "{{domain}}", instant=True),
        color=color,
    )


def _policy_health(context: DashboardContext) -> Section:
    logs = context.coder_logs
    denied = logql.audit(logs, decision=AuditDecision.DENY)
    everything = logql.audit(logs)

    def deny_rate(field: AuditField) -> str:
        asked = logql.total(logql.rate(everything), field)
        refused = logql.total(logql.rate(denied), field)
        # Nobody denied is 0, and no gap, in which nobody asked for anything.
        return f"({refused} or ({asked} * 0)) / {asked}"

    limits = [Threshold(0.3, Color.RED)]
    first_seen = logql.descending(
        f"{logql.total(logql.count(denied), UrlPart.DOMAIN)} unless "
        f"{logql.total(logql.count(denied, '$lookback', offset='$__range'), UrlPart.DOMAIN)}"
    )
    return Section(
        "Policy health",
        [
            timeseries_panel(
                "Deny rate by template",
                "Denied share of each template's requests. One template rises alone: its policy "
                "misses a rule; compare with its earlier version beside.",
                loki_metric(deny_rate(AuditField.TEMPLATE_ID), "{{template_id}}"),
                unit=Unit.PERCENT,
                thresholds=limits,
                maximum=1,
                of_ids=True,
            ),
            timeseries_panel(
                "Deny rate by template version",
                "Denied share by template version. A new version above the one it replaced: go "
                "back with `python -m ops rollback`, then repair the policy.",
                loki_metric(deny_rate(AuditField.TEMPLATE_VERSION_ID), "{{template_version_id}}"),
                unit=Unit.PERCENT,
                thresholds=limits,
                maximum=1,
                of_ids=True,
            ),
            table_panel(
                "First-seen denied domains",
                "Domains denied in the range and not in the lookback before it. Each is either a "
                "new dependency, which wants a rule, or an attempt, which wants a question.",
                loki_metric(first_seen, "Requests", instant=True),
                columns={"domain": "Domain", "Requests": "Requests"},
                links={"Domain": _FILTER_LINKS["Domain"]},
                width=24,
                height=7,
            ),
        ],
    )


def _requests(context: DashboardContext) -> Section:
    def recent(decision: AuditDecision) -> str:
        return logql.audit(
            context.coder_logs,
            AuditField.HTTP_METHOD,
            AuditField.WORKSPACE_NAME,
            AuditField.MATCHED_RULE,
            decision=decision,
        )

    unaddressed = logql.audit(
        context.coder_logs,
        AuditField.HTTP_METHOD,
        AuditField.WORKSPACE_NAME,
        AuditField.MATCHED_RULE,
        unaddressed=True,
    )
    return Section(
        "Requests",
        [
            table_panel(
                "Recent denied requests",
                "The newest denied requests, 200 at most. Follow a cell to filter by it; ask "
                "`python -m ops explain` which rule would be needed.",
                loki_lines(recent(AuditDecision.DENY)),
                columns=_REQUEST_COLUMNS,
                links={**_FILTER_LINKS, **WORKSPACE_LINK},
                of_ids=_OF_IDS,
            ),
            table_panel(
                "Recent allowed requests",
                "The newest allowed requests, 200 at most, with the rule that let each through.",
                loki_lines(recent(AuditDecision.ALLOW)),
                columns={**_REQUEST_COLUMNS, AuditField.MATCHED_RULE.label: "Rule"},
                links={**_FILTER_LINKS, **WORKSPACE_LINK},
                of_ids=_OF_IDS,
            ),
            table_panel(
                "Requests to unknown hosts",
                "The newest requests, 200 at most, whose target names no host that they went to: "
                "Boundary judged the name in it, and sent what it allowed to the header Host, "
                "which no line has. No program asks so by itself: ask the owner, and read the "
                "threat model (docs/security.md).",
                loki_lines(unaddressed),
                columns=_UNADDRESSED_COLUMNS,
                colors={"Decision": _DECISION_COLORS},
                links={**_FILTER_LINKS, **WORKSPACE_LINK},
                of_ids=_OF_IDS,
            ),
        ],
    )


def build(context: DashboardContext) -> Dashboard:
    """Return the dashboard for one stack."""
    hint = "Any part of it, upper or lower case. Empty: all."
    return build_dashboard(
        uid=UID,
        title=TITLE,
        description=(
            "What AI agents in firewalled workspaces reached and what the egress policy kept "
            "them from. Audit panels honour the four filters above."
        ),
        context=context,
        variables=[
            textbox("domain", "Domain", f"Host of the request. {hint}"),
            textbox("owner", "Owner", f"User name of the workspace's owner. {hint}"),
            textbox("template_id", "Template", f"Id of the template. {hint}"),
            textbox("template_version_id", "Template version", f"Id of the version. {hint}"),
            textbox(
                SESSION,
                "Session",
                "Id of the firewall session whose requests are listed. Follow one in a table.",
            ),
            choice(
                "lookback",
                "Lookback",
                "How far before the range a denied domain counts as seen.",
                ["1d", "3d", "7d"],
                "1d",
            ),
        ],
        sections=[
            _audit_overview(context),
            _policy_health(context),
            _requests(context),
            records(context),
            operations(context),
        ],
    )
