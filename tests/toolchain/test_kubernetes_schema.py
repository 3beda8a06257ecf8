"""The schema that the built Kubernetes provider is given."""

import json
from importlib.metadata import version
from pathlib import Path

import pulumi_kubernetes as kubernetes

from toolchain import kubernetes_schema


def test_it_lists_every_type_that_the_program_declares_with_its_inputs() -> None:
    assert kubernetes_schema.SCHEMA.read_text(encoding="utf-8") == kubernetes_schema.text(), (
        "run `make schema`"
    )
    kept = json.loads(kubernetes_schema.SCHEMA.read_text(encoding="utf-8"))
    assert {"kubernetes:core/v1:ConfigMap", "kubernetes:apps/v1:DeploymentPatch"} <= set(
        kept["resources"]
    )


def test_it_says_the_version_that_the_package_asks_for() -> None:
    kept = json.loads(kubernetes_schema.SCHEMA.read_text(encoding="utf-8"))
    assert kept["version"] == version("pulumi-kubernetes")


def test_a_type_is_found_however_it_is_named(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "import pulumi_kubernetes\n"
        "import pulumi_kubernetes as k8s\n"
        "import pulumi_kubernetes.batch.v1 as batch\n"
        "from pulumi_kubernetes import apps\n"
        "from pulumi_kubernetes.core.v1 import ConfigMap as Map, ConfigMapInitArgs\n"
        "from os import path\n"
        "def declare():\n"
        "    pulumi_kubernetes.core.v1.Secret('a')\n"
        "    k8s.networking.v1.NetworkPolicy('b')\n"
        "    batch.Job('c')\n"
        "    apps.v1.DeploymentPatch('d')\n"
        "    path.join('e')\n"
        "    k8s.Provider('f')\n"
        "    k8s.apiextensions.CustomResource('g')\n"
    )
    assert list(kubernetes_schema.declared([module])) == [
        "kubernetes:apps/v1:DeploymentPatch",
        "kubernetes:batch/v1:Job",
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:core/v1:Secret",
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
    ]


def test_inputs_have_the_names_that_the_provider_knows() -> None:
    assert kubernetes_schema.inputs(kubernetes.core.v1.Secret) == (
        *("apiVersion", "data", "immutable", "kind", "metadata", "stringData", "type"),
    )
