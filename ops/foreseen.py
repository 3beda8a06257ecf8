"""What a review would warn of, from the settings and the state alone: no engine runs for it.

The record of an update is written before the engine starts. With a plan it has the warnings of the
plan's preview; without one there was no preview, and these stand in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from pydantic.alias_generators import to_camel

from components.ai_gateway import AiGatewayProviderArgs
from components.coder.lookup import Known
from components.coder.variables import AUDIT
from components.errors import OperatorError
from components.grafana_role import ADMIN_URL, RoleJob, role_sql
from components.mcp_server import McpServerArgs, auth_type_of, login_parts
from components.releases import CLAUDE_CODE_PIN
from components.settings.model import Settings
from components.workspace_template.args import WorkspaceTemplateArgs
from components.workspace_template.render import RenderedTemplate, render
from ops import deployed, project, stacks
from ops.assessment import StackPreview
from ops.changes import UNKNOWN, Step, without_secrets
from ops.deployed import Deployed, type_of
from ops.namespace_changes import Places
from ops.program_changes import JOB_KIND
from ops.stack_reach import of_settings
from ops.state import Resource, StackState
from ops.template_changes import Registered
from ops.tokens import (
    AI_PROVIDER,
    ALERTS,
    CODERD_ENV,
    DATA_SOURCES,
    DEPLOYMENT_PATCH,
    GRAFANA_ROLE,
    MCP_SERVER,
    NAMESPACE_PATCH,
    SECRET_KIND,
    TEMPLATE,
)
from program import ai_gateway, plan


class _Groups(dict[str, str]):
    """Ids of groups, which no warning shows."""

    def __missing__(self, name: str) -> str:
        return name


# Of these Coder may have what the inputs do not say.
_LIVE: Final = frozenset({AI_PROVIDER, MCP_SERVER})
_UNREPORTED: Final = "BoundaryAuditUnreported"
_CONFIG_MAP: Final = "kubernetes:core/v1:ConfigMap"
# What Coder alone knows is taken for what the state says of it.
_KNOWN = Known(organization_id="its own", groups=_Groups(), access_lists=True)


def warnings(
    stack: str, settings: Settings, held: StackState, root: Path = project.ROOT
) -> tuple[str, ...]:
    """Return what must not be overlooked of an update of `stack`, as a review's headline says it.

    Args:
        stack: its name.
        settings: what it is to be.
        held: its state; one that has no template yet has nothing to be compared with.
        root: of the project.
    """
    if not any(held.of_type(TEMPLATE)):
        return ()
    try:
        return _preview(stack, settings, held, root).warnings
    except OperatorError:
        # The program refuses the same, and names it.
        return ()


def _preview(stack: str, settings: Settings, held: StackState, root: Path) -> StackPreview:
    before, after = deployed.of_state(held), of_settings(settings)
    templates: dict[str, Registered] = {}
    variables: dict[str, Mapping[str, str]] = {}
    steps: list[Step] = []
    there = {each["inputs"].get("name"): each for each in held.of_type(TEMPLATE)}
    for each in settings.templates:
        args = plan.workspace_template(stack, settings, each, _KNOWN, root)
        rendered = render(args)
        templates[each.name] = _registered(args, rendered, before.templates.get(each.name))
        variables[each.name] = args.agent_env.entries()
        if each.name in there:
            steps.append(_step(there[each.name], _template(args, rendered)))
        else:
            made = {"name": each.name, **_template(args, rendered)}
            steps.append(Step("create", f"urn::{TEMPLATE}::{each.name}", TEMPLATE, {}, made))
    steps += [
        *_servers(settings, held),
        *_named(
            held,
            AI_PROVIDER,
            "name",
            {name: _provider(x) for name, x in ai_gateway.providers(settings).items()},
        ),
        *_alerts(settings, held),
        *_sources(settings, held),
        *_role(settings, held),
        *_namespace(settings, held),
    ]
    coderd, restarts = _coderd(settings, before, held)
    network = plan.network_policy(settings)
    return StackPreview(
        stack,
        old=before.policies,
        new=after.policies,
        # What stays is not read at all, as the alerts' YAML, which takes longest.
        steps=(
            *(
                step
                for step in steps
                if step.changes or step.type == MCP_SERVER or step.op != "update"
            ),
            *restarts,
        ),
        policies=(
            *(Step("delete", urn, type_of(urn), each, {}) for urn, each in before.network.items()),
            *(Step("create", "", "", {}, each) for each in after.network or ()),
        ),
        places=Places(before.namespaces, after.namespaces),
        old_variables=before.agent_env,
        new_variables=variables,
        old_templates=before.templates,
        new_templates=templates,
        old_coderd=before.coderd,
        new_coderd=coderd,
        old_thresholds=before.thresholds,
        new_thresholds={
            to_camel(key): value for key, value in asdict(plan.alerts(settings).thresholds).items()
        },
        old_logs=before.logs,
        new_logs=plan.alerts(settings).queries.coder_logs,
        old_guards=before.guards,
        new_guards=settings.guards(),
        old_suspended=before.suspended,
        new_suspended=stacks.suspended_of(settings),
        old_accepted=before.accepted,
        new_accepted=network.accepted if network else None,
        own=settings.own,
    )


def _step(held: Resource, new: Mapping[str, Any], op: str = "update") -> Step:
    """Return a step on what is held; inputs that are not foreseen stay."""
    old = without_secrets(held.get("inputs") or {})
    both = {**old, **without_secrets(new)}
    # The engine has no input that is none.
    new = {k: v for k, v in both.items() if v is not None}
    live = without_secrets(held.get("outputs") or {}) if held["type"] in _LIVE else {}
    return Step(op, held["urn"], held["type"], old, new, live=live)


def _registered(
    args: WorkspaceTemplateArgs, rendered: RenderedTemplate, old: Registered | None
) -> Registered:
    access = {each.name or each.group_id: each.role for each in args.access or ()}
    pins = dict(rendered.pins)
    if old is not None and CLAUDE_CODE_PIN in old.pins:
        pins[CLAUDE_CODE_PIN] = old.pins[CLAUDE_CODE_PIN]
    return Registered(
        None if old is not None and old.access is None else access,
        pins,
        args.lets_agents_in,
        tuple(args.claude_policy.statements()) if args.claude_policy else (),
        args.tasks,
        args.contract,
        dict(rendered.source),
        dict(rendered.boundary),
        args.switched_off,
        args.sizes.options(),
    )


def _template(args: WorkspaceTemplateArgs, rendered: RenderedTemplate) -> dict[str, Any]:
    tags = [{"name": key, "value": value} for key, value in sorted(args.provisioner_tags.items())]
    variables = [{"name": key, "value": value} for key, value in rendered.variables.items()]
    return {
        "maxPortShareLevel": args.max_port_share_level,
        "requireActiveVersion": args.require_active_version,
        "deprecationMessage": args.deprecation_message,
        "versions": [{"tfVars": variables, "provisionerTags": tags or None}],
    }


def _named(
    held: StackState, kind: str, key: str, wanted: Mapping[str, Mapping[str, Any]]
) -> Iterator[Step]:
    """Yield a step on each resource of a kind that is there or comes, by what names it."""
    there = {each["inputs"].get(key): each for each in held.of_type(kind)}
    for name, new in wanted.items():
        if name in there:
            yield _step(there[name], new)
        else:
            yield Step("create", f"urn::{kind}::{name}", kind, {}, dict(new))


def _servers(settings: Settings, held: StackState) -> Iterator[Step]:
    wanted = {each.slug: plan.mcp_server(settings, each, None) for each in settings.mcp_servers}
    parts = {each["urn"]: each.get("replacementTrigger") for each in held.of_type(MCP_SERVER)}
    named = {slug: _server(args) for slug, args in wanted.items()}
    for step in _named(held, MCP_SERVER, "slug", named):
        was, new = parts.get(step.urn), login_parts(wanted[step.new["slug"]])
        yield replace(step, op="replace") if was and new and was != new else step


def _server(args: McpServerArgs) -> dict[str, Any]:
    client = args.oauth2
    return {
        "slug": args.slug,
        "url": args.url,
        "authType": (
            auth_type_of(len(args.headers)) if args.auth_type == "headers" else args.auth_type
        ),
        "apiKeyHeader": next(iter(args.headers)) if len(args.headers) == 1 else None,
        "oauth2ClientId": client and client.client_id,
        # Which secret it is makes no warning, only whether there is one.
        "oauth2ClientSecretWoVersion": UNKNOWN if client and client.client_secret else None,
        "oauth2AuthUrl": client and client.auth_url,
        "oauth2TokenUrl": client and client.token_url,
        "oauth2RevocationUrl": client and client.revocation_url,
        "oauth2Scopes": " ".join(client.scopes) or None if client else None,
        "toolAllowLists": sorted(args.tool_allow_list) or None,
        "toolDenyLists": sorted(args.tool_deny_list) or None,
        "availability": args.availability,
        "enabled": args.enabled,
    }


def _provider(args: AiGatewayProviderArgs) -> dict[str, Any]:
    bedrock = args.bedrock
    places = ("region", "model", "small_fast_model", "role_arn", "protocol")
    named = {to_camel(each): getattr(bedrock, each) for each in places} if bedrock else {}
    # Which key it is makes no warning, only whether there is one.
    if args.credential == "aws_keys":
        named["credentialsWoVersion"] = UNKNOWN
    return {
        "name": args.name,
        "type": args.type,
        "baseUrl": args.base_url,
        "enabled": args.enabled,
        "apiKeyWoVersion": UNKNOWN if args.credential == "api_key" else None,
        "settings": {"bedrock": {key: value for key, value in named.items() if value is not None}}
        if bedrock
        else None,
    }


def _alerts(settings: Settings, held: StackState) -> Iterator[Step]:
    organization = next(
        (each["inputs"].get("organizationId") for each in held.of_type(TEMPLATE)), ""
    )
    of_alerts = [
        each
        for each in list(held.resources.values())
        if f"${each['type']}::" in each["urn"] and ALERTS in each["urn"]
    ]
    # What Coder's release has, too, is as it was.
    args = replace(
        plan.alerts(settings, Known(organization_id=organization or "")),
        audit_counters=any(_UNREPORTED in str(each.get("inputs")) for each in of_alerts),
    )
    for each in of_alerts:
        if "data" in (each.get("inputs") or {}):
            yield _step(each, {"data": {f"{args.group}.yaml": args.grafana_file()}})
        elif (rules := args.prometheus_rules()) is not None:
            metadata = {"labels": dict(args.rule_labels)}
            yield _step(each, {"spec": rules, "metadata": metadata})
        else:
            yield _step(each, {}, "delete")


def _sources(settings: Settings, held: StackState) -> Iterator[Step]:
    files = {
        f"{uid}.yaml": text for uid, text in plan.data_sources(settings).provisioning().items()
    }
    there = {}
    for each in list(held.resources.values()):
        if DATA_SOURCES in each["urn"] and each["type"] == _CONFIG_MAP:
            (file,) = (each.get("inputs") or {}).get("data") or {"": ""}
            there[file] = each
    for file, each in there.items():
        stays = file in files
        yield _step(each, {"data": {file: files[file]}} if stays else {}, _op(stays))
    for file in files.keys() - there.keys():
        if there:
            urn = f"urn:::::{DATA_SOURCES}${_CONFIG_MAP}::{file}"
            yield Step("create", urn, _CONFIG_MAP, {}, {"data": {file: files[file]}})


def _role(settings: Settings, held: StackState) -> Iterator[Step]:
    args = plan.grafana_role(settings)
    of_role = [each for each in held.resources.values() if GRAFANA_ROLE in each["urn"]]
    for each in of_role:
        if each["type"] == _CONFIG_MAP:
            (file,) = (each.get("inputs") or {}).get("data") or {"": ""}
            yield _step(
                each, {"data": {file: role_sql(args.role)}} if args else {}, _op(bool(args))
            )
        elif (
            each["type"] == JOB_KIND
            and args
            and args.job
            and (spec := _run_by(args.job, each["inputs"]["spec"])) != each["inputs"]["spec"]
        ):
            yield _step(each, {**each["inputs"], "spec": spec}, "replace")
    there = {each["type"] for each in of_role}
    if args and args.job and _CONFIG_MAP in there and JOB_KIND not in there:
        empty = {"template": {"spec": {"containers": [{"env": [{"name": ADMIN_URL}]}]}}}
        new = {"metadata": {"namespace": args.namespace}, "spec": _run_by(args.job, empty)}
        yield Step("create", f"urn:::::{GRAFANA_ROLE}${JOB_KIND}::job", JOB_KIND, {}, new)


def _run_by(job: RoleJob, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Job's specification with the image and the owner's Secret of the settings."""
    found = deepcopy(dict(spec))
    for container in found["template"]["spec"]["containers"]:
        container["image"] = job.image
        for each in container.get("env") or ():
            if each["name"] == ADMIN_URL:
                secret = {"name": job.admin_url_secret, "key": job.admin_url_key}
                each["valueFrom"] = {"secretKeyRef": secret}
    return found


def _namespace(settings: Settings, held: StackState) -> Iterator[Step]:
    args = plan.workspace_namespace(settings)
    for each in held.of_type(NAMESPACE_PATCH):
        metadata = {"name": args.namespace, "labels": args.labels} if args else {}
        yield _step(each, {"metadata": metadata} if args else {}, _op(args is not None))


def _op(stays: bool) -> str:
    return "update" if stays else "delete"


def _coderd(
    settings: Settings, before: Deployed, held: StackState
) -> tuple[Mapping[str, Any] | None, list[Step]]:
    """Return what of coderd's variables is foreseen: whether those of the audit stay."""
    if before.coderd is None:
        return None, []
    secrets = [each for each in held.of_type(SECRET_KIND) if CODERD_ENV in each["urn"]]
    patches = [each for each in held.of_type(DEPLOYMENT_PATCH) if CODERD_ENV in each["urn"]]
    unpatched = [_step(each, {}, "delete") for each in patches]
    if settings.coder.variables not in {"patch", "secret"}:
        return None, [*unpatched, *(_step(each, {}, "delete") for each in secrets)]
    kept = {
        name: value
        for name, value in (before.coderd.get("variables") or {}).items()
        if settings.coder.audit_logging or name not in AUDIT
    }
    steps = [_step(each, {}) for each in secrets]
    patched = settings.coder.variables == "patch"
    return {**before.coderd, "variables": kept}, steps if patched else [*steps, *unpatched]
