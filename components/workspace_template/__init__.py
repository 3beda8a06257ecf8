"""Workspace templates: one HCL source, rendered and declared per stack."""

from components.workspace_template.args import (
    AutoStop,
    GroupAccess,
    Schedule,
    SizeChoice,
    Sizes,
    WorkspaceTemplateArgs,
)
from components.workspace_template.component import WorkspaceTemplate
from components.workspace_template.render import RenderedTemplate, render
from components.workspace_template.wiring import Firewall, ModuleVersions, ProviderVersions

__all__ = [
    "AutoStop",
    "Firewall",
    "GroupAccess",
    "ModuleVersions",
    "ProviderVersions",
    "RenderedTemplate",
    "Schedule",
    "SizeChoice",
    "Sizes",
    "WorkspaceTemplate",
    "WorkspaceTemplateArgs",
    "render",
]
