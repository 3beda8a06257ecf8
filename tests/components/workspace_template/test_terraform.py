"""The HCL as Terraform reads it: format, grammar, and what a plan with Coder's own provider says.

Two things are not there on a bare machine and are stood in for: the modules, by their interface
alone (modules/), and the kubernetes provider, whose file is checked as parsed HCL instead.
"""

import base64
import re
import shutil
from pathlib import Path
from typing import Any

import hcl2
import pytest

from components.workspace_template.render import render
from components.workspace_template.source import SOURCE
from components.workspace_template.values import SizeChoice, Sizes
from components.workspace_template.wiring import Firewall, ModuleVersions, ProviderVersions
from tests.components.workspace_template.planning import (
    BUILD,
    MODULES,
    TASK,
    Make,
    Plan,
    Run,
    agent_env,
    choose,
    install_modules,
    outputs,
    parameter,
    resources,
)
from tests.components.workspace_template.sessions import (
    SHEBANG,
    put_script,
    stat_script,
    watch_script,
)


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
    policy = files["boundary.yaml"]
    script = files["write_boundary_config.sh"].decode()
    script = script.replace("@CONFIG_BASE64@", base64.b64encode(policy).decode())
    first = f"{SHEBANG}{put_script(policy)}\n{script}"
    assert given.pop("pre_install_script") == first
    (own,) = resources(planned, "coder_script")
    assert own["script"] == first
    assert (own["run_on_start"], own["start_blocks_login"]) == (True, True)
    assert given == {
        "workdir": "/home/coder",
        "enable_aibridge": True,
        "enable_boundary": True,
        "use_boundary_directly": True,
        "boundary_version": "v0.9.0",
        "ai_prompt": "",
        "report_tasks": True,
        "subdomain": True,
        "install_claude_code": True,
        "claude_binary_path": "$HOME/.local/bin",
        "disable_autoupdater": False,
    }
    assert agent_env(planned) == {
        "BOUNDARY_CONFIG": "/home/coder/.config/coder_boundary/config.yaml",
        "BOUNDARY_JAIL_TYPE": "landjail",
    }
    assert outputs(planned, "container")["capabilities"] == []


def test_firewall_off(plan: Plan) -> None:
    planned = plan(firewall=None, agent_variables={"LANG": "C.UTF-8", "ODD": "%{x} %{if} é\n"})
    given = outputs(planned, "claude_code")
    assert (given["enable_boundary"], given["use_boundary_directly"]) == (False, False)
    assert given["pre_install_script"] is None
    assert resources(planned, "coder_script") == []
    stats = [each["script"] for each in resources(planned, "coder_agent")[0]["metadata"]]
    assert stats == ["coder stat cpu", "coder stat mem", "coder stat disk --path /home/coder"]
    assert given["boundary_version"] == ""  # nothing installs it
    assert given["enable_aibridge"] is True
    assert agent_env(planned) == {
        "LANG": "C.UTF-8",
        "ODD": "%{x} %{if} é\n",
    }
    assert outputs(planned, "container")["capabilities"] == []


# Settings that have nothing to do with each other.
OTHERS: dict[str, Any] = {
    "firewall": Firewall("allowlist: []\n", "nsjail", boundary_version="v0.9.0"),
    "git_credentials": False,
    "sizes": Sizes(memory=SizeChoice((1, 64), 1)),
    "gitlab_external_auth_id": "gitlab-eu",
}


def test_nsjail_adds_one_capability_and_no_git_credentials_a_narrow_key(plan: Plan) -> None:
    planned = plan(**OTHERS)
    assert outputs(planned, "container")["capabilities"] == ["NET_ADMIN"]
    assert resources(planned, "coder_agent")[0]["api_key_scope"] == "no_user_data"
    assert agent_env(planned)["BOUNDARY_JAIL_TYPE"] == "nsjail"
    assert outputs(planned, "claude_code")["boundary_version"] == "v0.9.0"


# Others that have nothing to do with each other either.
CHOSEN = TASK | choose(ai_prompt="look around")
MORE: dict[str, Any] = {
    "firewall": Firewall(
        "no_user_namespace: true\n", "nsjail", no_user_namespace=True, seccomp_unconfined=True
    ),
    "tasks": False,
    "module_versions": ModuleVersions("4.8.1", "1.4.0"),
}


def test_nsjail_on_nodes_that_hold_it_back(plan: Plan) -> None:
    container = outputs(plan(CHOSEN, **MORE), "container")
    assert container["capabilities"] == ["NET_ADMIN", "SYS_ADMIN"]
    assert container["seccomp"] == ["Unconfined"]


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
        (stat_script("stat_cpu"), 10),
        (stat_script("stat_mem"), 10),
        (stat_script("stat_disk /home/coder"), 60),
    ]
    assert (watch["key"], watch["interval"], watch["timeout"]) == ("jail", 60, 30)
    assert watch["script"] == watch_script(template_args().firewall.config.encode())
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
    planned = plan(**OTHERS)
    assert [o["name"] for o in parameter(planned, "memory")["option"]] == ["1 GB", "64 GB"]
    assert outputs(planned, "container")["memory_request"] == 1


@pytest.mark.parametrize(("memory", "request_"), [(4, 2), (8, 4), (16, 8)])
def test_memory_request(plan: Plan, memory: int, request_: int) -> None:
    chosen = choose(memory=memory, cpu=2, ai_prompt="look around")
    container = outputs(plan(chosen), "container")
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
    (auth,) = resources(plan(**OTHERS), "coder_external_auth")
    assert (auth["id"], auth["optional"] or False) == ("gitlab-eu", False)


def test_code_server(plan: Plan) -> None:
    assert outputs(plan(), "code_server") == {
        "folder": "/home/coder",
        "order": 1,
        "subdomain": True,
    }


def test_a_task_prompt_goes_before_the_parameter(plan: Plan) -> None:
    planned = plan(CHOSEN)
    assert outputs(planned, "claude_code")["ai_prompt"] == "fix the build"
    (task,) = resources(planned, "coder_ai_task")
    assert task["app_id"] == "00000000-0000-4000-8000-00000000000a"


def test_without_a_task_the_parameter_is_the_prompt(plan: Plan) -> None:
    planned = plan(choose(memory=4, cpu=2, ai_prompt="look around"))
    assert outputs(planned, "claude_code")["ai_prompt"] == "look around"
    assert resources(planned, "coder_ai_task") == []


def test_tasks_turned_off(plan: Plan) -> None:
    planned = plan(CHOSEN, **MORE)
    given = outputs(planned, "claude_code")
    assert (given["ai_prompt"], given["report_tasks"]) == ("look around", False)
    assert resources(planned, "coder_ai_task") == []


def test_module_versions_override_the_literals(plan: Plan) -> None:
    # A plan fails if an installed module's version is not the one asked for.
    plan(CHOSEN, **MORE)


def test_a_module_of_another_version_is_refused(
    terraform: Run, plan: Plan, template_args: Make, tmp_path: Path
) -> None:
    plan()
    directory = tmp_path / render(template_args()).directory
    shutil.rmtree(directory / ".terraform")
    install_modules(directory, ModuleVersions("4.8.1"))
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
    assert spec["automount_service_account_token"] is False
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
            "dynamic": [
                {
                    "capabilities": {
                        "for_each": "${length(local.capabilities) > 0 ? [local.capabilities] : []}",
                        "content": {"add": "${capabilities.value}"},
                    }
                },
                {
                    "seccomp_profile": {
                        "for_each": "${local.seccomp}",
                        "content": {"type": "${seccomp_profile.value}"},
                    }
                },
            ],
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
        "dynamic": {
            "volume_mount": {
                "for_each": "${local.project_claims}",
                "content": {"name": "project", "mount_path": "${local.project}"},
            }
        },
    }


def test_other_provider_versions_are_what_terraform_installs(
    terraform: Run, template_args: Make, tmp_path: Path
) -> None:
    def required(**given: Any) -> list[str]:
        args = template_args(**given)
        directory = render(args).write(tmp_path)
        install_modules(directory, args.module_versions)
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
