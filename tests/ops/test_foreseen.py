import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from components.coder.lookup import Known
from components.coder.variables import AUDIT
from components.grafana_role import ADMIN_URL, role_sql
from components.network.namespace_args import PodSecurity, WorkspaceNamespaceArgs
from components.observability.grafana_defaults import ROLE_IMAGE
from ops import foreseen, stack_file, stacks
from ops.assessment import StackPreview
from ops.gateway_places import KEEPS_KEY
from ops.program_changes import JOB_KIND
from ops.project import ROOT
from ops.state import StackState
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
    WORKSPACE_TEMPLATE,
)
from program import plan
from tests.ops.states import state_of

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
ORGANIZATION = "0f4d2ba7-5d3c-4a3c-9f0e-6a4f4c1f7d11"


def resource(kind: str, name: str, parent: str = "", **rest: Any) -> dict[str, Any]:
    path = f"{parent}${kind}" if parent else kind
    return {"urn": f"urn:pulumi:local::p::{path}::{name}", "type": kind, **rest}


def job(image: str) -> dict[str, Any]:
    owner = {"secretKeyRef": {"name": "owner", "key": "url"}}
    env = [{"name": ADMIN_URL, "valueFrom": owner}]
    pod = {"containers": [{"name": "psql", "image": image, "env": env}]}
    return {"metadata": {"namespace": "monitoring"}, "spec": {"template": {"spec": pod}}}


@pytest.fixture
def values(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings of the stack `local`, which a test may change."""
    found = stack_file.values((ROOT / "stacks" / "Pulumi.local.yaml").read_bytes())
    found["workspaceNamespace"] = {"podSecurity": {"version": "v1.34"}}
    monkeypatch.setattr(stack_file, "checked", lambda *_: (found, []))
    return found


@pytest.fixture
def held(values: dict[str, Any]) -> StackState:
    """What the stack has by the committed settings, as far as warnings are made of it."""
    settings = stacks.settings("local")
    args = plan.alerts(settings, Known(organization_id=ORGANIZATION))
    namespace = WorkspaceNamespaceArgs("coder-workspaces", PodSecurity(version="v1.34"))
    (server,) = (plan.mcp_server(settings, each, None) for each in settings.mcp_servers)
    found = [
        resource(CODERD_ENV, "coderd", outputs={"variables": dict(AUDIT)}),
        resource(SECRET_KIND, "coderd-variables", CODERD_ENV, inputs={}),
        resource(DEPLOYMENT_PATCH, "coderd-deployment", CODERD_ENV, inputs={}),
        resource(ALERTS, "alerts", outputs={"names": {}}),
        resource(CONFIG_MAP, "grafana", ALERTS, inputs={"data": {"a": args.grafana_file()}}),
        resource(
            NAMESPACE_PATCH,
            "labels",
            inputs={"metadata": {"name": "coder-workspaces", "labels": namespace.labels}},
        ),
        *(
            resource(CONFIG_MAP, uid, DATA_SOURCES, inputs={"data": {f"{uid}.yaml": text}})
            for uid, text in plan.data_sources(settings).provisioning().items()
        ),
        resource(
            CONFIG_MAP, "grafana-role-sql", GRAFANA_ROLE, inputs={"data": {"a.sql": role_sql()}}
        ),
        resource(JOB_KIND, "grafana-role", GRAFANA_ROLE, inputs=job(ROLE_IMAGE)),
        resource(
            MCP_SERVER,
            "github-server",
            inputs={
                "slug": server.slug,
                "url": server.url,
                "authType": "api_key",
                "apiKeyHeader": "Authorization",
                "toolAllowLists": sorted(server.tool_allow_list),
                "availability": server.availability,
                "enabled": True,
            },
        ),
    ]
    for each in settings.templates:
        contract = settings.demands_of(each)
        variables = [
            {"name": name, "value": str(value).lower()}
            for name, value in (
                ("git_credentials", each.git_credentials),
                ("no_user_namespace", False),
            )
        ]
        found += [
            resource(
                WORKSPACE_TEMPLATE,
                each.name,
                outputs={
                    "policy": json.dumps(policy.to_json())
                    if (policy := settings.policy_of(each))
                    else "",
                    "contract": json.dumps(contract) if contract else "",
                },
            ),
            resource(
                TEMPLATE,
                f"{each.name}-template",
                WORKSPACE_TEMPLATE,
                inputs={
                    "name": each.name,
                    "organizationId": ORGANIZATION,
                    "versions": [{"tfVars": variables}],
                },
            ),
        ]
    return state_of(*found)


def warnings(held: StackState) -> tuple[str, ...]:
    settings = stacks.settings("local")
    foreseen._preview("local", settings, held, ROOT)  # refuses nothing
    return foreseen.warnings("local", settings, held)


def test_settings_that_are_deployed_warn_of_nothing(held: StackState) -> None:
    assert warnings(held) == ()


def test_alerts_that_are_deployed_do_not_change(held: StackState) -> None:
    assert foreseen._preview("local", stacks.settings("local"), held, ROOT).alerts == ()


def test_a_stack_that_is_not_there_yet_warns_of_nothing(values: dict[str, Any]) -> None:
    assert foreseen.warnings("local", stacks.settings("local"), state_of()) == ()


def _seccomp(values: dict[str, Any]) -> None:
    values["templates"][0]["firewall"] = {"jail": "nsjail", "seccompUnconfined": True}


def _ports(values: dict[str, Any]) -> None:
    values["templates"][0]["maxPortShareLevel"] = "public"


def _tools(values: dict[str, Any]) -> None:
    values["mcpServers"][0]["tools"] = []


def _contract(values: dict[str, Any]) -> None:
    values["policy"]["mustDeny"] = values["policy"]["mustDeny"][:1]


def _alerts(values: dict[str, Any]) -> None:
    values["alerts"] = {"rules": ["AIGatewayReloadFailed"]}


def _audit(values: dict[str, Any]) -> None:
    values["coder"]["auditLogging"] = False


def _by_others(values: dict[str, Any]) -> None:
    values["coder"]["variables"] = "none"


def _by_the_chart(values: dict[str, Any]) -> None:
    values["coder"]["variables"] = "secret"


def _provider(values: dict[str, Any]) -> None:
    new = {"name": "claude", "type": "anthropic", "baseUrl": "https://api.anthropic.com"}
    values["aiGateway"] = {"providers": [new]}


def _standards(values: dict[str, Any]) -> None:
    values["workspaceNamespace"]["podSecurity"]["version"] = "v1.0"


def _job(values: dict[str, Any]) -> None:
    role = {"delivery": "job", "adminUrlSecret": "owner", "image": "evil.example/postgres:17.1"}
    values["grafana"] = {**values.get("grafana", {}), "databaseRole": role}


def _owner(values: dict[str, Any]) -> None:
    role = {"delivery": "job", "adminUrlSecret": "others"}
    values["grafana"] = {**values.get("grafana", {}), "databaseRole": role}


def _loki(values: dict[str, Any]) -> None:
    values["grafana"] = {"lokiUrl": "http://else:3100"}


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (_seccomp, "pods run without seccomp"),
        (_ports, "ports are shared more widely"),
        (_tools, "agents get more MCP tools"),
        (_contract, "the policy's contract is weakened"),
        (_alerts, "alerts are no longer watched"),
        (_audit, "coderd no longer writes the log and metrics"),
        (_by_others, "coderd keeps the log and metrics that dashboards and alerts read only if"),
        (_by_the_chart, "coderd keeps the log and metrics"),
        (_standards, "the namespace of workspaces is held to an older Pod Security"),
        (_loki, "the audit is looked for elsewhere"),
        (_job, "a Job with the credentials of the database's owner runs an image from another"),
        (_owner, "a Job takes the credentials of the database's owner from another Secret"),
        (_provider, "prompts may go to one more AI provider"),
    ],
)
def test_what_a_review_would_warn_of_is_foreseen_without_the_engine(
    values: dict[str, Any],
    held: StackState,
    edit: Callable[[dict[str, Any]], None],
    said: str,
) -> None:
    edit(values)
    assert said in warnings(held)[0]


def test_a_job_that_comes_and_one_that_stays_are_foreseen_as_a_review_tells_them(
    values: dict[str, Any], held: StackState
) -> None:
    values["grafana"] = {"databaseRole": {"delivery": "job", "adminUrlSecret": "owner"}}
    assert warnings(held) == ()
    for urn in [each["urn"] for each in held.of_type(JOB_KIND)]:
        del held.resources[urn]
    assert warnings(held) == ("a Job gets the credentials of the database's owner",)


def test_an_alert_that_coders_release_has_not_is_not_foreseen(held: StackState) -> None:
    settings = stacks.settings("local")
    args = replace(plan.alerts(settings, Known(organization_id=ORGANIZATION)), audit_counters=False)
    (rules,) = (each for each in held.of_type(CONFIG_MAP) if ALERTS in each["urn"])
    rules["inputs"] = {"data": {"a": args.grafana_file()}}
    assert foreseen._preview("local", settings, held, ROOT).alerts == ()


def test_a_key_that_coder_keeps_is_foreseen_and_what_a_refresh_wrote_is_not(
    values: dict[str, Any], held: StackState
) -> None:
    address = "https://bedrock-runtime.us-east-1.amazonaws.com"
    aws = {"name": "aws", "type": "bedrock", "baseUrl": address, "bedrock": {}}
    values["aiGateway"] = {"providers": [{**aws, "credential": "aws_keys"}]}
    keys = {"accessKey": "AKIA", "accessKeySecret": "secret"}
    values.setdefault("secrets", {})["aiProviders"] = {"aws": keys}
    read_back = {"region": "us-east-1", "model": "claude", "credentialsWoVersion": 12}
    named = {"name": "aws", "baseUrl": address, "settings": {"bedrock": read_back}}
    there = resource(AI_PROVIDER, "aws-provider", inputs=named, outputs=named)
    both = state_of(*held.resources.values(), there)
    assert warnings(both) == ()
    values["aiGateway"]["providers"] = [aws]
    assert warnings(both) == (KEEPS_KEY,)


def test_everything_that_a_review_compares_is_foreseen(
    held: StackState, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def taken(name: str, **kwargs: Any) -> StackPreview:
        given.update(kwargs)
        return StackPreview(name)

    monkeypatch.setattr(foreseen, "StackPreview", taken)
    foreseen.warnings("local", stacks.settings("local"), held)
    sides = {each.name for each in fields(StackPreview) if each.name[:4] in ("old_", "new_")}
    assert sides <= given.keys()
    registered = given["new_templates"]["firewalled"]
    assert registered.pins
    assert registered.contract
    assert registered.source
    assert registered.boundary
    assert registered.sizes


def test_a_wider_reach_into_the_database_is_foreseen(held: StackState) -> None:
    (script,) = (each for each in held.of_type(CONFIG_MAP) if GRAFANA_ROLE in each["urn"])
    (name,) = script["inputs"]["data"]
    less = script["inputs"]["data"][name].replace("(id, username)", "(id)")
    script["inputs"]["data"] = {name: less}
    assert warnings(held) == ("Grafana reads more of Coder's database",)


def test_a_template_that_comes_warns_of_its_walls(held: StackState, values: dict[str, Any]) -> None:
    values["templates"].append({"name": "wide", "maxPortShareLevel": "public"})
    assert "ports are shared more widely" in foreseen.warnings(
        "local", stacks.settings("local"), held
    )


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({}, ()),
        ({"toolAllowLists": ["get_me"], "toolDenyLists": []}, ("agents get more MCP tools",)),
    ],
)
def test_tools_that_somebody_took_away_in_coder_are_foreseen_to_come_back(
    held: StackState, record: dict[str, Any], said: tuple[str, ...]
) -> None:
    (server,) = held.of_type(MCP_SERVER)
    server["outputs"] = server["inputs"] | record
    assert warnings(held) == said


def test_a_login_that_is_made_anew_leaves_nothing_in_coder(
    held: StackState, values: dict[str, Any]
) -> None:
    login = {f"{part}Url": f"https://l.example/{part}" for part in ("auth", "token")}
    given = values["mcpServers"][0]
    given |= {"authType": "oauth2", "oauth2": {"clientId": "x", **login}}
    (server,) = held.of_type(MCP_SERVER)
    server["inputs"] |= {
        "authType": "oauth2",
        "oauth2ClientId": "x",
        **{f"oauth2{key[0].upper()}{key[1:]}": url for key, url in login.items()},
        "oauth2RevocationUrl": "https://l.example/revoke",
    }
    del server["inputs"]["apiKeyHeader"]
    assert warnings(held) == ("Coder keeps what the settings lack of an MCP server's login",)
    server["replacementTrigger"] = ["client", "revocation"]
    assert warnings(held) == ()
