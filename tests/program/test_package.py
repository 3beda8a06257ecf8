"""The components as a package, used by programs of others on the real engine."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.coder import variables
from local import keys
from local.environment import Environment
from ops.project import ROOT
from tests.program import coderd
from toolchain import engine, tools

PAGE = (ROOT / "docs" / "components.md").read_text(encoding="utf-8")
SECRETS = {"gitlabClientSecret": "glsecret-4f1d9c", "issuesKey": "mcp-key-77aa"}
LOGIN = variables.login("gitlab", "gitlab.example.com", "GitLab", variables.SCOPES)
CONFIG_MAPS = "/api/v1/namespaces/monitoring/configmaps"
TEMPLATES = "/api/v2/organizations/default/templates"
RULES = "/apis/monitoring.coreos.com/v1/namespaces/monitoring/prometheusrules"
# A program in Python that no language host runs: the Automation API serves it.
RUN = """
import sys
from pathlib import Path
from pulumi import automation
program = compile(Path(sys.argv[1]).read_text(), sys.argv[1], "exec")
stack = automation.create_or_select_stack(
    "python",
    project_name="governed",
    program=lambda: exec(program, {}),
    opts=automation.LocalWorkspaceOptions(
        work_dir=".", pulumi_command=automation.PulumiCommand(root=sys.argv[2])
    ),
)
for operation in sys.argv[3:]:
    print("now", operation)
    getattr(stack, operation)(on_output=print)
"""

Pulumi = Callable[..., str]


def example(language: str) -> str:
    """Return the one program of the page in a language."""
    (program,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return program


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of what the package is made of, its Python environment filled already.

    That what it requires is installed, tests/components/package/test_git_address.py sees.
    """
    checkout = tmp_path_factory.mktemp("checkout")
    kept = shutil.ignore_patterns("build", "*.egg-info")
    for name in ("components", "sdks"):
        shutil.copytree(ROOT / name, checkout / name, ignore=kept)
    shutil.copy(ROOT / "pyproject.toml", checkout)
    (checkout / "components" / "requirements.txt").unlink()
    environment = checkout / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (packages,) = environment.glob("lib/*/site-packages")
    (ours,) = (path for path in sys.path if path.endswith("site-packages"))
    (packages / "filled.pth").write_text(f"{ours}\n")
    return checkout


@pytest.fixture
def project(environment: Environment, foreign: Any) -> Path:
    """An empty project, in the folder from which the stand-in for coderd's provider uploads."""
    shutil.rmtree(environment.workspace, ignore_errors=True)
    environment.workspace.mkdir()
    return environment.workspace


@pytest.fixture
def pulumi(
    environment: Environment, project: Path, builds: dict[str, str], tmp_path: Path
) -> Iterator[Pulumi]:
    """Run Pulumi's command line in the project, with the language hosts on its PATH."""
    host = tmp_path / "pulumi-language-python"
    host.write_text(
        f"#!/bin/sh\nPYTHONPATH={ROOT}:{builds['PYTHONPATH']} "
        f'exec {sys.executable} -m local.python_host "$@"\n'
    )
    host.chmod(0o755)
    (tmp_path / "pulumi-language-yaml").symlink_to(tools.build("pulumi-language-yaml"))
    with environment.serving() as found:
        environ = {**os.environ, **found, **builds, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        # Language hosts are looked for on PATH only without it.
        environ.pop("PULUMI_IGNORE_AMBIENT_PLUGINS", None)

        def pulumi(*arguments: str | Path, status: int = 0) -> str:
            done = subprocess.run(
                [engine.find(), *arguments, "--non-interactive"],
                cwd=project,
                env=environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            assert done.returncode == status, done.stdout
            return done.stdout

        pulumi.environ = environ  # type: ignore[attr-defined]
        yield pulumi


def configure(pulumi: Pulumi, environment: Environment) -> None:
    plain = {
        "gitlabClientId": "client",
        "kubernetes:kubeconfig": environment.cluster.kubeconfig,
        "coderd:url": environment.coderd.url,
    }
    secret = {**SECRETS, "coderd:token": environment.coderd.token}
    settings = [f"--plaintext={key}={value}" for key, value in plain.items()]
    settings += [f"--secret={key}={value}" for key, value in secret.items()]
    pulumi("config", "set-all", *settings)


def names(environment: Environment, path: str) -> set[str]:
    return {each["metadata"]["name"] for each in coderd.get(environment, path)["items"]}


def without_secrets(text: str) -> None:
    for secret in SECRETS.values():
        assert secret not in text


def test_a_program_in_yaml_adds_the_package_and_uses_every_component(
    environment: Environment, project: Path, pulumi: Pulumi, checkout: Path
) -> None:
    program = yaml.safe_load(example("yaml"))
    # Without a kubelet no rollout ends.
    program["resources"]["coderd"]["properties"]["skipAwait"] = True
    (project / "Pulumi.yaml").write_text(yaml.safe_dump(program, sort_keys=False))
    pulumi("package", "add", checkout / "components")
    packages = yaml.safe_load((project / "Pulumi.yaml").read_text())["packages"]
    assert list(packages) == ["firewalledcoder"]
    pulumi("stack", "init", "yaml", "--secrets-provider", keys.PROVIDER)
    configure(pulumi, environment)
    program["packages"] = packages
    properties = program["resources"]["template"]["properties"]
    image, properties["image"] = properties["image"], "${coderd.secretName}"
    (project / "Pulumi.yaml").write_text(yaml.safe_dump(program, sort_keys=False))
    # Nothing is there yet: it is the preview of all the others, too.
    refused = pulumi("preview", status=1)
    assert "image: has to be known before" in refused
    assert "Traceback" not in refused
    assert "1 error;" in refused
    wanted = {each["type"].partition(":")[2] for each in program["resources"].values()}
    shown = set(re.findall(r"^ \+ +firewalledcoder:index:(\w+) \w+ create", refused, re.MULTILINE))
    assert shown == wanted - {"WorkspaceTemplate"}
    without_secrets(refused)
    properties["image"] = image
    (project / "Pulumi.yaml").write_text(yaml.safe_dump(program, sort_keys=False))
    without_secrets(pulumi("up", "--yes", "--skip-preview"))
    try:
        found = coderd.variables(environment)
        for part, value in LOGIN.items():
            assert found[variables.login_name(0, part)] == value
        assert found[variables.login_name(0, "CLIENT_SECRET")] == SECRETS["gitlabClientSecret"]
        assert {"governed-agent-firewall", "alerts-governed"} <= names(environment, CONFIG_MAPS)
        assert "governed" in names(environment, RULES)
        with environment.coderd.client() as client:
            there = client.get(TEMPLATES).raise_for_status().json()
        # Other tests have theirs in the same deployment.
        (template,) = (each for each in there if each["name"] == "governed")
        outputs = json.loads(pulumi("stack", "output", "--json"))
        assert template["display_name"] == "Governed workspace"
        assert template["default_ttl_ms"] == 8 * 3_600_000
        assert outputs["callbackUrls"] == {
            "gitlab": "https://coder.example.com/external-auth/gitlab/callback"
        }
        assert outputs["versionName"]
        assert "BoundaryDenySpike" in outputs["alerts"]["grafana"]
        assert (
            "method=GET domain=docs.example.com"
            in (project / "build" / "templates" / "yaml" / "governed" / "boundary.yaml").read_text()
        )
        pulumi("preview", "--expect-no-changes")
        without_secrets(pulumi("stack", "export"))
        program["resources"]["second"] = {
            "type": "firewalledcoder:CoderdEnvironment",
            "properties": {
                "namespace": "coder",
                "secretName": "second",
                "variables": [{"name": "A", "value": "1"}],
                "skipAwait": True,
            },
        }
        (project / "Pulumi.yaml").write_text(yaml.safe_dump(program, sort_keys=False))
        refused = pulumi("up", "--yes", "--skip-preview", status=1)
        assert f".metadata.annotations.{variables.CLAIM}" in refused
        assert coderd.variables(environment) == found
        assert "second" not in names(environment, "/api/v1/namespaces/coder/secrets")
    finally:
        pulumi("destroy", "--yes", "--skip-preview")
    assert variables.login_name(0, "CLIENT_SECRET") not in coderd.variables(environment)


def test_a_program_in_python_imports_the_components_from_where_pip_put_them(
    environment: Environment,
    project: Path,
    pulumi: Pulumi,
    checkout: Path,
    builds: dict[str, str],
    tmp_path: Path,
) -> None:
    installed = tmp_path / "installed"
    pip = ("-m", "pip", "install", "--quiet", "--no-compile")
    subprocess.run(
        [sys.executable, *pip, "--target", installed, checkout],
        env={**os.environ, **builds},
        check=True,
    )
    program = tmp_path / "program.py"
    program.write_text(
        example("python").replace(
            'secret_name="coder-login",', 'secret_name="coder-login", skip_await=True,'
        )
    )
    (project / "Pulumi.yaml").write_text("name: governed\nruntime: python\n")
    pulumi("stack", "init", "python", "--secrets-provider", keys.PROVIDER)
    configure(pulumi, environment)

    def run(*operations: str) -> str:
        done = subprocess.run(
            [sys.executable, "-P", "-c", RUN, program, _root(tmp_path), *operations],
            cwd=project,
            env={**pulumi.environ, "PYTHONPATH": str(installed)},  # type: ignore[attr-defined]
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        without_secrets(done.stdout)
        return done.stdout

    try:
        assert "unchanged" in run("up", "preview").partition("now preview")[2]
        assert {"red-agent-firewall", "blue-agent-firewall"} <= names(environment, CONFIG_MAPS)
        assert (project / "build/templates/python/governed/boundary.yaml").exists()
        assert coderd.variables(environment)["CODER_LOGGING_HUMAN"] == "/dev/null"
    finally:
        # It needs no program.
        pulumi("destroy", "--yes", "--skip-preview")


def _root(folder: Path) -> Path:
    """Return a folder with the engine in bin, as the Automation API wants it."""
    (folder / "root" / "bin").mkdir(parents=True, exist_ok=True)
    link = folder / "root" / "bin" / "pulumi"
    if not link.exists():
        link.symlink_to(engine.find())
    return folder / "root"
