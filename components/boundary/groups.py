"""The rules that a stack can pick, in named groups, in the order they are deployed.

The hosts are those of the Red Hat Summit 2026 demonstration but for what Claude Code asks today.
npm (registry.npmjs.org and its like) is left out on purpose: `npm install` is the demonstration of
a DENY.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Rules that serve one purpose.

    Attributes:
        name: what a stack's settings call it.
        title: what people read.
        why: why an agent needs it.
        rules: rules in Boundary's grammar; `{coder_host}` and `{gitlab_host}` stand for the
            stack's hosts.
    """

    name: str
    title: str
    why: str
    rules: tuple[str, ...]


# The gateway's name until Coder 2.34 and since 2.35, which takes both.
_GATEWAYS = ("/api/v2/aibridge/anthropic/v1", "/api/v2/ai-gateway/anthropic/v1")


def _gateway(*ends: str) -> str:
    return ",".join(gateway + end for end in ends for gateway in _GATEWAYS)


def _fetching(host: str, deepest: int) -> Iterator[str]:
    """Yield the rules by which git fetches from repositories 2 to `deepest` segments deep."""
    for method, end in (("GET", "info/refs"), ("POST", "git-upload-pack")):
        paths = ",".join(f"{'/*' * depth}/{end}" for depth in range(2, deepest + 1))
        yield f"method={method} domain={host} path={paths}"


# GitLab nests groups 20 deep; the project comes after them.
_GITLAB_DEPTH = 21

GROUPS = (
    # Whole paths: the owner's session token is in the agent's environment, and with every path it
    # could make itself a token and a workspace without a firewall.
    Group(
        "coder",
        "The Coder deployment",
        "An agent reaches models through Coder's AI Gateway, reports its task and gets its git"
        " credentials.",
        (
            f"method=POST domain={{coder_host}} path={_gateway('/messages')}",
            f"method=POST domain={{coder_host}} path={_gateway('/messages/count_tokens')}",
            f"method=GET domain={{coder_host}} path={_gateway('/models')}",
            "method=GET domain={coder_host} path=/api/v2/buildinfo",
            # Until Coder 2.30; later releases report by the agent's socket.
            "method=PATCH domain={coder_host} path=/api/v2/workspaceagents/me/app-status",
            "method=GET domain={coder_host} path=/api/v2/workspaceagents/me/external-auth",
        ),
    ),
    Group(
        "gitlab",
        "The GitLab instance",
        "Source code lives there; people log in with it.",
        ("domain={gitlab_host}",),
    ),
    Group(
        "gitlab-read",
        "The GitLab instance, to fetch from",
        "Source code is fetched from there and not pushed.",
        tuple(_fetching("{gitlab_host}", _GITLAB_DEPTH)),
    ),
    Group(
        "test-fixtures",
        "Test fixtures",
        "Sample data for trying out an HTTP client, read only.",
        (
            "method=GET domain=typicode.com",
            "method=GET domain=*.typicode.com",
        ),
    ),
    Group(
        "telemetry",
        "Telemetry",
        "Claude Code sends its logs to Datadog.",
        ("method=POST domain=http-intake.logs.us5.datadoghq.com path=/api/v2/logs",),
    ),
    Group(
        "anthropic",
        "Anthropic",
        "Claude Code reaches its vendor for models, login, updates and release notes.",
        (
            "domain=api.anthropic.com",
            "domain=claude.ai",
            "domain=platform.claude.com",
            "method=GET,HEAD domain=downloads.claude.ai",
            "method=GET,HEAD domain=raw.githubusercontent.com"
            " path=/anthropics/claude-code/refs/heads/main/CHANGELOG.md",
        ),
    ),
    Group(
        "version-control",
        "Version control",
        "Public code hosts, from which dependencies are fetched.",
        (
            "domain=github.com",
            "domain=www.github.com",
            "domain=api.github.com",
            "domain=raw.githubusercontent.com",
            "domain=objects.githubusercontent.com",
            "domain=codeload.github.com",
            "domain=avatars.githubusercontent.com",
            "domain=camo.githubusercontent.com",
            "domain=gist.github.com",
            "domain=gitlab.com",
            "domain=www.gitlab.com",
            "domain=registry.gitlab.com",
            "domain=bitbucket.org",
            "domain=www.bitbucket.org",
            "domain=api.bitbucket.org",
        ),
    ),
    Group(
        "version-control-read",
        "Version control, to fetch from",
        "Public code is fetched, by git or as files, and nothing is pushed.",
        (
            *_fetching("github.com", 2),
            "method=GET,HEAD domain=raw.githubusercontent.com",
            "method=GET,HEAD domain=objects.githubusercontent.com",
            "method=GET,HEAD domain=codeload.github.com",
            *_fetching("gitlab.com", _GITLAB_DEPTH),
            *_fetching("bitbucket.org", 2),
        ),
    ),
    Group(
        "container-registries",
        "Container registries",
        "Base images are pulled from public registries.",
        (
            "domain=registry-1.docker.io",
            "domain=auth.docker.io",
            "domain=index.docker.io",
            "domain=hub.docker.com",
            "domain=www.docker.com",
            "domain=production.cloudflare.docker.com",
            "domain=download.docker.com",
            "domain=*.gcr.io",
            "domain=ghcr.io",
            "domain=mcr.microsoft.com",
            "domain=*.data.mcr.microsoft.com",
        ),
    ),
    Group(
        "artifact-storage",
        "Artifact storage",
        "Build artifacts and large files of public projects.",
        (
            "domain=*.amazonaws.com",
            "domain=*.cloudfront.net",
        ),
    ),
    Group(
        "cloud-platforms",
        "Cloud platforms",
        "Command line tools and APIs of public clouds.",
        (
            "domain=cloud.google.com",
            "domain=accounts.google.com",
            "domain=gcloud.google.com",
            "domain=*.googleapis.com",
            "domain=storage.googleapis.com",
            "domain=compute.googleapis.com",
            "domain=container.googleapis.com",
            "domain=azure.com",
            "domain=portal.azure.com",
            "domain=microsoft.com",
            "domain=www.microsoft.com",
            "domain=*.microsoftonline.com",
            "domain=packages.microsoft.com",
            "domain=dotnet.microsoft.com",
            "domain=dot.net",
            "domain=visualstudio.com",
            "domain=dev.azure.com",
            "domain=oracle.com",
            "domain=www.oracle.com",
            "domain=java.com",
            "domain=www.java.com",
            "domain=java.net",
            "domain=www.java.net",
            "domain=download.oracle.com",
            "domain=yum.oracle.com",
        ),
    ),
    Group(
        "python",
        "Python",
        "Packages of PyPI and conda.",
        (
            "domain=pypi.org",
            "domain=www.pypi.org",
            "domain=files.pythonhosted.org",
            "domain=pythonhosted.org",
            "domain=test.pypi.org",
            "domain=pypi.python.org",
            "domain=pypa.io",
            "domain=www.pypa.io",
        ),
    ),
    Group(
        "ruby",
        "Ruby",
        "Gems and the tools that install them.",
        (
            "domain=rubygems.org",
            "domain=www.rubygems.org",
            "domain=api.rubygems.org",
            "domain=index.rubygems.org",
            "domain=ruby-lang.org",
            "domain=www.ruby-lang.org",
            "domain=rubyforge.org",
            "domain=www.rubyforge.org",
            "domain=rubyonrails.org",
            "domain=www.rubyonrails.org",
            "domain=rvm.io",
            "domain=get.rvm.io",
        ),
    ),
    Group(
        "rust",
        "Rust",
        "Crates and toolchains.",
        (
            "domain=crates.io",
            "domain=www.crates.io",
            "domain=static.crates.io",
            "domain=rustup.rs",
            "domain=static.rust-lang.org",
            "domain=www.rust-lang.org",
        ),
    ),
    Group(
        "go",
        "Go",
        "Modules, their checksums and toolchains.",
        (
            "domain=proxy.golang.org",
            "domain=sum.golang.org",
            "domain=index.golang.org",
            "domain=golang.org",
            "domain=www.golang.org",
            "domain=go.dev",
            "domain=dl.google.com",
            "domain=goproxy.io",
            "domain=pkg.go.dev",
        ),
    ),
    Group(
        "jvm",
        "Java virtual machine",
        "Maven and Gradle artifacts.",
        (
            "domain=maven.org",
            "domain=repo.maven.org",
            "domain=central.maven.org",
            "domain=repo1.maven.org",
            "domain=jcenter.bintray.com",
            "domain=gradle.org",
            "domain=www.gradle.org",
            "domain=services.gradle.org",
            "domain=spring.io",
            "domain=repo.spring.io",
        ),
    ),
    Group(
        "other-languages",
        "Other languages",
        "Packages of PHP, .NET, Dart, Elixir, Haskell, Swift and others.",
        (
            "domain=packagist.org",
            "domain=www.packagist.org",
            "domain=repo.packagist.org",
            "domain=nuget.org",
            "domain=www.nuget.org",
            "domain=api.nuget.org",
            "domain=pub.dev",
            "domain=api.pub.dev",
            "domain=hex.pm",
            "domain=www.hex.pm",
            "domain=cpan.org",
            "domain=www.cpan.org",
            "domain=metacpan.org",
            "domain=www.metacpan.org",
            "domain=api.metacpan.org",
            "domain=cocoapods.org",
            "domain=www.cocoapods.org",
            "domain=cdn.cocoapods.org",
            "domain=haskell.org",
            "domain=www.haskell.org",
            "domain=hackage.haskell.org",
            "domain=swift.org",
            "domain=www.swift.org",
        ),
    ),
    Group(
        "linux-distributions",
        "Linux distributions",
        "Packages of the operating system in the image.",
        (
            "domain=archive.ubuntu.com",
            "domain=security.ubuntu.com",
            "domain=ubuntu.com",
            "domain=www.ubuntu.com",
            "domain=*.ubuntu.com",
            "domain=ppa.launchpad.net",
            "domain=launchpad.net",
            "domain=www.launchpad.net",
        ),
    ),
    Group(
        "development-tools",
        "Development tools",
        "Downloads and documentation of common tools.",
        (
            "domain=dl.k8s.io",
            "domain=pkgs.k8s.io",
            "domain=k8s.io",
            "domain=www.k8s.io",
            "domain=releases.hashicorp.com",
            "domain=apt.releases.hashicorp.com",
            "domain=rpm.releases.hashicorp.com",
            "domain=archive.releases.hashicorp.com",
            "domain=hashicorp.com",
            "domain=www.hashicorp.com",
            "domain=repo.anaconda.com",
            "domain=conda.anaconda.org",
            "domain=anaconda.org",
            "domain=www.anaconda.com",
            "domain=anaconda.com",
            "domain=continuum.io",
            "domain=apache.org",
            "domain=www.apache.org",
            "domain=archive.apache.org",
            "domain=downloads.apache.org",
            "domain=eclipse.org",
            "domain=www.eclipse.org",
            "domain=download.eclipse.org",
            "domain=nodejs.org",
            "domain=www.nodejs.org",
        ),
    ),
    Group(
        "cloud-monitoring",
        "Cloud monitoring",
        "Error and performance monitoring of what is developed.",
        (
            "domain=statsig.com",
            "domain=www.statsig.com",
            "domain=api.statsig.com",
            "domain=*.sentry.io",
        ),
    ),
    Group(
        "content-delivery",
        "Content delivery",
        "Static files served by content delivery networks.",
        (
            "domain=*.sourceforge.net",
            "domain=packagecloud.io",
            "domain=*.packagecloud.io",
        ),
    ),
    Group(
        "schemas",
        "Schemas",
        "Schemas that editors and validators read.",
        (
            "domain=json-schema.org",
            "domain=www.json-schema.org",
            "domain=json.schemastore.org",
            "domain=www.schemastore.org",
        ),
    ),
)
