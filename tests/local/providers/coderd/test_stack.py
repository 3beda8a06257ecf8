"""Programs with Coder's package on the real engine."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pulumi
import pulumi_coderd as coderd
import pulumi_random as random
import pytest
from pulumi import automation

from local.coderd import LocalCoderd
from local.providers import serve
from tests.local.providers.coderd.engine import MAIN, MCP, SECRET
from tests.local.providers.conftest import Bench


@pytest.fixture(scope="module")
def coderd_ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, int]]]:
    root = tmp_path_factory.mktemp("project")
    (root / "template").mkdir()
    with serve("random", "coderd", root=root) as ports:
        yield root, ports


@pytest.fixture
def stack_bench(
    tmp_path: Path,
    coderd_ports: tuple[Path, dict[str, int]],
    engine: automation.PulumiCommand,
    deployment: LocalCoderd,
    key_service: dict[str, str],
) -> Bench:
    bench = Bench(tmp_path, coderd_ports[1], (), engine, key_service)
    bench.environment |= {"CODER_URL": "", "CODER_SESSION_TOKEN": ""}
    return bench


def _program(deployment: LocalCoderd, name: str, settings: dict[str, Any]) -> Any:
    def program() -> None:
        opts = pulumi.ResourceOptions(
            provider=coderd.Provider(
                # The package does not say that it is one.
                "coderd",
                url=deployment.url,
                token=pulumi.Output.secret(deployment.token),
            )
        )
        pet = random.RandomPet("version", keepers={"content": settings["content"]})
        everyone = coderd.get_group_output(
            name="Everyone", opts=pulumi.InvokeOutputOptions(provider=opts.provider)
        )
        made = coderd.Template(
            name,
            name=name,
            description=settings["description"],
            acl=coderd.TemplateAclArgs(
                groups=[coderd.TemplateAclGroupArgs(id=everyone.id, role="use")], users=[]
            ),
            versions=[
                coderd.TemplateVersionArgs(
                    name=pet.id,
                    directory="template",
                    active=True,
                    tf_vars=[coderd.TemplateVersionTfVarArgs(name="image", value="x")],
                )
            ],
            opts=opts,
        )
        coderd.AgentsMcpServer(
            "mcp",
            display_name="GitHub",
            slug=name,
            url="https://api.githubcopilot.com/mcp/",
            auth_type="api_key",
            api_key_header="Authorization",
            api_key_value_wo=pulumi.Output.secret(SECRET),
            api_key_value_wo_version=1,
            opts=opts,
        )
        pulumi.export("id", made.id)
        pulumi.export("active", made.versions.apply(lambda versions: versions[0].id))

    return program


def test_a_stack_from_preview_to_destroy(
    stack_bench: Bench,
    coderd_ports: tuple[Path, dict[str, int]],
    deployment: LocalCoderd,
    api: httpx.Client,
    name: str,
) -> None:
    """One life of a stack: made, unchanged, changed, drifted, broken, repaired, destroyed."""
    directory = coderd_ports[0] / "template"
    (directory / "main.tf").write_text(MAIN)
    settings = {"content": "1", "description": "one"}
    stack = stack_bench.stack(_program(deployment, name, settings))
    first = stack.up()
    assert first.summary.resource_changes == {"create": 5}
    made = first.outputs
    assert api.get(f"templates/{made['id'].value}").json()["active_version_id"] == (
        made["active"].value
    )
    assert SECRET not in first.stdout + first.stderr
    assert SECRET not in stack_bench.state()
    assert deployment.token not in stack_bench.state()
    (server,) = (
        resource
        for resource in json.loads(stack_bench.state())["checkpoint"]["latest"]["resources"]
        if resource["type"] == MCP
    )
    assert {**server["inputs"], **server["outputs"]}.keys() >= {"slug", "apiKeyValueWoVersion"}
    assert "apiKeyValueWo" not in {**server["inputs"], **server["outputs"]}, server
    again = stack.up()
    assert again.summary.resource_changes == {"same": 5}

    (directory / "main.tf").write_text(MAIN + "# changed\n")
    settings["content"] = "2"
    assert stack.preview().change_summary == {"same": 3, "replace": 1, "update": 1}
    second = stack.up()
    assert second.outputs["id"].value == made["id"].value
    assert second.outputs["active"].value != made["active"].value

    api.patch(f"templates/{made['id'].value}", json={"description": "by hand"})
    refreshed = stack.refresh()
    assert refreshed.summary.resource_changes == {"same": 4, "update": 1}
    repaired = stack.up()
    assert repaired.summary.resource_changes == {"same": 4, "update": 1}
    assert api.get(f"templates/{made['id'].value}").json()["description"] == "one"

    (directory / "main.tf").write_text("locals {\n  a = var.nope\n}\n")
    settings["content"] = "3"
    with pytest.raises(automation.CommandError, match='with the name "nope"'):
        stack.up()
    shown = api.get(f"templates/{made['id'].value}").json()
    assert shown["active_version_id"] == second.outputs["active"].value
    (directory / "main.tf").write_text(MAIN + "# repaired\n")
    settings["content"] = "4"
    stack.up()

    stack.destroy()
    assert api.get(f"templates/{made['id'].value}").status_code == 404
    servers = f"{deployment.url}/api/experimental/organizations/default/mcp-servers"
    assert name not in [server["slug"] for server in api.get(servers).json()]
