"""GitLabExternalAuth: GitLab as an external login that coderd offers and templates require.

One Secret holds the credentials of every provider. The variables that make coderd use them are
handed on, for the one CoderdEnv of the stack.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from components import syntax
from components.boundary.credentials import masked
from components.coderd_env import EnvVar, SecretRef
from components.errors import refuse
from components.rotation import rotation_token

ROTATION_ANNOTATION: Final = "firewalled-coder/external-auth-rotation"

_SCOPES: Final = ("read_user", "read_repository", "write_repository")


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
    display_name: str = "GitLab"
    scopes: tuple[str, ...] = _SCOPES


@dataclass(frozen=True)
class GitLabExternalAuthArgs:
    """External login at one coderd.

    Args:
        namespace: coderd's namespace, in which the Secret has to be.
        access_url: the URL at which people reach coderd: scheme, host and port alone.
        providers: at least one; indexes, ids and hosts unique.
        secret_name: name of the Secret.
    """

    namespace: pulumi.Input[str]
    access_url: str
    providers: Sequence[GitLabProvider]
    secret_name: str = "coder-external-auth"  # noqa: S105  the name of a Secret

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
    """The Secret of the credentials, and the variables by which coderd finds them.

    Attributes:
        callback_urls: by provider id, the redirect URI to register in GitLab.
        variables: the variables to set with CoderdEnv.
        pod_annotations: annotations to set with CoderdEnv, so that coderd restarts when a
            credential is rotated; random, and nothing of a credential is in them.
        secret_name: name of the Secret.
    """

    callback_urls: dict[str, str]
    variables: tuple[EnvVar, ...]
    pod_annotations: Mapping[str, pulumi.Output[str]]
    secret_name: pulumi.Output[str]

    def __init__(
        self, name: str, args: GitLabExternalAuthArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("firewalledcoder:index:GitLabExternalAuth", name, None, opts)
        providers = sorted(args.providers, key=lambda provider: provider.index)
        credentials: dict[str, pulumi.Output[str]] = {}
        for provider in providers:
            credentials[_client_id_key(provider)] = pulumi.Output.secret(provider.client_id)
            credentials[_client_secret_key(provider)] = pulumi.Output.secret(provider.client_secret)
        secret = kubernetes.core.v1.Secret(
            f"{name}-secret",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=args.secret_name, namespace=args.namespace
            ),
            type="Opaque",
            # Not stringData, whose keys the API server does not remove again once applied.
            data={key: value.apply(_base64) for key, value in credentials.items()},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.secret_name = secret.metadata.name
        self.callback_urls = {
            provider.id: f"{args.access_url.rstrip('/')}/external-auth/{provider.id}/callback"
            for provider in providers
        }
        self.variables = (
            # No login leaves for github.com, which coderd offers by default.
            EnvVar("CODER_OAUTH2_GITHUB_DEFAULT_PROVIDER_ENABLE", "false"),
            *(v for provider in providers for v in variables(provider, self.secret_name)),
        )
        self.pod_annotations = {
            ROTATION_ANNOTATION: rotation_token(f"{name}-rotation", credentials, parent=self)
        }
        self.register_outputs({"callbackUrls": self.callback_urls, "secretName": self.secret_name})


def variables(provider: GitLabProvider, secret: pulumi.Output[str]) -> Iterator[EnvVar]:
    """Yield the variables that make coderd use a provider, its credentials in `secret`."""
    base = f"https://{provider.host}/oauth"
    values: dict[str, pulumi.Input[str] | SecretRef] = {
        "ID": provider.id,
        "TYPE": "gitlab",
        "DISPLAY_NAME": provider.display_name,
        "CLIENT_ID": SecretRef(secret, _client_id_key(provider)),
        "CLIENT_SECRET": SecretRef(secret, _client_secret_key(provider)),
        "AUTH_URL": f"{base}/authorize",
        "TOKEN_URL": f"{base}/token",
        "VALIDATE_URL": f"{base}/token/info",
        # coderd matches it against clone URLs, of ssh as well, so the port stays out.
        "REGEX": syntax.host_name(provider.host).replace(".", r"\."),
        "SCOPES": " ".join(provider.scopes),
    }
    for key, value in values.items():
        yield EnvVar(f"CODER_EXTERNAL_AUTH_{provider.index}_{key}", value)


def _client_id_key(provider: GitLabProvider) -> str:
    return f"{provider.id}-client-id"


def _client_secret_key(provider: GitLabProvider) -> str:
    return f"{provider.id}-client-secret"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


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
