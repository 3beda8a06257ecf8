"""Alerts: a PrometheusRule for what Prometheus evaluates, a ConfigMap for what Grafana does."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pulumi
import yaml
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pydantic.alias_generators import to_camel

from components import syntax
from components.alerts import grafana, prometheus
from components.alerts.catalogue import CATALOGUE
from components.alerts.model import Alert, AlertContext
from components.alerts.names import EVALUATOR, LABEL, NAMES, RULE_LABELS, Evaluator, is_label
from components.alerts.thresholds import Thresholds
from components.dashboards.context import DashboardContext
from components.dashboards.uids import UIDS
from components.errors import refuse
from components.mark import marked
from components.observability import grafana_defaults

RULE_VERSION, RULE_KIND = "monitoring.coreos.com/v1", "PrometheusRule"
RUNBOOK = "docs/alerts.md"


# The one in C writes the same and takes a tenth of the time; some builds of PyYAML lack it.
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True)
class AlertsArgs:
    """Which alerts a stack has, when they fire and where they go.

    Attributes:
        alerts: Names; all of the catalogue if not given.
        evaluator: Who evaluates the alerts on PromQL alone: the Prometheus of the operator, from
            a PrometheusRule, or Grafana. The others are always Grafana's.
        group: Name of the rules' group, and with it of the PrometheusRule and the ConfigMap.
        namespace: Of the PrometheusRule.
        rule_labels: Labels of the PrometheusRule, by which Prometheus selects its rules.
        grafana_namespace: Namespace in which Grafana's sidecar looks for ConfigMaps.
        folder: Folder in Grafana.
        labels: Labels of every alert, by which it is routed.
        runbook: Address of docs/alerts.md, for the annotation `runbook_url`.
        grafana_url: Address of Grafana, for `dashboard_url`; a path alone if empty.
        dashboards: Uids of the dashboards that the stack has; only those are linked.
        queries: Where the data is.
        thresholds: When to fire.
        confined_templates: Names of the templates with a firewall.
        isolated_templates: Names of those that give Coder's own agents a pod of their own.
        network_policies: Names of the NetworkPolicies in the workspaces' namespace.
        organization_id: Id of the organization of those templates, as another may have one of the
            same name; empty takes any organization's.
        audit_counters: Whether agents export counters of their audit, as
            `releases.AUDIT_COUNTERS_SINCE` and newer do; without them nobody can be missed.
    """

    alerts: tuple[str, ...] = NAMES
    evaluator: Evaluator = EVALUATOR
    group: str = grafana_defaults.GROUP
    namespace: pulumi.Input[str] = grafana_defaults.NAMESPACE
    rule_labels: Mapping[str, str] = field(default_factory=lambda: dict(RULE_LABELS))
    grafana_namespace: pulumi.Input[str] = grafana_defaults.NAMESPACE
    folder: str = grafana_defaults.FOLDER
    labels: Mapping[str, str] = field(default_factory=dict)
    runbook: str = RUNBOOK
    grafana_url: str = ""
    dashboards: tuple[str, ...] = UIDS
    queries: DashboardContext = field(default_factory=DashboardContext)
    thresholds: Thresholds = field(default_factory=Thresholds)
    confined_templates: tuple[str, ...] = ()
    isolated_templates: tuple[str, ...] = ()
    network_policies: tuple[str, ...] = ()
    audit_counters: bool = grafana_defaults.AUDIT_COUNTERS
    organization_id: str = ""

    def __post_init__(self) -> None:
        """Refuse what does not exist or never fires.

        Raises:
            ArgsError: An unknown alert, one twice, a label of the alerts' own, no folder, a
                group that is no name or too long, an organization that is no id, or a threshold
                out of its bounds.
        """
        problems = [
            f"{name!r} is no alert; there are {', '.join(CATALOGUE)}"
            for name in self.alerts
            if name not in CATALOGUE
        ]
        if len(set(self.alerts)) != len(self.alerts):
            problems.append("each alert may be named once")
        problems += [f"label {name!r} {LABEL}" for name in self.labels if not is_label(name)]
        if not syntax.is_label(self.group):
            problems.append(f"group {self.group!r} is no Kubernetes name")
        elif len({grafana.uid(name, self.group) for name in CATALOGUE}) < len(CATALOGUE):
            problems.append(f"group {self.group!r} is too long: Grafana's uids have 40 characters")
        if not syntax.is_folder(self.folder):
            problems.append(f"folder {self.folder!r} {syntax.FOLDER}")
        if not re.fullmatch("[A-Za-z0-9-]*", self.organization_id):
            problems.append(f"organization_id {self.organization_id!r} is no id of an organization")
        problems += self.thresholds.problems()
        if problem := self.thresholds.window_problem(self.evaluator):
            problems.append(f"loss_minutes is {self.thresholds.loss_minutes}; {problem}")
        refuse("alerts", problems)

    @property
    def config_map(self) -> str:
        """Name of the ConfigMap with Grafana's rules, which is there if they are none too."""
        return f"alerts-{self.group}"

    def chosen(self) -> list[Alert]:
        """Return the alerts there is something to watch for."""
        context = AlertContext(
            self.queries,
            self.thresholds,
            self.confined_templates,
            self.isolated_templates,
            self.network_policies,
            self.audit_counters,
            self.organization_id,
        )
        built = (CATALOGUE[name](context) for name in self.alerts)
        return [alert for alert in built if alert is not None]

    def prometheus_rule(self) -> dict[str, Any] | None:
        """Return the PrometheusRule as kubectl takes it, None if Prometheus evaluates none."""
        spec = self.prometheus_rules()
        if spec is None:
            return None
        return {
            "apiVersion": RULE_VERSION,
            "kind": RULE_KIND,
            "metadata": {
                "name": self.group,
                "namespace": self.namespace,
                "labels": dict(self.rule_labels),
            },
            "spec": spec,
        }

    def prometheus_rules(self) -> dict[str, Any] | None:
        """Return the specification of the PrometheusRule, None if Prometheus evaluates none."""
        alerts = [alert for alert in self.chosen() if self._is_prometheus(alert)]
        if not alerts:
            return None
        return prometheus.rules(
            alerts, name=self.group, labels=self.labels, annotations=self._annotations(alerts)
        )

    def grafana_file(self) -> str:
        """Return the provisioning file."""
        return yaml.dump(self.grafana_rules(), Dumper=_Dumper, sort_keys=False, width=1000)

    def grafana_rules(self) -> dict[str, Any]:
        """Return the provisioning file's content; it deletes the alerts Grafana is not to have."""
        alerts = [alert for alert in self.chosen() if not self._is_prometheus(alert)]
        names = {alert.name for alert in alerts}
        return grafana.provisioning(
            alerts,
            self.queries,
            group=self.group,
            folder=self.folder,
            labels=self.labels,
            annotations=self._annotations(alerts),
            gone=[name for name in CATALOGUE if name not in names],
        )

    def of_grafana(self) -> list[str]:
        """Return the names of the alerts that Grafana evaluates."""
        return [alert.name for alert in self.chosen() if not self._is_prometheus(alert)]

    def _is_prometheus(self, alert: Alert) -> bool:
        return alert.only_promql and self.evaluator == "prometheus"

    def _annotations(self, alerts: list[Alert]) -> dict[str, dict[str, str]]:
        return {
            alert.name: alert.annotations(
                self.runbook, self.grafana_url, self.dashboards, self.queries.uid_prefix
            )
            for alert in alerts
        }


class Alerts(pulumi.ComponentResource):
    """The alerts of a stack.

    Attributes:
        names: Names of the alerts, by who evaluates them: `prometheus` and `grafana`.
    """

    names: pulumi.Output[dict[str, list[str]]]

    def __init__(
        self, name: str, args: AlertsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("firewalledcoder:index:Alerts", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        rules = args.prometheus_rules()
        if rules:
            CustomResource(
                f"{name}-prometheus",
                api_version=RULE_VERSION,
                kind=RULE_KIND,
                metadata=ObjectMetaArgs(
                    name=args.group,
                    namespace=args.namespace,
                    # An empty map is not kept, and would be told as a change for ever.
                    labels=dict(args.rule_labels) or None,
                    annotations=marked(),
                ),
                spec=rules,
                opts=child,
            )
        ConfigMap(
            f"{name}-grafana",
            metadata=ObjectMetaArgs(
                name=args.config_map,
                namespace=args.grafana_namespace,
                labels={"grafana_alert": "1"},
                annotations=marked(),
            ),
            data={f"{args.group}.yaml": args.grafana_file()},
            opts=child,
        )
        self.names = pulumi.Output.from_input(
            {
                "prometheus": [
                    r["alert"] for g in (rules or {}).get("groups", []) for r in g["rules"]
                ],
                "grafana": args.of_grafana(),
            }
        )
        # Reviews read from the state when the alerts fire now, and which logs they read; the rules
        # have it in text alone.
        thresholds = {to_camel(key): value for key, value in asdict(args.thresholds).items()}
        self.register_outputs(
            {"names": self.names, "thresholds": thresholds, "logs": args.queries.coder_logs}
        )
