"""A package of an earlier provider: what it lacks is told before anything, the rest works."""

import json
import subprocess
import sys
from pathlib import Path

import pulumi_coderd
import pytest

from components.coder import package
from components.settings.load import load
from toolchain import sdk, tools

RECORDED = Path(__file__).parents[2] / "recordings" / "providers" / "coderd-0.0.13.schema.json"
VALUES = {
    "coder": {"accessUrl": "https://coder.example.com"},
    "externalAuth": {"providers": [{"host": "gitlab.example.com"}]},
    "templates": [{"name": "firewalled", "firewall": {}}],
    "mcpServers": [{"slug": "github", "displayName": "G", "url": "https://a.example/"}],
    "secrets": {
        "coderToken": "t",
        "externalAuth": {"gitlab": {"clientId": "i", "clientSecret": "s"}},
        "mcp": {"github": "k"},
    },
}
# With the earlier package in front: what it lacks, then a template declared with it.
PROGRAM = """
import gc
# All that it loads stays.
gc.disable()
import json, sys, tempfile
from pathlib import Path
import pulumi_coderd
from program import plan
from components.coder import package
from components.coder.lookup import Known
from components.settings.load import load
from components.workspace_template.component import WorkspaceTemplate
from tests.components.recording import record

stack = load("dev", json.loads(sys.argv[1]))
known = Known("organization", {}, access_lists=True)

def program():
    root = Path(tempfile.mkdtemp(dir=sys.argv[2]))
    for template in stack.templates:
        args = plan.workspace_template("dev", stack, template, known, root)
        WorkspaceTemplate(template.name, args)
    return {}

recorder, _ = record(program)
print(json.dumps({
    "file": pulumi_coderd.__file__,
    "problems": [str(each) for each in package.problems(stack)],
    "templates": [each["name"] for each in recorder.of("Template")],
}))
"""


def test_the_committed_package_has_what_settings_can_use() -> None:
    assert list(package.problems(load("dev", VALUES))) == []
    assert sdk.SCHEMA.is_file()
    assert json.loads(sdk.SCHEMA.read_text())["version"] >= package.RELEASE


def test_a_stack_that_uses_nothing_of_it_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(pulumi_coderd, "AgentsMcpServer")
    stack = load("dev", {**VALUES, "mcpServers": []})
    assert list(package.problems(stack)) == []


def test_the_package_of_the_provider_0_0_13_lacks_servers_and_makes_templates(
    tmp_path: Path,
) -> None:
    sdk.generate(tmp_path / "sdk", RECORDED)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(VALUES), str(tmp_path)],
        cwd=tools.ROOT,
        env={"PYTHONPATH": f"{tmp_path / 'sdk'}:{tools.ROOT}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["file"].startswith(str(tmp_path))
    (problem,) = found["problems"]
    assert problem.startswith(
        'mcpServers[0] = "github": needs the provider coder/coderd 0.0.25 or newer'
    )
    assert "run `pulumi install`" in problem
    assert found["templates"] == ["firewalled"]


GATEWAY = {
    "providers": [
        {"name": "anthropic", "type": "anthropic", "baseUrl": "https://api.anthropic.com"},
        {"name": "vercel", "type": "vercel", "baseUrl": "https://ai.example", "credential": "none"},
    ],
    "prices": [{"providerType": "anthropic", "model": "claude-x", "inputPrice": 3000000}],
}


def test_the_ai_gateway_needs_what_the_package_may_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {**VALUES["secrets"], "aiProviders": {"anthropic": {"apiKey": "k"}}}
    stack = load("dev", {**VALUES, "aiGateway": GATEWAY, "secrets": secrets})
    (price,) = map(str, package.problems(stack))
    assert price.startswith(
        'aiGateway.prices = "anthropic/claude-x": needs the provider coder/coderd newer than '
        "0.0.30, with ai_model_price; the installed package pulumi_coderd is of 0.0.25"
    )
    monkeypatch.delattr(pulumi_coderd, "AiProvider")
    provider, _ = map(str, package.problems(stack))
    assert provider.startswith(
        'aiGateway.providers = "anthropic, vercel": needs the provider coder/coderd 0.0.20 or newer'
    )


@pytest.mark.parametrize(("said", "shown"), [(True, "true"), ("isolated", '"isolated"')])
def test_a_package_without_agents_allowed_refuses_it_where_it_is_named(
    monkeypatch: pytest.MonkeyPatch, said: object, shown: str
) -> None:
    monkeypatch.delattr(pulumi_coderd.Template, "agents_allowed")
    template = {**VALUES["templates"][0], "agentsAllowed": said}
    stack = load("dev", {**VALUES, "templates": [template]})
    (problem,) = map(str, package.problems(stack))
    told = f"templates[0].agentsAllowed = {shown}: needs the provider coder/coderd"
    assert problem.startswith(told)
