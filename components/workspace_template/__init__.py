"""Workspace templates: one HCL source, rendered and declared per stack."""

from components.workspace_template.args import (
    AutoStop,
    Choice,
    Firewall,
    GroupAccess,
    ModuleVersions,
    ProviderVersions,
    Schedule,
    Sizes,
    WorkspaceTemplateArgs,
)
from components.workspace_template.component import WorkspaceTemplate
from components.workspace_template.render import RenderedTemplate, render

__all__ = [
    "AutoStop",
    "Choice",
    "Firewall",
    "GroupAccess",
    "ModuleVersions",
    "ProviderVersions",
    "RenderedTemplate",
    "Schedule",
    "Sizes",
    "WorkspaceTemplate",
    "WorkspaceTemplateArgs",
    "render",
]
