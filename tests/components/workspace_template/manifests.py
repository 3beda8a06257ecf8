"""The Kubernetes objects of the HCL as the API server takes them, its expressions evaluated.

The kubernetes provider is not there, so what it does to a block, its names and lists, is done here.
Expressions are OpenTofu's own: an output in Terraform's JSON syntax holds the block's.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hcl2
import pytest

from components.workspace_template.source import SOURCE
from tests.components.workspace_template.planning import BUILD, Run, Write

KUBERNETES = SOURCE / "coder_agents_kubernetes.tf"
ISOLATED: dict[str, Any] = {"agents_allowed": "isolated"}
OUTPUT = "object"
# How coderd tells the provider to start an agent.
START = "exec coder agent"
STARTS = {f"CODER_AGENT_SCRIPT_linux_{arch}": START for arch in ("amd64", "arm64")}

Deployment = Callable[..., dict[str, Any]]
# Blocks that the API has as lists, by its own name of them.
LISTS = {
    "container": "containers",
    "env": "env",
    "volume": "volumes",
    "volume_mount": "volumeMounts",
    "option": "options",
    "items": "items",
    "required_during_scheduling_ignored_during_execution": (
        "requiredDuringSchedulingIgnoredDuringExecution"
    ),
}
# Of the provider and of Terraform, not of the object.
META = {"count", "lifecycle", "wait_for_rollout", "wait_until_bound"}
# Maps whose keys are data.
DATA = {"labels", "match_labels", "annotations", "requests", "limits"}


def block(path: Path, kind: str) -> dict[str, Any]:
    """The one resource of a kind in a file, as hcl2 reads it."""
    resources = hcl2.loads(path.read_text())["resource"]
    (found,) = [each for resource in resources for key, each in resource.items() if kind in key]
    (inner,) = found.values()
    return dict(inner)


def manifest(value: Any, inside: str = "") -> Any:
    """What a block is in the API, its expressions as they stand."""
    if isinstance(value, list):
        items = [manifest(item) for item in value]
        blocks = items and isinstance(items[0], dict) and inside not in LISTS
        return items[0] if blocks else items
    if isinstance(value, dict):
        named = {key.strip('"'): each for key, each in value.items() if key[:2] != "__"}
        if inside in DATA:
            return {key: manifest(each) for key, each in named.items()}
        return {
            LISTS.get(key) or _camel(key): manifest(each, key)
            for key, each in named.items()
            if key not in META
        }
    return value[1:-1] if isinstance(value, str) and value[:1] == '"' else value


def applied(
    terraform: Run, directory: Path, found: Any, variables: list[str], env: dict[str, str]
) -> Any:
    """Apply a template without its Kubernetes objects, and return one with its values in it.

    The only other object that one refers to is a claim, of which it takes the name.
    """
    text = re.sub(
        r"kubernetes_persistent_volume_claim_v1\.(\w+)\.metadata\[0\]\.name",
        r'\\"the-\1-claim\\"',
        json.dumps(found),
    )
    output = {OUTPUT: {"value": json.loads(text), "sensitive": True}}
    (directory / "object.tf.json").write_text(json.dumps({"output": output}))
    done = terraform(
        "apply", "-no-color", "-input=false", "-auto-approve", *variables, cwd=directory, env=env
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = terraform("output", "-json", OUTPUT, cwd=directory)
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join("API" if word == "api" else word.capitalize() for word in rest)


@pytest.fixture(scope="module")
def made_before() -> dict[str, str]:
    """Deployments of a module's tests, by what was given, as text."""
    return {}


@pytest.fixture
def deployment(terraform: Run, write: Write, made_before: dict[str, str]) -> Deployment:
    """Apply an isolated template with Coder's provider; returns the Deployment as it is sent."""

    def make(**given: Any) -> dict[str, Any]:
        key = repr(sorted(given.items()))
        if key not in made_before:
            made_before[key] = json.dumps(applied_deployment(**given))
        made: dict[str, Any] = json.loads(made_before[key])
        return made

    def applied_deployment(**given: Any) -> Any:
        directory, rendered = write(probe="", **ISOLATED, **given)
        # What is in the other file of the two, beside the objects.
        (directory / "claims.tf").write_text(
            'locals {\n  project_claims = ["the-project-claim"]\n}'
        )
        found = manifest(block(KUBERNETES, "kubernetes_deployment_v1"))
        variables = [f"-var={name}={value}" for name, value in rendered.variables.items()]
        return applied(terraform, directory, found, variables, BUILD | STARTS)

    return make
