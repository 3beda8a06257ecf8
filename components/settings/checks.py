"""What one setting says about another, on typed values: whatever of the data is well-formed.

Each check returns the problems that it finds; `load` raises all of them at once.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Any, Final, TypeVar

from pydantic import SecretStr, TypeAdapter, ValidationError

from components import syntax
from components.alerts.thresholds import Thresholds
from components.boundary import PolicyError, exfiltration_report, host_of
from components.boundary.credentials import HIDDEN
from components.boundary.older import broken
from components.boundary.releases import JAIL_KEY, LATEST, key_problem
from components.claude_code import tasks_problem
from components.coder.mcp_headers import authorization_problem
from components.observability.database import ca_problem
from components.observability.loki import label_problems, tenant_problem
from components.observability.provisioning import KEEPS_ONE, repeated_uids
from components.repeated import repeated
from components.settings.alerts import AlertsSettings
from components.settings.coder import Coder, GitLab
from components.settings.confined import variable_problems
from components.settings.grafana import GrafanaSettings
from components.settings.mcp import McpServerSettings
from components.settings.model import Settings
from components.settings.problems import Problem, as_shown, key_of, missing
from components.settings.secrets import ClientCredentials
from components.settings.switched import day_problems, target_problems
from components.settings.templates import FirewallSwitch, TemplateSettings
from components.settings.workspaces import WorkspacesSettings
from components.workspace_template.values import dormancy_problem

T = TypeVar("T")


@dataclass(frozen=True)
class Parts:
    """The parts of a stack's settings; one that is not well-formed by itself is None.

    So a mistake in one place hides no other.
    """

    coder: Coder | None = None
    providers: Sequence[GitLab | None] = ()
    workspaces: WorkspacesSettings | None = None
    templates: Sequence[TemplateSettings | None] = ()
    firewall: FirewallSwitch | None = None
    grafana: GrafanaSettings | None = None
    alerts: AlertsSettings | None = None
    servers: Sequence[McpServerSettings | None] = ()
    token: SecretStr | None = None
    logins: Mapping[str, ClientCredentials | None] = field(default_factory=dict)
    keys: Mapping[str, SecretStr | None] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> Parts:
        """Return the parts of settings that are well-formed as a whole."""
        return cls(
            coder=settings.coder,
            providers=settings.external_auth.providers,
            workspaces=settings.workspaces,
            templates=settings.templates,
            firewall=settings.firewall,
            grafana=settings.grafana,
            alerts=settings.alerts,
            servers=settings.mcp_servers,
            token=settings.secrets.coder_token,
            logins=settings.secrets.external_auth,
            keys=settings.secrets.mcp,
        )

    @classmethod
    def salvaged(cls, values: Mapping[str, Any]) -> Parts:
        """Return the parts of plain data, by top-level key, that are well-formed by themselves."""
        secrets = mapping(values.get("secrets"))
        return cls(
            coder=part(Coder, values.get("coder")),
            providers=entries(GitLab, mapping(values.get("externalAuth")).get("providers")),
            workspaces=part(WorkspacesSettings, values.get("workspaces", {})),
            templates=entries(TemplateSettings, values.get("templates")),
            firewall=part(FirewallSwitch, values.get("firewall", {})),
            grafana=part(GrafanaSettings, values.get("grafana", {})),
            alerts=part(AlertsSettings, values.get("alerts", {})),
            servers=entries(McpServerSettings, values.get("mcpServers")),
            token=part(SecretStr, secrets.get("coderToken")),
            logins={
                key: part(ClientCredentials, each)
                for key, each in mapping(secrets.get("externalAuth")).items()
            },
            keys={key: part(SecretStr, each) for key, each in mapping(secrets.get("mcp")).items()},
        )


# Making one costs more than what it is for.
_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def part(kind: type[T], value: Any) -> T | None:
    """Return plain data as its type; None if it is not well-formed."""
    try:
        found: T = _adapter(kind).validate_python(value)
    except ValidationError:
        return None
    return found


def entries(kind: type[T], value: Any) -> list[T | None]:
    """Return the entries of a list as their type, None for one that is not well-formed."""
    return [part(kind, each) for each in value] if isinstance(value, list) else []


def mapping(value: Any) -> Mapping[str, Any]:
    """Return plain data that should be a map, an empty one if it is none."""
    return value if isinstance(value, Mapping) else {}


def relations(parts: Parts, today: datetime.date) -> list[Problem]:
    """Check what one key says about another.

    Args:
        parts: the settings.
        today: the day (UTC) that the emergency switch is held against.
    """
    return list(chain.from_iterable(check(parts) for check in _CHECKS)) + list(
        day_problems(parts.firewall, today)
    )


def _unique(parts: Parts) -> Iterator[Problem]:
    yield from twice("templates[{}].name", parts.templates, lambda each: each.name)
    yield from twice("mcpServers[{}].slug", parts.servers, lambda each: each.slug)
    key = "externalAuth.providers[{}]"
    yield from twice(f"{key}.id", parts.providers, lambda each: each.id)
    yield from twice(f"{key}.host", parts.providers, lambda each: each.host, by=syntax.host_name)


def twice(
    key: str,
    entries: Sequence[T | None],
    value: Callable[[T], str],
    *,
    by: Callable[[str], str] = str.lower,
) -> Iterator[Problem]:
    """Yield the entries whose value an earlier one has."""
    texts = [None if entry is None else value(entry) for entry in entries]
    for index in repeated(None if text is None else by(text) for text in texts):
        text = as_shown(texts[index])
        yield Problem(key.format(index), text, "duplicate; must be unique")


def _templates(parts: Parts) -> Iterator[Problem]:
    ids = [provider.id for provider in parts.providers if provider is not None]
    for index, template in enumerate(parts.templates):
        if template is None:
            continue
        key = f"templates[{index}]"
        jail = template.firewall.jail if template.firewall else None
        if "NET_ADMIN" in template.capabilities and jail != "nsjail":
            yield Problem(
                f"{key}.capabilities",
                '"NET_ADMIN"',
                "only the jail nsjail needs NET_ADMIN; set firewall.jail: nsjail or remove it",
            )
        release = parts.workspaces.boundary_version if parts.workspaces else LATEST
        for name, right in template.firewall.problems(release) if template.firewall else ():
            yield Problem(f"{key}.firewall.{name}", as_shown(True), right)
        if template.gitlab is not None and ids and template.gitlab not in ids:
            yield Problem(
                f"{key}.gitlab",
                as_shown(template.gitlab),
                f"no such provider; externalAuth.providers has {', '.join(ids)}",
            )
        if template.access is not None:
            for place, name in enumerate(template.access.use):
                if name in template.access.admin:
                    yield Problem(
                        f"{key}.access.use[{place}]",
                        as_shown(name),
                        "also under admin, who may use it anyway: name it once",
                    )
        lifetime = template.lifetime
        dormant, delete = lifetime.dormant_after_hours, lifetime.delete_dormant_after_hours
        if problem := dormancy_problem(dormant, delete):
            yield Problem(
                f"{key}.lifetime.deleteDormantAfterHours",
                f"{delete:g}",
                f"needs dormantAfterHours: {problem}",
            )


def _agent_variables(parts: Parts) -> Iterator[Problem]:
    yield from variable_problems(parts.workspaces, parts.templates)


def _servers(parts: Parts) -> Iterator[Problem]:
    for index, server in enumerate(parts.servers):
        if server is None:
            continue
        for key, value, right in server.problems():
            yield Problem(f"mcpServers[{index}].{key}", as_shown(value) if value else "", right)


def _secrets(parts: Parts) -> Iterator[Problem]:
    if parts.token is not None:
        yield from secret_problems(("secrets", "coderToken"), parts.token)
    # Whoever sets coderd's variables has the credentials.
    elsewhere = parts.coder is not None and parts.coder.variables == "none"
    for provider in () if elsewhere else filter(None, parts.providers):
        place = ("secrets", "externalAuth", provider.id)
        if provider.id not in parts.logins:
            yield from secret_problems((*place, "clientId"), None)
            yield from secret_problems((*place, "clientSecret"), None)
        elif login := parts.logins[provider.id]:
            yield from secret_problems((*place, "clientId"), login.client_id)
            yield from secret_problems((*place, "clientSecret"), login.client_secret)
    for server in filter(None, parts.servers):
        key = key_of(("secrets", "mcp", server.slug))
        known = parts.keys.get(server.slug)
        if server.auth_type != "api_key":
            continue
        if server.slug not in parts.keys or (known is not None and not known.get_secret_value()):
            yield Problem(key, "", missing(("secrets", "mcp", server.slug)))
        elif known is not None and (problem := authorization_problem(known.get_secret_value())):
            yield Problem(key, HIDDEN, problem)


def secret_problems(location: tuple[str, ...], secret: SecretStr | None) -> Iterator[Problem]:
    """Yield what is wrong with a secret that the stack needs."""
    text = secret.get_secret_value() if secret is not None else ""
    if not text:
        yield Problem(key_of(location), "", missing(location))
    elif text != text.strip() or not text.isprintable():
        right = "must be one line without white space around it; set it again"
        yield Problem(key_of(location), HIDDEN, right)


def _grafana(parts: Parts) -> Iterator[Problem]:
    grafana = parts.grafana
    if grafana is None:
        return
    role = grafana.database_role
    if role.delivery == "job" and role.admin_url_secret is None:
        yield Problem(
            "grafana.databaseRole.adminUrlSecret",
            "",
            "required with delivery: job: a Secret in Grafana's namespace with the connection URL "
            "of the owner of Coder's tables",
        )
    if problem := ca_problem(grafana.database_ssl_mode, grafana.database_ca_file):
        yield Problem("grafana.databaseCaFile", as_shown(grafana.database_ca_file or ""), problem)
    for problem in label_problems(grafana.loki_labels):
        named = ", ".join(f"{label}: {name}" for label, name in grafana.loki_labels.items())
        yield Problem("grafana.lokiLabels", as_shown(named), problem)
    if problem := tenant_problem(grafana.loki_tenant, grafana.loki_url):
        yield Problem("grafana.lokiTenant", as_shown(grafana.loki_tenant or ""), problem)
    uids = {
        "prometheusUid": grafana.prometheus_uid,
        "lokiUid": grafana.loki_uid,
        "postgresUid": grafana.postgres_uid,
    }
    for key, first in repeated_uids(uids):
        yield Problem(f"grafana.{key}", as_shown(uids[key]), f"also {first}: {KEEPS_ONE}")


def _windows(parts: Parts) -> Iterator[Problem]:
    if parts.alerts is None:
        return
    minutes = parts.alerts.thresholds.loss_minutes
    if problem := Thresholds(loss_minutes=minutes).window_problem(parts.alerts.evaluator):
        yield Problem("alerts.thresholds.lossMinutes", as_shown(minutes), problem)


def _choices(parts: Parts) -> Iterator[Problem]:
    if parts.workspaces is None:
        return
    for key, value, right in parts.workspaces.resources.default_problems():
        yield Problem(f"workspaces.resources.{key}", str(value), right)


def _wiring(parts: Parts) -> Iterator[Problem]:
    shared = parts.workspaces
    if shared is not None and (problem := shared.wiring_problem()):
        key, value, words = problem
        yield Problem(f"workspaces.{key}", as_shown(value), words)


def _boundary(parts: Parts) -> Iterator[Problem]:
    confined = any(each is not None and each.firewall is not None for each in parts.templates)
    if parts.workspaces is None or not confined:
        return
    release = parts.workspaces.boundary_version
    if problem := key_problem(JAIL_KEY, release):
        right = f"no agent would start: the key {JAIL_KEY} of its file {problem}"
        yield Problem("workspaces.boundaryVersion", as_shown(release), right)
    if release == LATEST and parts.workspaces.boundary is not None:
        right = "name the release that workspaces.boundary is, such as v0.9.0: it is judged by that"
        yield Problem("workspaces.boundaryVersion", as_shown(release), right)


def _claude_policy(parts: Parts) -> Iterator[Problem]:
    shared = parts.workspaces
    if shared and (problem := tasks_problem(shared.claude_policy, tasks=shared.tasks)):
        yield Problem("workspaces.claudePolicy.bypass", as_shown(False), problem)


def _switched(parts: Parts) -> Iterator[Problem]:
    yield from target_problems(parts.firewall, parts.templates)


def _hosts(parts: Parts) -> Iterator[Problem]:
    """Yield the deployment's own hosts that no rule of Boundary can name."""
    hosts = [("coder.accessUrl", parts.coder.access_url)] if parts.coder else []
    hosts += [
        (f"externalAuth.providers[{index}].host", provider.host)
        for index, provider in enumerate(parts.providers)
        if provider is not None
    ]
    for key, value in hosts:
        try:
            host_of(value)
        except PolicyError:
            yield Problem(
                key,
                as_shown(value),
                "must name a host by letters, digits, . and -, as rules do; no IPv6 address",
            )


_CHECKS: Final[tuple[Callable[[Parts], Iterable[Problem]], ...]] = (
    _unique,
    _templates,
    _agent_variables,
    _servers,
    _secrets,
    _grafana,
    _choices,
    _windows,
    _wiring,
    _boundary,
    _claude_policy,
    _switched,
    _hosts,
)


def policies(settings: Settings, proven: bool) -> list[Problem]:
    """Build every policy the stack has, firewall on or off; if `proven`, hold its contract."""
    places = [("policy", settings.policy)]
    places += [
        (f"templates[{index}].policy", template.policy)
        for index, template in enumerate(settings.templates)
        if template.policy is not None
    ]
    problems = []
    for key, wanted in places:
        try:
            policy = settings.build_policy(wanted)
        except PolicyError as error:
            problems += [Problem(key, "", str(problem)) for problem in error.problems]
            continue
        release = settings.workspaces.boundary_version
        # What starts nothing decides nothing: that is told by itself.
        if not proven or key_problem(JAIL_KEY, release):
            continue
        report = exfiltration_report(policy, settings.own, release)
        excess = report.excess(wanted.highest_grade)
        # A reason for the grade says what a dozen of the catalogue's broken demands would.
        contract = wanted.contract if excess else settings.contract_of(wanted)
        breaches = broken(contract, policy, release)
        problems += [Problem(key, "", breach) for breach in breaches]
        if excess:
            problems.append(Problem(f"{key}.highestGrade", f'"{wanted.highest_grade}"', excess))
    return problems
