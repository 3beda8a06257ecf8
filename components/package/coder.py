"""GitLabExternalAuth and CoderdEnvironment, for programs in other languages."""

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import pulumi

from components import coderd_env, external_auth
from components.package.inputs import build, known


class GitLabInstance(TypedDict):
    """One GitLab instance."""

    index: int
    """Number in coderd's CODER_EXTERNAL_AUTH_ variables, 0 or more, without gaps."""
    id: str
    """Id in coderd, which templates name."""
    host: str
    """Its host, with a port if it is not 443; always reached by https."""
    client_id: pulumi.Input[str]
    """Id of the OAuth application in GitLab."""
    client_secret: pulumi.Input[str]
    """Its secret."""
    display_name: NotRequired[str]
    """Name on the login button."""
    scopes: NotRequired[list[str]]
    """What coderd may do for the person."""


class GitLabExternalAuthInputs(TypedDict):
    """External login at one coderd."""

    namespace: pulumi.Input[str]
    """Namespace of coderd, in which the Secret has to be."""
    access_url: str
    """The URL at which people reach coderd: scheme, host and port alone."""
    providers: list[GitLabInstance]
    """At least one; indexes, ids and hosts unique."""
    secret_name: NotRequired[pulumi.Input[str]]
    """Name of a Secret of the credentials alone, for a chart that sets the variables itself."""


class CoderdVariable(TypedDict):
    """A variable of coderd."""

    name: pulumi.Input[str]
    """Its name."""
    value: pulumi.Input[str]
    """Its value."""
    secret: NotRequired[pulumi.Input[bool]]
    """Whether the value is a credential, which reviews do not show."""


class CoderdEnvironmentInputs(TypedDict):
    """The variables of one coderd."""

    namespace: pulumi.Input[str]
    """Namespace of the Deployment, in which the Secret has to be."""
    variables: pulumi.Input[list[CoderdVariable]]
    """Every variable to set, such as those of a GitLabExternalAuth; names unique."""
    secret_name: pulumi.Input[str]
    """Name of the Secret that holds them."""
    patch: NotRequired[bool]
    """Whether the Deployment, which takes one such patch, is patched; else there is the Secret."""
    deployment: NotRequired[pulumi.Input[str]]
    """Name of the Deployment."""
    container: NotRequired[pulumi.Input[str]]
    """Name of coderd's container, which has to be the first of the pod."""
    skip_await: NotRequired[bool]
    """Go on without waiting for the rollout."""
    force: NotRequired[bool]
    """Take over fields that another field manager owns; otherwise they are a conflict."""
    field_manager: NotRequired[str]
    """Owner of the fields."""


class GitLabExternalAuth(external_auth.GitLabExternalAuth):
    """GitLab as an external login; its variables are for a CoderdEnvironment to set."""

    variables: pulumi.Output[list[CoderdVariable]]  # type: ignore[assignment]

    def __init__(
        self,
        name: str,
        args: GitLabExternalAuthInputs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        known(GitLabExternalAuthInputs, args)
        super().__init__(name, build(external_auth.GitLabExternalAuthArgs, args), opts)
        login: tuple[coderd_env.EnvVar, ...] = self.variables  # type: ignore[assignment]
        self.variables = pulumi.Output.from_input(
            [CoderdVariable(name=each.name, value=each.value, secret=each.secret) for each in login]
        )


class CoderdEnvironment(coderd_env.CoderdEnvironment):
    """Variables of coderd, one for a Deployment; destroying it leaves the Deployment as it was."""

    _component_type = "firewalledcoder:index:CoderdEnvironment"

    def __init__(
        self,
        name: str,
        args: CoderdEnvironmentInputs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        known(CoderdEnvironmentInputs, args)
        inputs: dict[str, Any] = dict(args)
        if _are_told(inputs["variables"]):
            inputs["variables"] = pulumi.Output.from_input(inputs["variables"]).apply(_variables)
        super().__init__(name, build(coderd_env.CoderdEnvironmentArgs, inputs), opts)


def _are_told(variables: Any) -> bool:
    """Return whether more of the variables than their values is another resource's to say."""
    return isinstance(variables, pulumi.Output) or any(
        isinstance(part, pulumi.Output)
        for each in variables
        for part in (each, *(() if isinstance(each, pulumi.Output) else _but_value(each)))
    )


def _but_value(variable: CoderdVariable) -> tuple[Any, ...]:
    return variable.get("name"), variable.get("secret")


def _variables(told: Sequence[CoderdVariable]) -> list[coderd_env.EnvVar]:
    return [build(coderd_env.EnvVar, each) for each in told]
