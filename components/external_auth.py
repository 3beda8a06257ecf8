"""GitLabExternalAuth: GitLab as an external login that coderd offers and templates require.

The variables that make coderd offer it are handed on, for the one CoderdEnvironment of the stack.
Where the chart sets them, one Secret holds the credentials of every provider, for the chart to
refer to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes

from components import syntax
from components.boundary.credentials import masked
from components.coder import variables
from components.coderd_env import EnvVar, encoded
from components.errors import refuse
from components.mark import marked


@dataclass(frozen=True)
class GitLabProvider:
    """One GitLab instance.

    Args:
        index: number in coderd's CODER_EXTERNAL_AUTH_ variables, 0 or more; coderd wants them
            without gaps, those of the Helm chart included.
        id: id in coderd, which templates name.
        host: the instance's host, with a port if it is not 443; always reached by https.
        client_id: id of the OAuth application in GitLab.
        client_secret: its secret.
        display_name: name on the login button.
        scopes: what coderd may do for the person.
    """

    index: int
    id: str
    host: str
    client_id: pulumi.Input[str] = field(repr=False)
    client_secret: pulumi.Input[str] = field(repr=False)
    display_name: str = variables.GITLAB_NAME
    scopes: tuple[str, ...] = variables.SCOPES


@dataclass(frozen=True)
class GitLabExternalAuthArgs:
    """External login at one coderd.

    Args:
        namespace: coderd's namespace, in which the Secret has to be.
        access_url: the URL at which people reach coderd: scheme, host and port alone.
        providers: at least one; indexes, ids and hosts unique.
        secret_name: name of a Secret of the credentials alone, keys such as gitlab-client-id, for
            a chart that sets the variables itself; none is made if not given.
    """

    namespace: pulumi.Input[str]
    access_url: str
    providers: Sequence[GitLabProvider]
    secret_name: pulumi.Input[str] | None = None

    def __post_init__(self) -> None:
        refuse("external auth", self._problems())

    def _problems(self) -> Iterator[str]:
        if problem := syntax.origin_problem(self.access_url):
            yield f"access URL {masked(self.access_url)!r} {problem}"
        if not self.providers:
            yield "there is no provider"
        for provider in self.providers:
            yield from _provider_problems(provider)
        for what, values in (
            ("index", [str(provider.index) for provider in self.providers]),
            ("id", [provider.id for provider in self.providers]),
            ("host", [syntax.host_name(provider.host) for provider in self.providers]),
        ):
            for value in sorted(set(values)):
                if values.count(value) > 1:
                    yield f"two providers have the {what} {value}"


class GitLabExternalAuth(pulumi.ComponentResource):
    """The variables by which coderd offers GitLab, and where wanted a Secret of the credentials.

    Attributes:
        callback_urls: by provider id, the redirect URI to register in GitLab.
        variables: the variables to set with CoderdEnvironment, credentials among them.
        secret_name: name of the Secret, None without one.
    """

    callback_urls: dict[str, str]
    variables: tuple[EnvVar, ...]
    secret_name: pulumi.Output[str] | None

    def __init__(
        self, name: str, args: GitLabExternalAuthArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("firewalledcoder:index:GitLabExternalAuth", name, None, opts)
        providers = sorted(args.providers, key=lambda provider: provider.index)
        self.secret_name = None
        if args.secret_name is not None:
            secret = kubernetes.core.v1.Secret(
                f"{name}-secret",
                metadata=kubernetes.meta.v1.ObjectMetaArgs(
                    name=args.secret_name, namespace=args.namespace, annotations=marked()
                ),
                type="Opaque",
                # Not stringData, whose keys the API server does not remove again once applied.
                data={
                    variables.credential_key(provider.id, part): encoded(value)
                    for provider in providers
                    for part, value in _credentials(provider).items()
                },
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.secret_name = secret.metadata.name
        self.callback_urls = {
            provider.id: f"{args.access_url.rstrip('/')}/external-auth/{provider.id}/callback"
            for provider in providers
        }
        self.variables = login_variables(args)
        self.register_outputs({"callbackUrls": self.callback_urls, "secretName": self.secret_name})


def login_variables(args: GitLabExternalAuthArgs) -> tuple[EnvVar, ...]:
    """Return the variables that make coderd offer every provider."""
    providers = sorted(args.providers, key=lambda provider: provider.index)
    return (
        *(EnvVar(name, value) for name, value in variables.LOGIN.items()),
        *(each for provider in providers for each in provider_variables(provider)),
    )


def provider_variables(provider: GitLabProvider) -> Iterator[EnvVar]:
    """Yield the variables that make coderd offer a provider."""
    plain = variables.login(provider.id, provider.host, provider.display_name, provider.scopes)
    for part, text in plain.items():
        yield EnvVar(variables.login_name(provider.index, part), text)
    for part, value in _credentials(provider).items():
        yield EnvVar(variables.login_name(provider.index, part), value, secret=True)


def _credentials(provider: GitLabProvider) -> dict[str, pulumi.Output[str]]:
    values = dict(
        zip(variables.CREDENTIALS, (provider.client_id, provider.client_secret), strict=True)
    )
    return {part: pulumi.Output.secret(value) for part, value in values.items()}


def _provider_problems(provider: GitLabProvider) -> Iterator[str]:
    if provider.index < 0:
        yield f"provider {provider.id!r}: index {provider.index} is below 0"
    if not syntax.is_external_auth_id(provider.id):
        yield (
            f"provider {provider.id!r}: the id takes a-z and 0-9 in groups joined by single "
            "hyphens, up to 32; coderd does not start with another"
        )
    if not syntax.is_host(provider.host):
        yield (
            f"provider {provider.id!r}: host {provider.host!r} is no host such as "
            "gitlab.example.com, without scheme and path"
        )
    if not provider.display_name.strip():
        yield f"provider {provider.id!r}: the display name is empty"
    if not provider.scopes or any(not s or " " in s for s in provider.scopes):
        yield f"provider {provider.id!r}: scopes {provider.scopes} are no GitLab scopes"
    for what in ("client_id", "client_secret"):
        if getattr(provider, what) == "":
            yield f"provider {provider.id!r}: {what} is empty"
