"""A whole verification: what is made, in which order, and that nothing of it stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from components.observability.grafana_defaults import ROLE_SCRIPT, named, role
from components.releases import FIREWALL_RECORDS_SINCE, OLDEST_SERVED
from components.settings.model import Settings
from components.settings.templates import TemplateSettings
from ops import project
from ops.verification import audit, catalogue, database_role, observability, path
from ops.verification.agents_pod import AgentsPod
from ops.verification.audit import AuditSearch, Seen
from ops.verification.cluster import ClusterReader
from ops.verification.declared_version import DeclaredVersions
from ops.verification.deployment import CoderDeployment
from ops.verification.jail import Jail
from ops.verification.mcp import Mcp, Server
from ops.verification.model import CheckGroup
from ops.verification.path import Visit
from ops.verification.plan import Target
from ops.verification.preflight import Preflight
from ops.verification.run import Run
from ops.verification.services import Services
from program.plan import alerts, dashboards

_OF_WORKSPACES: Final = ("audit.denials", "audit.metrics")
"""Checks of the audit that belong to a workspace and are made while it is there."""


@dataclass(frozen=True)
class Context:
    """What a verification needs.

    Attributes:
        settings: the stack's.
        deployment: its Coder.
        templates: those that are verified.
        targets: the workspaces to make.
        servers: the MCP servers.
        services: what else can be asked.
        cluster: the cluster of the stack's Kubernetes provider.
        stack: name of the stack.
    """

    settings: Settings
    deployment: CoderDeployment
    templates: Sequence[TemplateSettings]
    targets: Sequence[Target]
    servers: Sequence[Server]
    services: Services
    cluster: ClusterReader
    stack: str


def verify(run: Run, context: Context) -> None:
    """Make every check that is wanted; results are the run's."""
    path.clean(run, context.deployment, context.targets[0].seconds if context.targets else 600.0)
    answers = True
    if _wanted(run, CheckGroup.PREFLIGHT):
        answers = Preflight(
            run,
            context.deployment,
            context.settings,
            context.templates,
            cluster=context.cluster,
        ).look()
    declared = DeclaredVersions(
        context.stack, context.settings, context.deployment, project.ROOT
    ).compare
    visits = [Visit(run, context.deployment, target, declared) for target in context.targets]
    if not answers:
        _leave_all(run, visits, context, "after: preflight.coder")
        return
    open_visits = [visit for visit in visits if not _finished(run, visit)]
    try:
        _workspaces(run, context, open_visits)
    finally:
        run.parallel([visit.delete for visit in open_visits])
    servers = [
        Mcp(
            run,
            context.deployment,
            context.settings.coder.organization,
            server,
            context.services,
        )
        for server in context.servers
    ]
    if _wanted(run, CheckGroup.MCP):
        run.parallel([server.look for server in servers])
    _stack(run, context, open_visits, servers)


def _workspaces(run: Run, context: Context, visits: Sequence[Visit]) -> None:
    if not visits:
        return
    run.parallel([visit.build for visit in visits])
    ready = [visit for visit in visits if visit.agent_id]
    run.parallel([visit.look_inside for visit in ready])
    if _wanted(run, CheckGroup.AGENTS):
        isolating = [visit for visit in visits if visit.target.isolates_agents]
        run.parallel([AgentsPod(run, visit).look for visit in isolating if visit in ready])
        for visit in isolating:
            # Nothing where it was looked at.
            _leave_unmade(run, visit, _ids(CheckGroup.AGENTS))
    confined = [visit for visit in ready if visit.target.firewall]
    if not (_wanted(run, CheckGroup.JAIL) or run.wants(*_OF_WORKSPACES)):
        return
    for visit in visits:
        if visit.target.firewall and visit not in ready:
            _leave_unmade(run, visit, [*_ids(CheckGroup.JAIL), *_OF_WORKSPACES])
    since = datetime.now(UTC)
    looks = run.parallel([partial(_jail, run, visit, ready) for visit in confined])
    run.parallel(
        [
            AuditSearch(run, Seen(jail.visit, jail.denied, since), context.services).look
            for jail in looks
        ]
    )


def _leave_unmade(run: Run, visit: Visit, checks: Sequence[str]) -> None:
    run.leave(checks, visit.target.subject, "there is no workspace", "mend path first")


def _jail(run: Run, visit: Visit, ready: Sequence[Visit]) -> Jail:
    jail = Jail(run, visit, next((each for each in ready if each is not visit), None))
    jail.look()
    return jail


def _stack(run: Run, context: Context, visits: Sequence[Visit], servers: Sequence[Mcp]) -> None:
    """Make the checks of the audit that belong to the whole stack."""
    settings, services = context.settings, context.services
    grafana = settings.grafana
    prefix = grafana.prefix or ""
    uids = observability.Sources(grafana.prometheus_uid, grafana.loki_uid, grafana.postgres_uid)
    ids = {server.slug: server.id for server in servers if server.id}
    steps: dict[str, Callable[[], str]] = {
        "audit.sources": lambda: observability.sources(services.needs_grafana, uids),
        "audit.dashboards": lambda: observability.dashboards(
            services.needs_grafana, _declared(settings), grafana.folder
        ),
        "audit.role": lambda: database_role.role(
            services.needs_grafana, grafana.postgres_uid, role(prefix), named(prefix, ROLE_SCRIPT)
        ),
        "audit.coderd": lambda: audit.coderd_log(context.deployment, visits, ids),
        "audit.alerts": lambda: observability.alerts(
            alerts(settings, context.deployment.known(settings)),
            services.prometheus,
            services.grafana_rules,
        ),
    }
    run.parallel([partial(run.take, check, "", step) for check, step in steps.items()])


def _declared(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """Return the models that each dashboard may have, as its release of Coder decides."""
    found: dict[str, list[dict[str, Any]]] = {}
    for release in (OLDEST_SERVED, None, FIREWALL_RECORDS_SINCE):
        for uid, text in dashboards(settings, release).render().items():
            found.setdefault(uid, []).append(json.loads(text))
    return found


def _finished(run: Run, visit: Visit) -> bool:
    """Whether everything about a workspace passed in the run that is resumed."""
    checks = [check for check in _of(visit) if run.wants(check)]
    subject = visit.target.subject
    if all(run.kept(check, subject) for check in checks):
        run.leave(checks, subject, "", "")
        return True
    # A part of it would need the workspace that is gone.
    run.state.forget((check, subject) for check in checks)
    return False


def _leave_all(run: Run, visits: Sequence[Visit], context: Context, why: str) -> None:
    for visit in visits:
        run.leave(_of(visit), visit.target.subject, why, "mend that first")
    for server in context.servers:
        run.leave(_ids(CheckGroup.MCP), server.settings.slug, why, "mend that first")
    of_stack = [check for check in _ids(CheckGroup.AUDIT) if check not in _OF_WORKSPACES]
    run.leave(of_stack, "", why, "mend that first")


def _of(visit: Visit) -> list[str]:
    """Every check of a workspace."""
    checks = _ids(CheckGroup.PATH)
    if visit.target.firewall:
        checks += [*_ids(CheckGroup.JAIL), *_OF_WORKSPACES]
    if visit.target.isolates_agents:
        checks += _ids(CheckGroup.AGENTS)
    return checks


def _ids(group: CheckGroup) -> list[str]:
    return [check.id for check in catalogue.of(group)]


def _wanted(run: Run, group: CheckGroup) -> bool:
    return run.wants(*_ids(group))
