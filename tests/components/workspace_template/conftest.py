from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.workspace_template.args import WorkspaceTemplateArgs
from components.workspace_template.wiring import Firewall, ModuleVersions
from tests.components.workspace_template.planning import plan, planned_before, terraform, write

__all__ = ["plan", "planned_before", "template_args", "terraform", "write"]

CONFIG = """allowlist:
  - domain=dev.coder.com
  - method=GET,HEAD domain=pypi.org path=/simple/*
jail_type: landjail
log_dir: /tmp/boundary_logs
# ' " $HOME `id` \\ END_OF_CONFIG ${x} %{ if } é
"""
RULES = tuple(
    {"rule": rule, "group": "stack", "why": "a test"}
    for rule in ("domain=dev.coder.com", "method=GET,HEAD domain=pypi.org path=/simple/*")
)


@pytest.fixture
def template_args(tmp_path: Path) -> Callable[..., WorkspaceTemplateArgs]:
    """Arguments of the template `firewalled` on a Coder of June, some given by the test."""

    def make(**given: Any) -> WorkspaceTemplateArgs:
        return WorkspaceTemplateArgs(
            **{
                "stack": "dev",
                "name": "firewalled",
                "namespace": "coder-workspaces",
                "image": "codercom/enterprise-base:ubuntu-noble-20260601",
                "firewall": Firewall(CONFIG, policy=RULES),
                "tasks": True,
                "module_versions": ModuleVersions("4.7.3"),
                "project_root": tmp_path,
                **given,
            }
        )

    return make
