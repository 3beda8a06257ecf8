"""The alerts there are, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from components.alerts import jail, requests
from components.alerts.model import Alert, AlertContext, PanelLink, Severity
from components.dashboards import agent_firewall, ai_gateway, coder_control_plane, logql
from components.dashboards.log_fields import AuditDecision, AuditField
from components.dashboards.losses import lost
from components.dashboards.metrics import Metrics
from components.dashboards.promql import (
    absent,
    added,
    aggregate,
    by_any_name,
    either,
    increase,
    missing,
    once,
    select,
    where,
    without,
)
from components.dashboards.queries import loki_metric, promql

_WORKSPACE = ("username", "workspace_name")
_VERSION = (AuditField.TEMPLATE_ID, AuditField.TEMPLATE_VERSION_ID)


def _audit_silent(context: AlertContext) -> Alert:
    minutes = context.thresholds.silent_minutes
    lines = logql.audit(context.queries.coder_logs, filtered=False)
    batches = select(Metrics.BATCHES_FORWARDED, namespace=context.of_coder)
    forwarded = aggregate("sum", increase(batches, f"{minutes}m"))
    return Alert(
        name="BoundaryAuditSilent",
        severity=Severity.CRITICAL,
        summary="Agents forward audit batches, and no audit line reaches Loki",
        description=(
            f"In the last {minutes} minutes agents forwarded batches of audit logs to coderd, and "
            "Loki received no boundary_request line. Requests of agents are allowed and denied "
            "without a record. Check that coderd logs JSON to stderr (CODER_LOGGING_JSON), that "
            "the log collector runs on coderd's nodes, and that Loki accepts its streams."
        ),
        panel=PanelLink(agent_firewall.UID, "Time since the last audit line"),
        queries={
            "A": loki_metric(
                logql.or_zero(logql.total(logql.count(lines, f"{minutes}m"))), instant=True
            ),
            "B": promql(forwarded.or_zero(), instant=True),
        },
        condition="$A == 0 && $B > 0",
        hold_minutes=5,
        window_minutes=minutes,
    )


def _audit_unreported(context: AlertContext) -> Alert | None:
    if not context.confined_templates or not context.audit_counters:
        return None
    names = "|".join(context.confined_templates)
    # An agent is up while its workspace's last build was a start, connected or not.
    connected = where(
        once(Metrics.AGENTS_UP, namespace=context.of_coder, template_name=f"=~{names}"),
        once(Metrics.AGENT_CONNECTIONS, namespace=context.of_coder, status="connected"),
        *_WORKSPACE,
    )
    running = aggregate("sum", connected, "template_name")
    batches = select(Metrics.BATCHES_FORWARDED, namespace=context.of_coder)
    reporting = aggregate("count", batches, "template_name")
    minutes = context.thresholds.unreported_minutes
    return Alert(
        name="BoundaryAuditUnreported",
        severity=Severity.CRITICAL,
        summary="No workspace of {{ $labels.template_name }} reports its audit",
        description=(
            "{{ $value }} agents of template {{ $labels.template_name }}, which has a firewall, "
            f"have been connected for {minutes} minutes and none exports its counters of audit "
            "batches, so that a loss would go unseen. Check that coderd collects agents' metrics "
            "(CODER_PROMETHEUS_COLLECT_AGENT_STATS=true) and that the agents are of coderd's "
            "release: workspaces started before an update keep the old agent."
        ),
        panel=PanelLink(agent_firewall.UID, "Active firewall agents"),
        queries={"A": promql(without(running > 0, reporting, "template_name"))},
        labels=("template_name",),
        hold_minutes=minutes,
    )


def _metrics_missing(context: AlertContext) -> Alert:
    # Probes of its health are among its requests, so that a coderd with nobody has the metric too.
    requests = select(Metrics.API_REQUESTS, namespace=context.of_coder)
    return Alert(
        name="CoderMetricsMissing",
        severity=Severity.CRITICAL,
        summary="Prometheus has no metrics of coderd",
        description=(
            "For 10 minutes Prometheus has had no coderd_api_requests_processed_total of namespace "
            f"{context.queries.coder_namespace}. Every alert on the audit's counters, on agents "
            "and on the AI Gateway is quiet meanwhile, whatever is lost. Look at Prometheus' "
            "targets: the ServiceMonitor of coderd, its metrics' port (2112), and "
            "CODER_PROMETHEUS_ENABLE."
        ),
        panel=PanelLink(coder_control_plane.UID, "Replicas up"),
        queries={"A": promql(missing(requests))},
        hold_minutes=10,
    )


def _batches_dropped(context: AlertContext) -> Alert:
    limits = context.thresholds
    dropped = lost(
        Metrics.BATCHES_DROPPED,
        *_WORKSPACE,
        "reason",
        over=f"{limits.loss_minutes}m",
        namespace=context.of_coder,
    )
    return Alert(
        name="BoundaryBatchesDropped",
        severity=Severity.CRITICAL,
        summary=(
            "Audit batches of {{ $labels.username }}/{{ $labels.workspace_name }} are lost: "
            "{{ $labels.reason }}"
        ),
        description=(
            "{{ $value }} batches of audit logs did not reach coderd in the last "
            f"{limits.loss_minutes} minutes; what the agent asked for in that time is not "
            "recorded. forward_failed: coderd was away or the connection broke; read coderd's log "
            "for ReportBoundaryLogs. buffer_full: the agent makes requests faster than its batches "
            "are taken; look at coderd's load. Note the gap in the audit."
        ),
        panel=PanelLink(agent_firewall.UID, "Dropped batches and logs"),
        queries={"A": promql(dropped > limits.dropped_batches)},
        labels=(*_WORKSPACE, "reason"),
        window_minutes=limits.loss_minutes,
    )


def _logs_dropped(context: AlertContext) -> Alert:
    limits = context.thresholds
    # The other reasons are those of whole batches, of which there is an alert already.
    dropped = lost(
        Metrics.LOGS_DROPPED,
        *_WORKSPACE,
        "reason",
        over=f"{limits.loss_minutes}m",
        namespace=context.of_coder,
        reason="=~boundary_.*",
    )
    return Alert(
        name="BoundaryLogsDropped",
        severity=Severity.WARNING,
        summary=(
            "Boundary loses audit lines in {{ $labels.username }}/{{ $labels.workspace_name }}: "
            "{{ $labels.reason }}"
        ),
        description=(
            "{{ $value }} audit lines were lost before they reached the workspace's agent in the "
            f"last {limits.loss_minutes} minutes. boundary_channel_full: a process makes requests "
            "faster than Boundary logs them; see who and what in Recent denied requests. "
            "boundary_batch_full: Boundary could not write to the agent's socket for a while; "
            "restart the workspace if it comes back. Note the gap in the audit."
        ),
        panel=PanelLink(agent_firewall.UID, "Dropped batches and logs"),
        queries={"A": promql(dropped > limits.dropped_logs)},
        labels=(*_WORKSPACE, "reason"),
        window_minutes=limits.loss_minutes,
    )


def _deny_spike(context: AlertContext) -> Alert:
    limits = context.thresholds
    logs = context.queries.coder_logs
    everything = logql.audit(logs, *_VERSION, filtered=False)
    denied = logql.audit(logs, *_VERSION, decision=AuditDecision.DENY, filtered=False)
    window, before = f"{limits.deny_minutes}m", f"{limits.deny_baseline_hours}h"

    def total(lines: str, *by: AuditField, over: str = window, offset: str = "") -> str:
        return logql.total(logql.count(lines, over, offset=offset), *by)

    share = f"{total(denied, *_VERSION)} / {total(everything, *_VERSION)}"
    enough = f"{total(everything, *_VERSION)} >= {limits.deny_requests}"
    usual = (
        f"{total(denied, AuditField.TEMPLATE_ID, over=before, offset=window)} / "
        f"{total(everything, AuditField.TEMPLATE_ID, over=before, offset=window)}"
    )
    template = AuditField.TEMPLATE_ID.label
    # A template that was always denied this much has no spike; a new one has nothing before.
    expression = (
        f"(({share}) > {limits.deny_share:g} and {enough}) "
        f"unless on ({template}) ({usual}) > {limits.deny_share / limits.deny_growth:g}"
    )
    return Alert(
        name="BoundaryDenySpike",
        severity=Severity.WARNING,
        summary=(
            "Template version {{ $labels.template_version_id }} is denied "
            "{{ humanizePercentage $value }} of its requests"
        ),
        description=(
            f"In the last {limits.deny_minutes} minutes more than {limits.deny_share:.0%} of at "
            f"least {limits.deny_requests} requests were denied, and in the "
            f"{limits.deny_baseline_hours} hours before less than "
            f"1/{limits.deny_growth:g} of that for the same template. After a change of the "
            "template: read Top denied domains for the missing rule, or go back with `python -m "
            "ops rollback`. Without one: a dependency moved to another host, or an agent tries "
            "what it should not; ask the owner."
        ),
        panel=PanelLink(
            agent_firewall.UID,
            "Deny rate by template version",
            {"template_version_id": AuditField.TEMPLATE_VERSION_ID.label},
        ),
        queries={"A": loki_metric(expression, instant=True)},
        labels=tuple(field.label for field in _VERSION),
        hold_minutes=5,
        window_minutes=limits.deny_minutes,
    )


def _network_policy_gone(context: AlertContext) -> Alert | None:
    if not context.network_policies:
        return None
    namespace = context.queries.workspaces_namespace
    gone = either(
        *(
            absent(Metrics.NETWORK_POLICY_CREATED, namespace=namespace, networkpolicy=name)
            for name in context.network_policies
        )
    )
    # Without this kube-state-metrics would be missed, and not the policy.
    reported = select(Metrics.NAMESPACE_CREATED, namespace=namespace)
    return Alert(
        name="NetworkPolicyGone",
        severity=Severity.CRITICAL,
        summary="NetworkPolicy {{ $labels.networkpolicy }} is not in {{ $labels.namespace }}",
        description=(
            "For 5 minutes kube-state-metrics has reported namespace {{ $labels.namespace }} and "
            "not its NetworkPolicy {{ $labels.networkpolicy }}. Without it workspaces reach the "
            "metadata service, each other, UDP and every port, past Boundary too. Look with "
            "`kubectl -n {{ $labels.namespace }} get networkpolicy`. If it is gone, `python -m ops "
            "refresh` and `up` make it again; if it is there, kube-state-metrics does not watch "
            "networkpolicies: add them to its resources."
        ),
        panel=PanelLink(agent_firewall.UID, "Active firewall agents"),
        queries={"A": promql(where(gone, reported, "namespace"))},
        labels=("namespace", "networkpolicy"),
        hold_minutes=5,
    )


def _reload_failed(context: AlertContext) -> Alert:
    minutes = context.thresholds.reload_minutes
    reload = by_any_name(Metrics.PROVIDERS_LAST_RELOAD, select)
    failed = reload > by_any_name(Metrics.PROVIDERS_LAST_RELOAD_SUCCESS, select)
    return Alert(
        name="AIGatewayReloadFailed",
        severity=Severity.WARNING,
        summary="{{ $labels.pod }} could not reload its model providers",
        description=(
            f"The last reload of {{{{ $labels.pod }}}} failed at least {minutes} minutes ago. Its "
            "gateway runs with the providers from before the change, so that replicas answer "
            "differently: a removed key may still work, a new provider may be unknown. Read the "
            "gateway log for aibridged, repair the provider under Deployment, AI providers; saving "
            "it reloads again."
        ),
        panel=PanelLink(ai_gateway.UID, "Provider reload status"),
        queries={"A": promql(aggregate("max", failed, "namespace", "pod"))},
        labels=("namespace", "pod"),
        hold_minutes=minutes,
    )


def _provider_error(context: AlertContext) -> Alert:
    labels = ("provider_name", "provider_type")
    info = by_any_name(Metrics.PROVIDER_INFO, lambda named: select(named, status="error"))
    refused = aggregate("max", info, *labels)
    return Alert(
        name="AIGatewayProviderError",
        severity=Severity.WARNING,
        summary="The AI Gateway refuses provider {{ $labels.provider_name }}",
        description=(
            "The gateway reloaded its providers and left {{ $labels.provider_name }} of type "
            "{{ $labels.provider_type }} out, as its configuration is wrong; agents that use it "
            "get errors. Read the gateway log for its name, then correct its address or key under "
            "Deployment, AI providers."
        ),
        panel=PanelLink(ai_gateway.UID, "Provider inventory"),
        queries={"A": promql(refused > 0)},
        labels=labels,
        hold_minutes=context.thresholds.provider_minutes,
    )


def _unpriced_usage(_: AlertContext) -> Alert:
    labels = ("provider", "model")
    # As long as agents take to be asked again, so that a model in use stays told.
    used = added(Metrics.UNPRICED_USAGE, *labels, over="60m", memory="1d")
    return Alert(
        name="AIGatewayUnpricedUsage",
        severity=Severity.WARNING,
        summary="Model {{ $labels.model }} of {{ $labels.provider }} is used and has no price",
        description=(
            "{{ $value }} responses of the last hour had no price, and cost 0 on the dashboard and "
            "in budgets: who asks only such models has no limit. Prices ship with Coder's "
            "releases; docs/dashboards.md of the project says how to give a model its own."
        ),
        panel=PanelLink(ai_gateway.UID, "Models without a price"),
        queries={"A": promql(used > 0)},
        labels=labels,
        window_minutes=60,
    )


CATALOGUE: Mapping[str, Callable[[AlertContext], Alert | None]] = {
    "BoundaryAuditSilent": _audit_silent,
    "BoundaryAuditUnreported": _audit_unreported,
    "CoderMetricsMissing": _metrics_missing,
    "BoundaryBatchesDropped": _batches_dropped,
    "BoundaryLogsDropped": _logs_dropped,
    "BoundaryDenySpike": _deny_spike,
    "BoundaryHostUnknown": requests.host_unknown,
    "NetworkPolicyGone": _network_policy_gone,
    "ClaudeCodeUnjailed": jail.unjailed,
    "BoundaryPolicyForeign": jail.foreign_policy,
    "BoundaryAuditCut": jail.audit_cut,
    "JailWatchSilent": jail.watch_silent,
    "JailUnwatched": jail.unwatched,
    "AgentsAllowedBehindFirewall": jail.agents_allowed,
    "AIGatewayReloadFailed": _reload_failed,
    "AIGatewayProviderError": _provider_error,
    "AIGatewayUnpricedUsage": _unpriced_usage,
}
"""Each returns its alert for one stack, None where there is nothing to watch."""
