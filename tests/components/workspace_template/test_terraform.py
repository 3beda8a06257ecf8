"""The HCL as Terraform reads it: format, grammar, and what a plan with Coder's own provider says.

Two things are not there on a bare machine and are stood in for: the modules, by their interface
alone (modules/), and the kubernetes provider, whose file is checked as parsed HCL instead.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hcl2
import pytest

from components.workspace_template import (
    Firewall,
    ModuleVersions,
    ProviderVersions,
    SizeChoice,
    Sizes,
    WorkspaceTemplateArgs,
    render,
)
from components.workspace_template.render import SOURCE
from local import tools

Make = Callable[..., WorkspaceTemplateArgs]
Run = Callable[..., subprocess.CompletedProcess[str]]
Plan = Callable[..., dict[str, Any]]

MODULES = Path(__file__).parent / "modules"
SESSION_TOKEN = "owner-session-token-of-the-test"
BUILD = {
    "CODER_WORKSPACE_ID": "11111111-2222-4333-8444-555555555555",
    "CODER_WORKSPACE_TRANSITION": "start",
    "CODER_WORKSPACE_TEMPLATE_NAME": "firewalled",
    "CODER_WORKSPACE_OWNER_SESSION_TOKEN": SESSION_TOKEN,
}
PROBE = """
output "claude_code" {
  value = module.claude_code.inputs
}
output "code_server" {
  value = module.code_server.inputs
}
output "container" {
  value = {
    capabilities   = local.capabilities
    cpu            = local.cpu
    memory         = local.memory
    memory_request = local.memory_request
    labels         = local.labels
  }
}
"""


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Terraform or OpenTofu with Coder's provider, never asking the network for anything."""
    binary = shutil.which("terraform") or shutil.which("tofu") or str(tools.build("opentofu"))
    provider = tools.build("terraform-provider-coder")
    config = tmp_path_factory.mktemp("terraform") / "cli.tfrc"
    config.write_text(
        "provider_installation {\n"
        f'  dev_overrides {{ "coder/coder" = "{provider.parent}" }}\n'
        f'  filesystem_mirror {{ path = "{config.parent}" }}\n'
        "}\n"
    )

    def run(*command: str, cwd: Path, env: dict[str, str] | None = None) -> Any:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "CODER_"))}
        return subprocess.run(
            [binary, *command],
            cwd=cwd,
            env={**clean, "TF_CLI_CONFIG_FILE": str(config), "CHECKPOINT_DISABLE": "1"}
            | (env or {}),
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def plan(terraform: Run, template_args: Make, tmp_path: Path) -> Plan:
    """Plan a rendered template the way Coder's provisioner does, and return the plan as JSON."""

    def make(env: dict[str, str] | None = None, probe: str = PROBE, **given: Any) -> dict[str, Any]:
        args = template_args(**given)
        rendered = render(args)
        directory = rendered.write(tmp_path)
        (directory / "kubernetes.tf").unlink()
        (directory / "providers.tf").write_text(
            'terraform {\n  required_providers {\n    coder = { source = "coder/coder" }\n  }\n}\n'
        )
        (directory / "probe.tf").write_text(probe)
        _install_modules(directory, args.module_versions)
        # Coder passes the version's variables as -var.
        variables = [f"-var={name}={value}" for name, value in rendered.variables.items()]
        done = terraform(
            "plan", "-no-color", "-input=false", "-out=plan", *variables,
            cwd=directory, env=BUILD | (env or {}),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        shown = terraform("show", "-json", "plan", cwd=directory)
        assert shown.returncode == 0, shown.stderr
        planned: dict[str, Any] = json.loads(shown.stdout)
        return planned

    return make


def _install_modules(directory: Path, versions: ModuleVersions) -> None:
    """What `terraform init` leaves behind, with the modules' interfaces in place of them."""
    manifest: list[dict[str, str]] = [{"Key": "", "Source": "", "Dir": "."}]
    for key, name, version in (
        ("claude_code", "claude-code", versions.claude_code),
        ("code_server", "code-server", versions.code_server),
    ):
        manifest.append(
            {
                "Key": key,
                "Source": f"registry.coder.com/coder/{name}/coder",
                "Version": version,
                "Dir": str(MODULES / name),
            }
        )
    (directory / ".terraform" / "modules").mkdir(parents=True)
    (directory / ".terraform" / "modules" / "modules.json").write_text(
        json.dumps({"Modules": manifest})
    )


def resources(planned: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Values of the planned resources and read data sources of one type."""
    trees = [planned["planned_values"]["root_module"]]
    if "prior_state" in planned:
        trees.append(planned["prior_state"]["values"]["root_module"])
    return [r["values"] for tree in trees for r in tree.get("resources", []) if r["type"] == kind]


def outputs(planned: dict[str, Any], name: str) -> dict[str, Any]:
    value: dict[str, Any] = planned["planned_values"]["outputs"][name]["value"]
    return value


def agent_env(planned: dict[str, Any]) -> dict[str, str]:
    return {env["name"]: env["value"] for env in resources(planned, "coder_env")}


def parameter(planned: dict[str, Any], name: str) -> dict[str, Any]:
    return next(p for p in resources(planned, "coder_parameter") if p["name"] == name)


def choose(**values: object) -> dict[str, str]:
    """The environment by which Coder passes what the owner chose."""
    return {
        f"CODER_PARAMETER_{hashlib.sha256(name.encode()).hexdigest()}": str(value)
        for name, value in values.items()
    }


@pytest.mark.parametrize("directory", [SOURCE, MODULES], ids=["template", "modules"])
def test_formatted(terraform: Run, directory: Path) -> None:
    done = terraform("fmt", "-check", "-diff", "-recursive", ".", cwd=directory)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_format_check_finds_a_bad_file(terraform: Run, tmp_path: Path) -> None:
    (tmp_path / "a.tf").write_text('variable "a" {\ntype=string\n}\n')
    assert terraform("fmt", "-check", ".", cwd=tmp_path).returncode != 0


def test_firewall_on(plan: Plan, template_args: Make) -> None:
    planned = plan()
    given = outputs(planned, "claude_code")
    files = render(template_args()).files
    script = files["write_boundary_config.sh"].decode()
    config = base64.b64encode(files["boundary.yaml"]).decode()
    assert given.pop("pre_install_script") == script.replace("@CONFIG_BASE64@", config)
    assert given == {
        "workdir": "/home/coder",
        "enable_aibridge": True,
        "enable_boundary": True,
        "use_boundary_directly": True,
        "boundary_version": "v0.9.0",
        "ai_prompt": "",
        "report_tasks": True,
        "subdomain": True,
    }
    assert agent_env(planned) == {
        "ANTHROPIC_AUTH_TOKEN": SESSION_TOKEN,
        "BOUNDARY_CONFIG": "/home/coder/.config/coder_boundary/config.yaml",
        "BOUNDARY_JAIL_TYPE": "landjail",
    }
    assert outputs(planned, "container")["capabilities"] == []


def test_firewall_off(plan: Plan) -> None:
    planned = plan(firewall=None, agent_variables={"LANG": "C.UTF-8", "ODD": "${x} %{if} é\n"})
    given = outputs(planned, "claude_code")
    assert (given["enable_boundary"], given["use_boundary_directly"]) == (False, False)
    assert given["pre_install_script"] is None
    # Said by nobody, so the HCL's own; nothing installs it.
    assert given["boundary_version"] == "v0.9.0"
    assert given["enable_aibridge"] is True
    assert agent_env(planned) == {
        "ANTHROPIC_AUTH_TOKEN": SESSION_TOKEN,
        "LANG": "C.UTF-8",
        "ODD": "${x} %{if} é\n",
    }
    assert outputs(planned, "container")["capabilities"] == []


def test_nsjail_adds_one_capability_and_no_git_credentials_a_narrow_key(plan: Plan) -> None:
    nsjail = Firewall("allowlist: []\n", "nsjail", boundary_version="v0.9.0")
    planned = plan(firewall=nsjail, git_credentials=False)
    assert outputs(planned, "container")["capabilities"] == ["NET_ADMIN"]
    assert resources(planned, "coder_agent")[0]["api_key_scope"] == "no_user_data"
    assert agent_env(planned)["BOUNDARY_JAIL_TYPE"] == "nsjail"
    assert outputs(planned, "claude_code")["boundary_version"] == "v0.9.0"


def test_agent(plan: Plan, template_args: Make) -> None:
    (agent,) = resources(plan(), "coder_agent")
    assert (agent["os"], agent["api_key_scope"]) == ("linux", "all")
    env = {"EDITOR": "code", "VISUAL": "code", "CODER_AGENT_DEVCONTAINERS_ENABLE": "false"}
    assert agent["env"] == env
    assert agent["display_apps"] == [
        {
            "vscode": True,
            "vscode_insiders": False,
            "web_terminal": True,
            "ssh_helper": True,
            "port_forwarding_helper": True,
        }
    ]
    *stats, watch = agent["metadata"]
    assert [(m["script"], m["interval"]) for m in stats] == [
        ("coder stat cpu", 10),
        ("coder stat mem", 10),
        ("coder stat disk --path /home/coder", 60),
    ]
    assert (watch["key"], watch["interval"], watch["timeout"]) == ("jail", 60, 30)
    policy = hashlib.sha256(template_args().firewall.config.encode()).hexdigest()
    assert watch["script"].startswith("#!/bin/sh\n")
    assert f"expected={policy}\n" in watch["script"]
    assert len(watch["script"]) < 65_535  # coderd's column


def test_parameters(plan: Plan) -> None:
    planned = plan()
    sizes = {
        name: (
            p["type"],
            [o["value"] for o in p["option"]],
            p["default"],
            p["mutable"],
        )
        for name in ("cpu", "memory", "disk_size")
        for p in [parameter(planned, name)]
    }
    assert sizes == {
        "cpu": ("number", ["2", "4", "8"], "4", True),
        "memory": ("number", ["4", "8", "16"], "8", True),
        "disk_size": ("number", ["10", "20", "50"], "20", False),
    }
    prompt = parameter(planned, "ai_prompt")
    assert (prompt["type"], prompt["value"], prompt["mutable"]) == ("string", "", True)
    # Not required of the owner, which only a default makes it, the empty one included.
    assert prompt["optional"] is True


def test_a_stack_names_its_own_sizes(plan: Plan) -> None:
    planned = plan(sizes=Sizes(memory=SizeChoice((1, 64), 1)))
    assert [o["name"] for o in parameter(planned, "memory")["option"]] == ["1 GB", "64 GB"]
    assert outputs(planned, "container")["memory_request"] == 1


@pytest.mark.parametrize(("memory", "request_"), [(4, 2), (8, 4), (16, 8)])
def test_memory_request(plan: Plan, memory: int, request_: int) -> None:
    container = outputs(plan(choose(memory=memory, cpu=2)), "container")
    assert (container["memory_request"], container["memory"], container["cpu"]) == (
        request_,
        memory,
        2,
    )


def test_labels(plan: Plan) -> None:
    assert outputs(plan(), "container")["labels"] == {
        "app.kubernetes.io/name": "coder-workspace",
        "app.kubernetes.io/instance": f"coder-{BUILD['CODER_WORKSPACE_ID']}",
        "app.kubernetes.io/part-of": "coder",
        "firewalled-coder/template": "firewalled",
    }


def test_gitlab_login_is_required(plan: Plan) -> None:
    (auth,) = resources(plan(gitlab_external_auth_id="gitlab-eu"), "coder_external_auth")
    assert (auth["id"], auth["optional"] or False) == ("gitlab-eu", False)


def test_code_server(plan: Plan) -> None:
    assert outputs(plan(), "code_server") == {
        "folder": "/home/coder",
        "order": 1,
        "subdomain": True,
    }


TASK = {
    "CODER_TASK_ID": "99999999-2222-4333-8444-555555555555",
    "CODER_TASK_PROMPT": "fix the build",
}


def test_a_task_prompt_goes_before_the_parameter(plan: Plan) -> None:
    planned = plan(TASK | choose(ai_prompt="look around"))
    assert outputs(planned, "claude_code")["ai_prompt"] == "fix the build"
    (task,) = resources(planned, "coder_ai_task")
    assert task["app_id"] == "00000000-0000-4000-8000-00000000000a"


def test_without_a_task_the_parameter_is_the_prompt(plan: Plan) -> None:
    planned = plan(choose(ai_prompt="look around"))
    assert outputs(planned, "claude_code")["ai_prompt"] == "look around"
    assert resources(planned, "coder_ai_task") == []


def test_tasks_turned_off(plan: Plan) -> None:
    planned = plan(TASK | choose(ai_prompt="look around"), tasks=False)
    given = outputs(planned, "claude_code")
    assert (given["ai_prompt"], given["report_tasks"]) == ("look around", False)
    assert resources(planned, "coder_ai_task") == []


def test_module_versions_override_the_literals(plan: Plan) -> None:
    # A plan fails if an installed module's version is not the one asked for.
    plan(module_versions=ModuleVersions("4.8.1", "1.4.0"))


def test_a_module_of_another_version_is_refused(
    terraform: Run, plan: Plan, template_args: Make, tmp_path: Path
) -> None:
    plan()
    directory = tmp_path / render(template_args()).directory
    shutil.rmtree(directory / ".terraform")
    _install_modules(directory, ModuleVersions("4.8.1"))
    done = terraform("validate", "-no-color", cwd=directory)
    assert done.returncode != 0
    assert "version" in done.stderr.lower()


def test_every_file_parses() -> None:
    for path in SOURCE.glob("*.tf"):
        assert hcl2.loads(path.read_text()), path.name


def plain(value: Any) -> Any:
    """Parsed HCL without the parser's own marks; a block that occurs once is a plain mapping."""
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        items = [plain(item) for item in value]
        return items[0] if len(items) == 1 and isinstance(items[0], dict) else items
    if isinstance(value, str) and value.startswith('"'):
        return value[1:-1]
    return value


def kubernetes(kind: str) -> dict[str, Any]:
    document = hcl2.loads((SOURCE / "kubernetes.tf").read_text())
    (found,) = [r for r in map(plain, document["resource"]) if kind in r]
    (resource,) = found[kind].values()
    return dict(resource)


def test_home_volume() -> None:
    assert kubernetes("kubernetes_persistent_volume_claim_v1") == {
        "metadata": {
            "name": "coder-${data.coder_workspace.me.id}-home",
            "namespace": "${var.namespace}",
            "labels": "${local.labels}",
        },
        "wait_until_bound": False,
        "spec": {
            "access_modes": ["ReadWriteOnce"],
            "resources": {
                "requests": {"storage": "${data.coder_parameter.disk_size.value}Gi"},
            },
        },
        "lifecycle": {"ignore_changes": "all"},
    }


def test_pod() -> None:
    pod = kubernetes("kubernetes_pod_v1")
    assert pod["count"] == "${data.coder_workspace.me.start_count}"
    assert pod["lifecycle"] == {"ignore_changes": "all"}
    assert pod["metadata"] == {
        "name": "coder-${data.coder_workspace.me.id}",
        "namespace": "${var.namespace}",
        "labels": "${local.labels}",
    }
    spec = pod["spec"]
    assert spec["security_context"] == {"run_as_user": 1000, "fs_group": 1000}
    assert spec["volume"] == {
        "name": "home",
        "persistent_volume_claim": {
            "claim_name": "${kubernetes_persistent_volume_claim_v1.home.metadata[0].name}"
        },
    }
    preferred = spec["affinity"]["pod_anti_affinity"][
        "preferred_during_scheduling_ignored_during_execution"
    ]
    assert preferred["pod_affinity_term"]["topology_key"] == "kubernetes.io/hostname"


def test_container() -> None:
    assert kubernetes("kubernetes_pod_v1")["spec"]["container"] == {
        "name": "dev",
        "image": "${var.workspace_image}",
        "command": ["sh", "-c", "${coder_agent.main.init_script}"],
        "security_context": {
            "run_as_user": 1000,
            "allow_privilege_escalation": True,
            "dynamic": {
                "capabilities": {
                    "for_each": "${length(local.capabilities) > 0 ? [local.capabilities] : []}",
                    "content": {"add": "${capabilities.value}"},
                }
            },
        },
        "env": [
            {"name": "CODER_AGENT_TOKEN", "value": "${coder_agent.main.token}"},
            {"name": "CODER_AGENT_URL", "value": "${data.coder_workspace.me.access_url}"},
        ],
        "resources": {
            "requests": {"cpu": "500m", "memory": "${local.memory_request}Gi"},
            "limits": {"cpu": "${local.cpu}", "memory": "${local.memory}Gi"},
        },
        "volume_mount": {"name": "home", "mount_path": "${local.home}"},
    }


def test_other_provider_versions_are_what_terraform_installs(
    terraform: Run, template_args: Make, tmp_path: Path
) -> None:
    def required(**given: Any) -> list[str]:
        args = template_args(**given)
        directory = render(args).write(tmp_path)
        _install_modules(directory, args.module_versions)
        done = terraform("providers", "-no-color", cwd=directory)
        assert done.returncode == 0, done.stderr
        shutil.rmtree(directory)
        # Of the root module alone: what modules need besides is lower.
        root = done.stdout.partition("module.")[0]
        return sorted(re.findall(r"/(coder/coder|hashicorp/kubernetes)\] (\S+)", root))

    assert required() == [("coder/coder", "2.20.0"), ("hashicorp/kubernetes", "3.2.1")]
    other = ProviderVersions(coder="2.21.0", kubernetes="3.0.1")
    assert required(provider_versions=other) == [
        ("coder/coder", "2.21.0"),
        ("hashicorp/kubernetes", "3.0.1"),
    ]


def test_providers() -> None:
    document = plain(hcl2.loads((SOURCE / "providers.tf").read_text()))
    assert document["terraform"]["required_providers"] == {
        "coder": {"source": "coder/coder", "version": ProviderVersions().coder},
        "kubernetes": {
            "source": "hashicorp/kubernetes",
            "version": ProviderVersions().kubernetes,
        },
    }
    assert {"kubernetes": {"config_path": '${var.use_kubeconfig ? "~/.kube/config" : null}'}} in (
        document["provider"]
    )
