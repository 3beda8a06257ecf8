"""Plans of a rendered template with Coder's own provider.

The modules are stood in for by their interface alone (modules/).
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.workspace_template.args import WorkspaceTemplateArgs
from components.workspace_template.render import RenderedTemplate, render
from components.workspace_template.wiring import ModuleVersions
from toolchain import tools

Make = Callable[..., WorkspaceTemplateArgs]
Run = Callable[..., subprocess.CompletedProcess[str]]
Plan = Callable[..., dict[str, Any]]
Write = Callable[..., tuple[Path, RenderedTemplate]]

MODULES = Path(__file__).parent / "modules"
SESSION_TOKEN = "owner-session-token-of-the-test"
BUILD = {
    "CODER_WORKSPACE_ID": "11111111-2222-4333-8444-555555555555",
    "CODER_WORKSPACE_TRANSITION": "start",
    "CODER_WORKSPACE_TEMPLATE_NAME": "firewalled",
    "CODER_WORKSPACE_OWNER_SESSION_TOKEN": SESSION_TOKEN,
}
TASK = {
    "CODER_TASK_ID": "99999999-2222-4333-8444-555555555555",
    "CODER_TASK_PROMPT": "fix the build",
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
    seccomp        = local.seccomp
    cpu            = local.cpu
    memory         = local.memory
    memory_request = local.memory_request
    labels         = local.labels
  }
}
"""


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
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
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "CODER_"))}
    running: dict[object, Provider] = {}

    def attached(env: dict[str, str] | None) -> str:
        """How to find a provider of these variables, any for None: its schema has none of them."""
        key = next(iter(running), None) if env is None else tuple(sorted(env.items()))
        if key not in running:
            running[key] = Provider(provider, {**clean, **(env or {})}, config.parent)
        return running[key].attach

    def run(*command: str, cwd: Path, env: dict[str, str] | None = None) -> Any:
        own = {"TF_CLI_CONFIG_FILE": str(config), "CHECKPOINT_DISABLE": "1"}
        if command[0] in ("plan", "apply", "show"):
            own["TF_REATTACH_PROVIDERS"] = attached(env)
        return subprocess.run(
            [binary, *command],
            cwd=cwd,
            env={**clean, **own, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
        )

    yield run
    for each in running.values():
        each.end()


class Provider:
    """Coder's provider for one build's variables, which Terraform would start thrice a command."""

    def __init__(self, binary: Path, env: dict[str, str], folder: Path) -> None:
        self.process = subprocess.Popen(
            [binary, "-debug"], env=env, cwd=folder, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert self.process.stdout is not None
        ready = (line.partition("TF_REATTACH_PROVIDERS=")[2] for line in self.process.stdout)
        (told,) = json.loads(next(filter(None, ready)).strip().strip("'")).values()
        # Each of both looks for it under its own registry.
        registries = ("registry.terraform.io", "registry.opentofu.org")
        self.attach = json.dumps({f"{each}/coder/coder": told for each in registries})

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="session")
def planned_before() -> dict[object, tuple[bytes, str]]:
    """Plans of this session, by all that they are made of: the file, and what it shows."""
    return {}


@pytest.fixture
def write(template_args: Make, tmp_path: Path) -> Write:
    """Write a rendered template with its modules, but without objects of Kubernetes."""

    def make(probe: str = PROBE, **given: Any) -> tuple[Path, RenderedTemplate]:
        args = template_args(**given)
        rendered = render(args)
        directory = rendered.write(tmp_path)
        for kubernetes in directory.glob("*kubernetes.tf"):
            kubernetes.unlink()
        (directory / "providers.tf").write_text(
            'terraform {\n  required_providers {\n    coder = { source = "coder/coder" }\n  }\n}\n'
        )
        (directory / "probe.tf").write_text(probe)
        install_modules(directory, args.module_versions)
        return directory, rendered

    return make


@pytest.fixture
def plan(terraform: Run, write: Write, planned_before: dict[object, tuple[bytes, str]]) -> Plan:
    """Plan a rendered template the way Coder's provisioner does, and return the plan as JSON."""

    def make(env: dict[str, str] | None = None, probe: str = PROBE, **given: Any) -> dict[str, Any]:
        directory, rendered = write(probe, **given)
        # Coder passes the version's variables as -var.
        variables = [f"-var={name}={value}" for name, value in rendered.variables.items()]
        build = BUILD | (env or {})
        made_of = tuple(
            tuple(sorted(each.items())) for each in (rendered.files, rendered.variables, build)
        )
        key = (made_of, probe, given.get("module_versions"))
        if key not in planned_before:
            done = terraform(
                "plan", "-no-color", "-input=false", "-out=plan", *variables,
                cwd=directory, env=build,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
            shown = terraform("show", "-json", "plan", cwd=directory)
            assert shown.returncode == 0, shown.stderr
            planned_before[key] = (directory / "plan").read_bytes(), shown.stdout
        file, text = planned_before[key]
        (directory / "plan").write_bytes(file)
        planned: dict[str, Any] = json.loads(text)
        return planned

    return make


def install_modules(directory: Path, versions: ModuleVersions) -> None:
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
                "Dir": str(MODULES / (f"{name}-5" if version.startswith("5.") else name)),
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


def every(planned: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The same of the modules, too."""
    modules = planned["planned_values"]["root_module"].get("child_modules", [])
    inside = [each for module in modules for each in module.get("resources", [])]
    return resources(planned, kind) + [r["values"] for r in inside if r["type"] == kind]


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
