"""Workspace templates: one HCL source, rendered and declared per stack."""

from components.workspace_template.args import (
    AutoStop,
    Firewall,
    GroupAccess,
    ModuleVersions,
    ProviderVersions,
    Schedule,
    SizeChoice,
    Sizes,
    WorkspaceTemplateArgs,
)
from components.workspace_template.component import WorkspaceTemplate
from components.workspace_template.render import RenderedTemplate, render

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
