"""The section `workspaces`: what all templates of the stack share."""

from typing import Annotated

from pydantic import Field

from components.claude_code import ClaudePolicy
from components.releases import BOUNDARY, CODER_PROVIDER, KUBERNETES_PROVIDER
from components.settings.section import Section, no_map
from components.settings.types import (
    AgentVariables,
    BoundaryRelease,
    ClaudeCodeRelease,
    CoderProviderRelease,
    Image,
    KubernetesName,
    KubernetesProviderRelease,
    NoDuplicates,
    Release,
)


class Choice(Section):
    """The choices of a workspace's size."""

    options: Annotated[list[Annotated[int, Field(gt=0)]], NoDuplicates] = Field(
        min_length=1, description="What an owner may choose."
    )
    default: int = Field(gt=0, description="What is chosen if the owner does not.")


class Resources(Section):
    """Sizes of a workspace."""

    cpu: Choice = Field(Choice.model_construct(options=[2, 4, 8], default=4), description="Cores.")
    memory: Choice = Field(
        Choice.model_construct(options=[4, 8, 16], default=8), description="Memory in GiB."
    )
    disk: Choice = Field(
        Choice.model_construct(options=[10, 20, 50], default=20), description="Home in GiB."
    )


class Modules(Section):
    """Versions of the Terraform modules from Coder's registry."""

    claude_code: ClaudeCodeRelease = Field("4.7.3", description="4.7.0 or a later 4.")
    code_server: Release = Field("1.3.1", description="Any release.")


class Providers(Section):
    """Versions of the Terraform providers, exactly."""

    coder: CoderProviderRelease = Field(CODER_PROVIDER, description="coder/coder, 2.13.0 or newer.")
    kubernetes: KubernetesProviderRelease = Field(
        KUBERNETES_PROVIDER, description="hashicorp/kubernetes, 2.23.0 or newer."
    )


class Workspaces(Section):
    """What all templates of the stack share."""

    namespace: KubernetesName = Field("coder-workspaces", description="Namespace of workspaces.")
    image: Image = Field(
        "codercom/enterprise-base:ubuntu-noble-20260601", description="Image of a workspace."
    )
    use_kubeconfig: bool = Field(
        False, description="The provisioner uses its own kubeconfig, not its service account."
    )
    resources: Resources = Field(
        Resources.model_construct(), description="Sizes an owner may choose from."
    )
    tasks: bool = Field(True, description="Coder Tasks wiring; deprecated as of Coder 2.34.")
    claude_policy: ClaudePolicy | None = Field(
        None, description="Managed settings of Claude Code in every template; none if unset."
    )
    agent_env: AgentVariables = Field(
        default_factory=no_map, description="Variables of every agent; no secrets."
    )
    boundary_version: BoundaryRelease = Field(
        BOUNDARY, description="Release of Boundary; latest is another one without notice."
    )
    modules: Modules = Field(
        Modules.model_construct(), description="Versions of the registry's modules."
    )
    providers: Providers = Field(
        Providers.model_construct(), description="Versions of Terraform's providers."
    )
    provisioner_tags: dict[str, str] = Field(
        default_factory=no_map, description="Which provisioners build the templates, by their tags."
    )
