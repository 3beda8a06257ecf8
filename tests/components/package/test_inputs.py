"""Args made of what a program in another language gives."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.alerts.component import AlertsArgs
from components.dashboards.component import DashboardsArgs
from components.dashboards.log_fields import StreamLabel
from components.errors import ArgsError
from components.mcp_server import McpServerArgs
from components.package.inputs import build
from components.workspace_template.args import AutoStop, Schedule, WorkspaceTemplateArgs
from components.workspace_template.values import SizeChoice, Sizes
from components.workspace_template.wiring import ModuleVersions

TEMPLATE = {"name": "a", "namespace": "b", "image": "registry.example.com/c:1"}


def template(**given: Any) -> WorkspaceTemplateArgs:
    return build(WorkspaceTemplateArgs, {**TEMPLATE, **given}, stack="dev", firewall=None)


def test_what_is_not_given_is_the_default_of_the_args() -> None:
    expected = WorkspaceTemplateArgs(stack="dev", firewall=None, **TEMPLATE)
    assert template() == expected
    assert build(DashboardsArgs, {}) == DashboardsArgs()
    assert build(AlertsArgs, {"thresholds": None}) == AlertsArgs()


def test_lists_maps_and_numbers_become_what_the_args_have() -> None:
    made = template(
        sizes={"cpu": {"options": [2.0, 4.0], "default": 2.0}},
        schedule={"default_ttl": 0.5, "auto_stop": {"days": ["monday"], "weeks": 2.0}},
        module_versions={"claude_code": "4.8.0"},
        project_root="/somewhere",
        claude_policy={"only_these_rules": True, "deny": ["Read"], "bypass": True},
    )
    assert made.sizes == Sizes(cpu=SizeChoice((2, 4), 2))
    assert made.schedule == Schedule(
        default_ttl=timedelta(minutes=30), auto_stop=AutoStop(("monday",), 2)
    )
    assert made.module_versions == ModuleVersions(claude_code="4.8.0")
    assert made.project_root == Path("/somewhere")
    assert made.claude_policy is not None
    assert made.claude_policy.only_these_rules
    alerts = build(AlertsArgs, {"queries": {"coder_stream": {"app": "coder"}}})
    assert alerts.queries.coder_stream == {StreamLabel("app"): "coder"}


@pulumi.runtime.test
def test_outputs_stay_outputs() -> None:
    key = pulumi.Output.secret("k")
    given = {
        "slug": "a",
        "display_name": "A",
        "url": "https://a.example.com",
        "headers": {"X": key},
    }
    made = build(McpServerArgs, given)
    assert made.headers["X"] is key


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        (AlertsArgs, {"evaluator": "nagios"}, "evaluator: 'nagios' is not one of prometheus"),
        (AlertsArgs, {"thresholds": {"deny_minutes": 1.5}}, "denyMinutes: 1.5 is no whole number"),
        (AlertsArgs, {"queries": {"coder_stream": {"x": "y"}}}, "'x' is not one of app"),
        (AlertsArgs, {"group": "x" * 40}, "is too long: Grafana's uids have 40 characters"),
        (DashboardsArgs, {"name_prefix": "A_"}, "no Kubernetes name begins with 'A_'"),
        (DashboardsArgs, {"dashboards": ["none"]}, "'none' is no dashboard"),
    ],
)
def test_what_is_wrong_is_told(kind: type, given: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgsError, match=told):
        build(kind, given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"claude_policy": {"deny": ["rm"]}}, "a rule is a tool"),
        ({"claude_policy": {"other": 1}}, "other: Extra inputs are not permitted"),
        ({"directory": "/tmp/x"}, "'/tmp/x' is absolute"),
        ({"directory": "../x"}, "leads out of the project"),
        ({"directory": "."}, "is the project itself"),
        ({"schedule": {"auto_stop": {"days": ["someday"]}}}, "'someday' is not one of monday"),
    ],
)
def test_what_is_wrong_with_a_template_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgsError, match=told):
        template(**given)


def test_a_template_goes_where_it_is_told() -> None:
    from components.workspace_template.render import render

    assert str(render(template(directory="out/x")).directory) == "out/x"
    assert str(render(template()).directory) == "build/templates/dev/a"
