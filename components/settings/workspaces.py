"""The section `workspaces`: what all templates of the stack share."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from components.claude_code import ClaudePolicy
from components.programs import Program, program_problem, wiring_problem
from components.releases import (
    BOUNDARY,
    CLAUDE_CODE,
    CLAUDE_CODE_MODULES,
    CODE_SERVER,
    CODER_PROVIDER,
    KUBERNETES_PROVIDER,
    MODULE_5_SINCE,
    Number,
    wiring_of,
)
from components.settings.section import Flag, SettingsSection, no_map
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
from components.workspace_template.values import (
    IMAGE,
    NAMESPACE,
    SizeChoice,
    Sizes,
    default_problem,
)


class Choice(SettingsSection):
    """The choices of a workspace's size."""

    options: Annotated[list[Annotated[int, Field(gt=0)]], NoDuplicates] = Field(
        min_length=1, description="What an owner may choose."
    )
    default: int = Field(gt=0, description="What is chosen if the owner does not.")

    @classmethod
    def of(cls, choice: SizeChoice) -> "Choice":
        """Return the section that says what a template offers where a stack says nothing."""
        return cls.model_construct(options=list(choice.options), default=choice.default)


class Resources(SettingsSection):
    """Sizes of a workspace."""

    cpu: Choice = Field(Choice.of(Sizes.cpu), description="Cores.")
    memory: Choice = Field(Choice.of(Sizes.memory), description="Memory in GiB.")
    disk: Choice = Field(Choice.of(Sizes.disk_size), description="Home in GiB.")

    def default_problems(self) -> Iterator[tuple[str, int, str]]:
        """Yield key, value and fault of what is chosen if the owner does not."""
        for name, choice in (("cpu", self.cpu), ("memory", self.memory), ("disk", self.disk)):
            if problem := default_problem(choice.options, choice.default):
                yield f"{name}.default", choice.default, problem


class Modules(SettingsSection):
    """Versions of the Terraform modules from Coder's registry."""

    claude_code: ClaudeCodeRelease | None = Field(
        None, description=f"{CLAUDE_CODE_MODULES}; if unset, that of claudeCode.module."
    )
    code_server: Release = Field(CODE_SERVER, description="Any release.")


class ClaudeCode(SettingsSection):
    """How Claude Code comes into a workspace, and which one."""

    module: Literal[4, 5] | None = Field(
        None,
        description="Wiring: 4 (chat, Tasks) or 5. Unset: 5 for Coder 2.37 and newer, else 4.",
    )
    program: Program | None = Field(
        None, description="A Claude Code of the image or of your own; its installer's if unset."
    )


class Providers(SettingsSection):
    """Versions of the Terraform providers, exactly."""

    coder: CoderProviderRelease = Field(CODER_PROVIDER, description="coder/coder, 2.13.0 or newer.")
    kubernetes: KubernetesProviderRelease = Field(
        KUBERNETES_PROVIDER, description="hashicorp/kubernetes, 2.23.0 or newer."
    )


class WorkspacesSettings(SettingsSection):
    """What all templates of the stack share."""

    namespace: KubernetesName = Field(
        NAMESPACE,
        description="Namespace of workspaces. Those that are there do not move to another: delete "
        "them first.",
    )
    image: Image = Field(IMAGE, description="Image of a workspace.")
    use_kubeconfig: Flag = Field(
        False, description="The provisioner uses its own kubeconfig, not its service account."
    )
    resources: Resources = Field(
        Resources.model_construct(), description="Sizes an owner may choose from."
    )
    claude_code: ClaudeCode = Field(
        ClaudeCode.model_construct(), description="How Claude Code comes into a workspace."
    )
    tasks: Flag = Field(
        False, description="Coder Tasks, where Coder has them: 2.35 at most by default. Module 4."
    )
    claude_policy: ClaudePolicy | None = Field(
        None, description="Managed settings of Claude Code in every template; none if unset."
    )
    agent_env: AgentVariables = Field(
        default_factory=no_map, description="Variables of every agent; no secrets."
    )
    boundary_version: BoundaryRelease = Field(
        BOUNDARY, description="Release of Boundary; latest is another one without notice."
    )
    boundary: Program | None = Field(
        None, description="A Boundary of that release in the image or of your own; else GitHub's."
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

    def claude_code_module(self, coder: Number | None) -> str:
        """Return the release of the module claude-code that the templates get.

        What the stack says decides: the module's release, its wiring, or Tasks, which only wiring
        4 has. Else Coder's release decides; one that is not known counts as new.

        Args:
            coder: the deployment's release.
        """
        if self.modules.claude_code is not None:
            return self.modules.claude_code
        if self.claude_code.module is not None:
            return CLAUDE_CODE[self.claude_code.module]
        old = coder is not None and coder < MODULE_5_SINCE
        return CLAUDE_CODE[4 if self.tasks or old else 5]

    def wiring_problem(self, coder: Number | None = None) -> tuple[str, object, str] | None:
        """Return the key, value and words of what does not go together; None if all does.

        Args:
            coder: the deployment's release, which decides where the stack does not.
        """
        module, release = self.claude_code.module, self.modules.claude_code
        if module and release and wiring_of(release) != module:
            return (
                "modules.claudeCode",
                release,
                f"is no release of module {module}, which claudeCode.module names: leave one out",
            )
        program = self.claude_code.program
        if problem := program_problem(program):
            return "claudeCode.program.path", program and program.path, problem
        wiring = wiring_of(self.claude_code_module(coder))
        if self.tasks and wiring == 5:
            return "tasks", True, "module 5 has no Tasks: remove it, or set claudeCode.module: 4"
        if problem := wiring_problem(wiring, self.boundary, program):
            return "boundary", self.boundary and self.boundary.title, problem
        return None
