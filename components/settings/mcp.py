"""The section `mcpServers`."""

from typing import Annotated, Literal

from pydantic import Field

from components.settings.section import Section, no_list
from components.settings.types import (
    DisplayName,
    Endpoint,
    NoDuplicates,
    Slug,
)


class McpServerSettings(Section):
    """One MCP server for agents; its key is the secret `mcp.<slug>`."""

    slug: Slug = Field(description="Slug in Coder.")
    display_name: DisplayName = Field(min_length=1, description="Name that people see.")
    url: Endpoint = Field(description="Its streamable HTTP endpoint.")
    description: str = Field("", description="One line that people see.")
    read_only: bool = Field(True, description="Send X-MCP-Readonly: true.")
    tools: Annotated[list[Annotated[str, Field(min_length=1)]], NoDuplicates] = Field(
        default_factory=no_list, description="Tools allowed; all if empty."
    )
    availability: Literal["force_on", "default_on", "default_off"] = Field(
        "default_off", description="Whether chats start with it."
    )
