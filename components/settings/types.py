"""The types of single settings: each is checked as the component that takes it checks it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)

from components import coder_agents, releases, syntax
from components.agent_env import AgentEnv
from components.alerts import names as alerts
from components.boundary import NAMES, Rule, RuleError
from components.checked import CheckedBy
from components.dashboards.log_fields import StreamLabel
from components.dashboards.uids import UIDS as DASHBOARDS
from components.errors import ArgsError
from components.labels import label_problem
from components.observability.database import is_database_host
from components.observability.loki import is_selectable, tenant_problem
from components.settings.section import strictly

T = TypeVar("T")

_MOST_HOURS: Final = 2_500_000


def _is(check: Callable[[str], bool], right: str) -> CheckedBy:
    def validate(value: str) -> str:
        if not check(value):
            raise ValueError(right)
        return value

    return CheckedBy(validate)


def _one_of(names: Sequence[str], what: str) -> CheckedBy:
    return _is(names.__contains__, f"unknown {what}; there are {', '.join(names)}")


def _url(value: str) -> str:
    if problem := syntax.origin_problem(value):
        raise ValueError(problem)
    return value.rstrip("/")


def _endpoint(value: str) -> str:
    if problem := syntax.endpoint_problem(value):
        raise ValueError(problem)
    return value


def _tenant(value: str) -> str:
    if problem := tenant_problem(value, ""):
        raise ValueError(problem)
    return value


def _rule(value: str) -> str:
    try:
        Rule.parse(value)
    except RuleError as error:
        raise ValueError(str(error)) from None
    return value


def _kubernetes_labels(value: dict[str, str]) -> dict[str, str]:
    if problem := label_problem(value):
        raise ValueError(problem)
    return value


def _agent_variables(value: dict[str, str]) -> dict[str, str]:
    try:
        AgentEnv(variables=value)
    except ArgsError as error:
        raise ValueError("; ".join(error.problems)) from None
    return value


def _hours(value: float) -> float:
    if 0 < value < 1 / 60:
        raise ValueError("must be 0, which is never, or a minute at least: 0.0167")
    return value


def _agents_allowed(
    value: Any, validate: ValidatorFunctionWrapHandler
) -> coder_agents.AgentsAllowed:
    try:
        if value != coder_agents.ISOLATED:
            return strictly(value)
        found: coder_agents.AgentsAllowed = validate(value)
    except (ValidationError, ValueError):
        # Of a union every option says what is wrong.
        raise ValueError(f"must be true, false or {coder_agents.ISOLATED}") from None
    return found


def no_duplicates(values: list[T]) -> list[T]:
    """Refuse a list that names something twice."""
    seen: list[T] = []
    for value in values:
        if value in seen:
            raise ValueError(f"{value!r} stands there twice; name each once")
        seen.append(value)
    return values


NoDuplicates: Final = CheckedBy(no_duplicates)
Url = Annotated[str, CheckedBy(_url)]
Endpoint = Annotated[str, CheckedBy(_endpoint)]
Tenant = Annotated[str, CheckedBy(_tenant)]
KubernetesName = Annotated[
    str, _is(syntax.is_label, "must be a Kubernetes name: up to 63 of a-z, 0-9 and - inside")
]
TemplateName = Annotated[
    str,
    _is(
        syntax.is_coder_name,
        "must be letters and digits in groups joined by single hyphens, up to 32, and not new or "
        "create",
    ),
]
ExternalAuthId = Annotated[
    str,
    _is(
        syntax.is_external_auth_id,
        "must be a-z and 0-9 in groups joined by single hyphens, up to 32",
    ),
]
Slug = Annotated[
    str,
    _is(syntax.is_slug, "must be a-z and 0-9 in groups joined by single hyphens, up to 63"),
]
DisplayName = Annotated[
    str,
    _is(
        syntax.is_display_name,
        f"must be up to {syntax.DISPLAY_NAME_LENGTH} bytes of one line, without white space "
        "around them",
    ),
]
Host = Annotated[
    str,
    _is(
        syntax.is_host,
        "must be a host name such as gitlab.example.com, without scheme or path, with a port up to "
        f"{syntax.LAST_PORT} if any",
    ),
]
DatabaseHost = Annotated[
    str,
    _is(
        is_database_host,
        f"must be host:port such as coder-db-rw.coder.svc:5432, port up to {syntax.LAST_PORT}",
    ),
]
Image = Annotated[
    str,
    _is(syntax.is_image, "must be a container image such as registry.example.com/base:tag"),
]
Release = Annotated[str, _is(releases.is_release, "must be a release such as 1.3.1")]
ClaudeCodeRelease = Annotated[
    str,
    _is(releases.is_claude_code_module, f"must be {releases.CLAUDE_CODE_MODULES}"),
]
CoderProviderRelease = Annotated[
    str, _is(releases.is_coder_provider, "must be 2.13.0 or newer: it brought what Tasks need")
]
KubernetesProviderRelease = Annotated[
    str, _is(releases.is_kubernetes_provider, "must be 2.23.0 or newer")
]
BoundaryRelease = Annotated[
    str, _is(releases.is_boundary, "must be a release such as v0.9.0, or latest")
]
RuleText = Annotated[str, CheckedBy(_rule)]
GroupName = Annotated[str, _one_of(NAMES, "group")]
DashboardUid = Annotated[
    str,
    _one_of(DASHBOARDS, "dashboard"),
    # For editors; the validator's message names what there is.
    WithJsonSchema({"type": "string", "enum": list(DASHBOARDS)}),
]
AlertName = Annotated[str, _one_of(alerts.NAMES, "alert")]
AlertLabel = Annotated[str, _is(alerts.is_label, alerts.LABEL)]
GrafanaFolder = Annotated[str, _is(syntax.is_folder, syntax.FOLDER)]
GrafanaPrefix = Annotated[str, _is(syntax.is_prefix, syntax.PREFIX)]
GrafanaUid = Annotated[
    str,
    _is(
        syntax.is_grafana_uid,
        "must be a uid of Grafana: up to 40 of letters, digits, _ and -, and none of its own",
    ),
]
Database = Annotated[
    str, _is(syntax.is_database, "must be the name of a database: printable, up to 63 bytes")
]
LokiLabel = Annotated[
    str,
    _is(
        set(StreamLabel).__contains__,
        f"unknown stream label; there are {', '.join(StreamLabel)}",
    ),
]
LokiValue = Annotated[
    str, _is(is_selectable, "must hold no backtick, no $ and no line end, nor nothing")
]
KubernetesLabels = Annotated[dict[str, str], CheckedBy(_kubernetes_labels)]
AgentsAllowed = Annotated[coder_agents.AgentsAllowed, WrapValidator(_agents_allowed)]
AgentVariables = Annotated[dict[str, str], CheckedBy(_agent_variables)]
Hours = Annotated[float, Field(ge=0, le=_MOST_HOURS, allow_inf_nan=False), CheckedBy(_hours)]
GroupOfPeople = Annotated[str, Field(min_length=1)]
