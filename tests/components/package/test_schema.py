"""The package's schema, inferred by Pulumi's own analyzer, and what it is inferred from."""

import dataclasses
import json
import re
import tomllib
import typing
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from pulumi.provider.experimental.analyzer import Analyzer
from pydantic import BaseModel

import components
from components import package
from components.ai_gateway import AiGatewayPricesArgs, AiGatewayProviderArgs
from components.alerts.component import AlertsArgs
from components.coderd_env import CoderdEnvironmentArgs
from components.dashboards.component import DashboardsArgs
from components.external_auth import GitLabExternalAuthArgs
from components.mcp_server import McpServerArgs
from components.package.ai_gateway import AiGatewayPricesInputs, AiGatewayProviderInputs
from components.package.coder import CoderdEnvironmentInputs, GitLabExternalAuthInputs
from components.package.inputs import SDK_NAMES
from components.package.mcp_server import McpServerInputs
from components.package.observability import AlertsInputs, DashboardsInputs
from components.package.serve import PackageProvider
from components.package.workspace_template import WorkspaceTemplateInputs
from components.workspace_template.args import WorkspaceTemplateArgs
from ops.project import ROOT

PAIRS = {
    AiGatewayPricesInputs: AiGatewayPricesArgs,
    AiGatewayProviderInputs: AiGatewayProviderArgs,
    AlertsInputs: AlertsArgs,
    CoderdEnvironmentInputs: CoderdEnvironmentArgs,
    DashboardsInputs: DashboardsArgs,
    GitLabExternalAuthInputs: GitLabExternalAuthArgs,
    McpServerInputs: McpServerArgs,
    WorkspaceTemplateInputs: WorkspaceTemplateArgs,
}
# What a program is not asked for: its stack and project are known, its dashboards said beside, and
# alerts neither show names nor read what a later release brought.
NOT_ASKED = {
    "stack",
    "project_root",
    "config",
    "policy",
    "contract",
    "suspended_policy",
    "switched_off",
    "queries.dashboards",
    "queries.firewall_records",
    "queries.gateway_tables",
    "queries.names",
}
# What is asked for in place of Boundary's file and its rules, and a short form of a header.
ASKED_INSTEAD = {
    "coder_url",
    "gitlab_hosts",
    "groups",
    "rules",
    "accept_everything",
    "log_level",
    "proxy_port",
    "use_real_dns",
    "session_correlation",
    "authorization",
}
REQUIREMENTS = ROOT / "components" / "requirements.txt"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PackageProvider(package.COMPONENTS, package.NAME).schema)
    return found


def fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Return the type of each field of Args or inputs, and whether it has to be given."""
    hints = typing.get_type_hints(kind, localns=SDK_NAMES)
    if typing.is_typeddict(kind):
        return {name: (hint, name in kind.__required_keys__) for name, hint in hints.items()}
    if issubclass(kind, BaseModel):
        return {n: (hints[n], field.is_required()) for n, field in kind.model_fields.items()}
    missing = dataclasses.MISSING
    return {
        each.name: (hints[each.name], each.default is missing and each.default_factory is missing)
        for each in dataclasses.fields(kind)
    }


def inner(hint: Any) -> Any:
    """Return the Args or inputs within a type, None if there are none."""
    if isinstance(hint, type) and (
        typing.is_typeddict(hint)
        or dataclasses.is_dataclass(hint)
        or (issubclass(hint, BaseModel) and typing.get_origin(hint) is None)
    ):
        return hint
    return next(filter(None, map(inner, typing.get_args(hint))), None)


def different(inputs: Any, args: Any, at: str = "") -> list[str]:
    """Return where inputs and Args are not of the same fields, or differ in what is required."""
    asked, taken = fields(inputs), fields(args)
    found = [
        f"{at}{name}"
        for name in asked.keys() ^ taken.keys()
        if name not in NOT_ASKED | ASKED_INSTEAD and f"{at}{name}" not in NOT_ASKED
    ]
    for name in asked.keys() & taken.keys():
        (ask, must), (take, needs) = asked[name], taken[name]
        if must != needs and name != "firewall":
            found.append(f"{at}{name}: required {must}, {needs}")
        if (deeper := inner(ask)) and deeper is not inner(take):
            found += different(deeper, inner(take), f"{at}{name}.")
    return found


def test_pulumis_analyzer_infers_the_schema_of_every_component(schema: dict[str, Any]) -> None:
    found = Analyzer(package.NAME).analyze(package.COMPONENTS)
    assert {
        "WorkspaceTemplate",
        "GitLabExternalAuth",
        "CoderdEnvironment",
        "Dashboards",
        "Alerts",
        "McpServer",
    } <= found["component_definitions"].keys()
    assert [name.rpartition(":")[2] for name in schema["resources"]] == list(
        found["component_definitions"]
    )
    for token in schema["resources"]:
        assert re.fullmatch(r"firewalledcoder:index:[A-Za-z]+", token)


def test_every_argument_says_what_it_is(schema: dict[str, Any]) -> None:
    silent = [
        f"{token}.{name}"
        for token, kind in schema["resources"].items()
        for name, each in kind["inputProperties"].items()
        if not each.get("description")
    ]
    silent += [
        f"{token}.{name}"
        for token, kind in schema["types"].items()
        for name, each in kind["properties"].items()
        if not each.get("description")
    ]
    assert silent == []


def test_a_secret_is_taken_as_an_output(schema: dict[str, Any]) -> None:
    server = schema["resources"]["firewalledcoder:index:McpServer"]["inputProperties"]
    assert "plain" not in server["authorization"]
    assert "plain" not in server["headers"]["additionalProperties"]
    gitlab = schema["types"]["firewalledcoder:index:GitLabInstance"]["properties"]
    assert "plain" not in gitlab["clientSecret"]


@pytest.mark.parametrize("inputs", PAIRS, ids=lambda kind: kind.__name__)
def test_the_inputs_are_the_args(inputs: Any) -> None:
    assert different(inputs, PAIRS[inputs]) == []


def test_every_component_has_a_pair() -> None:
    assert len(PAIRS) == len(package.COMPONENTS)


def test_the_public_face_has_what_it_names() -> None:
    assert sorted(components.__all__) == sorted([*components._MODULES, "VERSION"])
    for name in components.__all__:
        assert getattr(components, name).__class__ is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        components.Nothing  # noqa: B018


def requirements(path: Path) -> dict[str, str]:
    lines = (line for line in path.read_text().splitlines() if "==" in line)
    return {line.split("==")[0]: line for line in lines}


def test_the_package_is_run_with_what_the_project_is_tested_with() -> None:
    ours, theirs = requirements(ROOT / "requirements.txt"), requirements(REQUIREMENTS)
    assert {name: ours.get(name) for name in theirs} == theirs
    about = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = {each.name: each for each in map(Requirement, about["project"]["dependencies"])}
    assert asked.keys() == theirs.keys()
    for name, line in theirs.items():
        assert asked[name].specifier.contains(line.split("==")[1]), name
