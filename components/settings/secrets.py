"""The section `secrets`, encrypted."""

from pydantic import Field, SecretStr

from components.settings.section import SettingsSection, no_map
from components.settings.verify import Service


class ClientCredentials(SettingsSection):
    """OAuth application of a GitLab instance."""

    client_id: SecretStr = Field(description="Application id.")
    client_secret: SecretStr = Field(description="Application secret.")


class AiCredentials(SettingsSection):
    """What a provider of models takes; `aiGateway.providers[].credential` says which."""

    api_key: SecretStr | None = Field(None, description="API key.")
    access_key: SecretStr | None = Field(None, description="Id of an AWS access key.")
    access_key_secret: SecretStr | None = Field(None, description="AWS secret access key.")


class Secrets(SettingsSection):
    """Every secret of the stack; each set by `pulumi config set --secret --path`."""

    coder_token: SecretStr = Field(description="Session token of a Coder template admin.")
    external_auth: dict[str, ClientCredentials] = Field(
        default_factory=no_map, description="By the id of the provider."
    )
    mcp: dict[str, SecretStr] = Field(
        default_factory=no_map, description="Authorization header by the slug of the MCP server."
    )
    ai_providers: dict[str, AiCredentials] = Field(
        default_factory=no_map, description="By the name of the AI Gateway's provider."
    )
    verify: dict[Service, SecretStr] = Field(
        default_factory=no_map, description="Tokens with which verify asks, by service."
    )
