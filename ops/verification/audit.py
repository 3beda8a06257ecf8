"""The audit of what was just done: its lines in Loki, its counters, and coderd's own log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from components.coder.api import RefusedError
from components.dashboards import logql
from components.dashboards.log_fields import AUDIT_MESSAGE, AuditDecision
from components.dashboards.metrics import Metrics
from ops.verification.deployment import AuditLog, CoderDeployment
from ops.verification.model import Failed, NotChecked
from ops.verification.path import Visit
from ops.verification.run import Run
from ops.verification.scripts import JailRequest
from ops.verification.services import Services

LOKI_SECONDS: Final = 60.0
METRICS_SECONDS: Final = 180.0
"""coderd collects agents' metrics once a minute, and Prometheus scrapes coderd once a minute."""

_POLL_SECONDS: Final = 3.0
_ENTRIES: Final = "25"
_SHOWN: Final = 3


@dataclass(frozen=True)
class Seen:
    """What a workspace was denied.

    Attributes:
        visit: the workspace.
        denied: what Boundary denied there.
        since: a moment before that.
    """

    visit: Visit
    denied: Sequence[JailRequest]
    since: datetime


class AuditSearch:
    """Looks for the traces of one workspace.

    Args:
        run: takes the checks.
        seen: what was denied in the workspace.
        services: what can be asked.
    """

    def __init__(self, run: Run, seen: Seen, services: Services) -> None:
        self.run = run
        self._seen = seen
        self._services = services

    def look(self) -> None:
        """Make the checks."""
        subject = self._seen.visit.target.subject
        self.run.take("audit.denials", subject, self._denials)
        self.run.take("audit.metrics", subject, self._metrics)

    def _denials(self) -> str:
        loki = self._services.needs_loki
        visit, expected = self._seen.visit, self._seen.denied
        if not expected:
            raise NotChecked("nothing was denied that could be found", "see jail.denied")
        query = logql.containing(
            self._services.queries.coder_logs,
            AUDIT_MESSAGE,
            visit.workspace_id,
            AuditDecision.DENY.value,
        )
        started = self.run.clock.now()
        missing: Sequence[str] = ()
        wrong: Sequence[str] = ()
        for _ in self.run.clock.turns(LOKI_SECONDS, _POLL_SECONDS):
            now = datetime.now(UTC) + timedelta(seconds=10)
            lines = list(_fields(loki.lines(query, self._seen.since, now)))
            missing, wrong = self._compared(expected, lines)
            if wrong or not missing:
                break
        if wrong:
            raise Failed("; ".join(wrong[:_SHOWN]), "see coderd's release and its log's collector")
        if missing:
            raise Failed(
                f"not in Loki after {LOKI_SECONDS:.0f} s: {', '.join(missing[:_SHOWN])}",
                "see coderd's CODER_LOGGING_JSON, the log collector, and docs/alerts.md",
            )
        took = self.run.clock.now() - started
        return f"{len(expected)} denials, found within {took:.0f} s"

    def _compared(
        self, expected: Iterable[JailRequest], lines: Sequence[Mapping[str, Any]]
    ) -> tuple[list[str], list[str]]:
        visit = self._seen.visit
        version = visit.version.id if visit.version else ""
        who = {
            "owner": visit.owner,
            "workspace_name": visit.target.workspace,
            "template_id": visit.template_id,
            "template_version_id": version,
            "workspace_id": visit.workspace_id,
        }
        missing, wrong = [], []
        for asked in dict.fromkeys(expected):
            line = next(
                (
                    each
                    for each in lines
                    if each.get("decision") == "deny"
                    and each.get("http_method") == asked.method
                    and _same(str(each.get("http_url")), asked.url)
                ),
                None,
            )
            if line is None:
                missing.append(f"{asked.method} {asked.url}")
                continue
            wrong += [
                f"the line of {asked.url} has {name} {line.get(name)!r} and not {value!r}"
                for name, value in who.items()
                if line.get(name) != value
            ]
        return missing, wrong

    def _metrics(self) -> str:
        prometheus = self._services.needs_prometheus
        visit, metric = self._seen.visit, Metrics.BATCHES_FORWARDED.name
        labels = f'username="{visit.owner}",workspace_name="{visit.target.workspace}"'
        query = f"max(max_over_time({metric}{{{labels}}}[10m]))"
        value = ""
        for _ in self.run.clock.turns(METRICS_SECONDS, _POLL_SECONDS * 2):
            vector = prometheus.vector(query)
            value = vector[0].value[1] if vector else ""
            if value and float(value) > 0:
                return f"{metric} of the workspace is {float(value):g}"
        if value:
            raise Failed(f"{metric} of the workspace is {value}", "see the agent's log for batches")
        raise Failed(
            f"Prometheus has no {metric} of the workspace after {METRICS_SECONDS:.0f} s",
            "see coderd's CODER_PROMETHEUS_COLLECT_AGENT_STATS and Prometheus' targets",
        )


def coderd_log(
    deployment: CoderDeployment, visits: Sequence[Visit], servers: Mapping[str, str]
) -> str:
    """Look for what was just made in coderd's own audit log.

    Args:
        deployment: the deployment.
        visits: the workspaces.
        servers: id of each MCP server by its slug.

    Raises:
        Failed, NotChecked: something is not there, or the token may not look.
    """
    wanted: dict[str, tuple[str, str]] = {}
    for visit in visits:
        if visit.workspace_id:
            wanted[f"creation of {visit.name}"] = (visit.workspace_id, "create")
        if visit.version is not None:
            wanted[f"version {visit.version.name}"] = (visit.version.id, "")
        if visit.build_id:
            wanted[f"build of {visit.name}"] = (visit.build_id, "start")
    wanted |= {f"MCP server {slug}": (id, "") for slug, id in servers.items()}
    if not wanted:
        raise NotChecked("nothing was made that could be in it", "run it with the group path")
    missing = []
    for name, (id, action) in wanted.items():
        try:
            entries = deployment.get(
                AuditLog, "/api/v2/audit", q=f"resource_id:{id}", limit=_ENTRIES
            ).audit_logs
        except RefusedError as error:
            if error.status not in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
                raise
            raise NotChecked(
                f"the token may not read coderd's audit log ({error})",
                "use the token of an auditor or owner, on a deployment whose licence has it",
            ) from None
        if not any(each.resource_id == id and action in ("", each.action) for each in entries):
            missing.append(name)
    if missing:
        raise Failed(
            f"not in coderd's audit log: {', '.join(missing)}",
            "see the licence's audit_log, and how long coderd keeps the log",
        )
    return f"{', '.join(wanted)}"


def _fields(lines: Iterable[str]) -> Iterable[Mapping[str, Any]]:
    for line in lines:
        try:
            document = json.loads(line)
        except ValueError:
            continue
        if isinstance(document, dict) and document.get("msg") == AUDIT_MESSAGE:
            fields = document.get("fields")
            if isinstance(fields, dict):
                yield fields


def _same(logged: str, asked: str) -> bool:
    # A client asks a host for `/` where a URL has no path.
    return logged in (asked, f"{asked}/")
