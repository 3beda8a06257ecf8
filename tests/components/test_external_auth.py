import base64
import json
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from components.coder.clone_urls import clone_url_regex
from components.coderd_env import CoderdEnvironment, CoderdEnvironmentArgs
from components.errors import ArgsError
from components.external_auth import (
    GitLabExternalAuth,
    GitLabExternalAuthArgs,
    GitLabProvider,
)
from components.network.namespace_args import STACK_ANNOTATION
from tests.components.recording import Recorder, record

SECRET_MARK = "4dabf18193072939515e22adb298388d"
CLIENT_ID = "application-id-of-the-test"
CLIENT_SECRET = "application-secret-of-the-test"
GITLAB = GitLabProvider(0, "gitlab", "gitlab.example.com", CLIENT_ID, CLIENT_SECRET)
SECOND = GitLabProvider(
    1, "gitlab-eu", "git-lab.eu.example.com:8443", "second-id", "second-secret", "GitLab EU"
)


def args(**given: Any) -> GitLabExternalAuthArgs:
    return GitLabExternalAuthArgs(
        **{
            "namespace": "coder",
            "access_url": "https://dev.coder.com",
            "providers": [GITLAB],
            **given,
        }
    )


def declare(**given: Any) -> tuple[Recorder, dict[str, Any]]:
    def program() -> dict[str, pulumi.Output[Any]]:
        auth = GitLabExternalAuth("auth", args(**given))
        return {
            "callbacks": pulumi.Output.from_input(auth.callback_urls),
            "secret": pulumi.Output.from_input(auth.secret_name),
            "variables": pulumi.Output.all(**{v.name: v.value for v in auth.variables}),
            "secrets": pulumi.Output.from_input([v.name for v in auth.variables if v.secret]),
        }

    return record(program)


def test_variables_of_one_provider() -> None:
    recorder, outputs = declare()
    prefix = "CODER_EXTERNAL_AUTH_0_"
    assert outputs == {
        "variables": {
            "CODER_OAUTH2_GITHUB_DEFAULT_PROVIDER_ENABLE": "false",
            prefix + "ID": "gitlab",
            prefix + "TYPE": "gitlab",
            prefix + "DISPLAY_NAME": "GitLab",
            prefix + "CLIENT_ID": CLIENT_ID,
            prefix + "CLIENT_SECRET": CLIENT_SECRET,
            prefix + "AUTH_URL": "https://gitlab.example.com/oauth/authorize",
            prefix + "TOKEN_URL": "https://gitlab.example.com/oauth/token",
            prefix + "VALIDATE_URL": "https://gitlab.example.com/oauth/token/info",
            prefix + "REGEX": clone_url_regex("gitlab.example.com"),
            prefix + "SCOPES": "read_user read_repository write_repository",
        },
        "secrets": [prefix + "CLIENT_ID", prefix + "CLIENT_SECRET"],
        "callbacks": {"gitlab": "https://dev.coder.com/external-auth/gitlab/callback"},
        "secret": None,
    }
    assert [each.typ for each in recorder.registered] == [
        "firewalledcoder:index:GitLabExternalAuth"
    ]


def test_several_providers_share_one_secret_where_a_chart_refers_to_it() -> None:
    recorder, outputs = declare(
        providers=[SECOND, GITLAB],
        access_url="http://127.0.0.1:7080/",
        secret_name="coder-external-auth",
    )
    (secret,) = recorder.of("Secret")
    assert secret["metadata"] == {
        "name": "coder-external-auth",
        "namespace": "coder",
        "annotations": {STACK_ANNOTATION: "firewalled-coder/test"},
    }
    assert secret["type"] == "Opaque"
    assert SECRET_MARK in secret["data"]
    decoded = {k: base64.b64decode(v).decode() for k, v in secret["data"]["value"].items()}
    assert decoded == {
        "gitlab-client-id": CLIENT_ID,
        "gitlab-client-secret": CLIENT_SECRET,
        "gitlab-eu-client-id": "second-id",
        "gitlab-eu-client-secret": "second-secret",
    }
    assert outputs["secret"] == "coder-external-auth"
    found = outputs["variables"]
    assert len(found) == 21
    assert found["CODER_EXTERNAL_AUTH_1_AUTH_URL"] == (
        "https://git-lab.eu.example.com:8443/oauth/authorize"
    )
    assert found["CODER_EXTERNAL_AUTH_1_REGEX"] == clone_url_regex("git-lab.eu.example.com:8443")
    assert outputs["callbacks"] == {
        "gitlab": "http://127.0.0.1:7080/external-auth/gitlab/callback",
        "gitlab-eu": "http://127.0.0.1:7080/external-auth/gitlab-eu/callback",
    }


def test_credentials_stand_in_secrets_alone() -> None:
    """With the CoderdEnvironment that takes the variables."""

    def program() -> dict[str, pulumi.Output[Any]]:
        auth = GitLabExternalAuth("auth", args(secret_name="coder-external-auth"))
        CoderdEnvironment("env", CoderdEnvironmentArgs("coder", auth.variables, "coder-env"))
        return {"callbacks": pulumi.Output.from_input(auth.callback_urls)}

    recorder, outputs = record(program, {"random:index/randomId:RandomId": {"hex": "00"}})
    assert len(recorder.of("Secret")) == 2
    elsewhere = [a.inputs for a in recorder.registered if not a.typ.endswith(":Secret")]
    for text in (CLIENT_ID, CLIENT_SECRET, base64.b64encode(CLIENT_SECRET.encode()).decode()):
        assert text not in json.dumps(elsewhere)
        assert text not in json.dumps(outputs)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"access_url": "dev.coder.com"}, "http or https"),
        ({"access_url": "ssh://dev.coder.com"}, "http or https"),
        ({"access_url": "https://"}, "http or https"),
        ({"access_url": "https://dev.coder.com/coder"}, "must end after the host and port"),
        ({"access_url": "https://dev.coder.com?x=1"}, "must end after the host and port"),
        ({"access_url": "https://dev.coder.com:99999"}, "http or https"),
        ({"access_url": "https://me:s3cr3t@dev.coder.com"}, "must hold no user or password"),
        ({"providers": []}, "there is no provider"),
        ({"providers": [GITLAB, replace(SECOND, index=0)]}, "two providers have the index 0"),
        ({"providers": [GITLAB, replace(SECOND, id="gitlab")]}, "two .* the id gitlab"),
        (
            {"providers": [GITLAB, replace(SECOND, host="GitLab.example.com:444")]},
            "two providers have the host gitlab.example.com",
        ),
        ({"providers": [replace(GITLAB, index=-1)]}, "index -1 is below 0"),
        ({"providers": [replace(GITLAB, id="git lab")]}, "the id takes"),
        ({"providers": [replace(GITLAB, id="git--lab")]}, "single hyphens"),
        ({"providers": [replace(GITLAB, id="g" * 33)]}, "up to 32"),
        ({"providers": [replace(GITLAB, host="https://gitlab.example.com")]}, "is no host"),
        ({"providers": [replace(GITLAB, host="gitlab.example.com/x")]}, "is no host"),
        ({"providers": [replace(GITLAB, host="gitlab.example.com:0")]}, "is no host"),
        ({"providers": [replace(GITLAB, host="gitlab.example.com:70000")]}, "is no host"),
        ({"providers": [replace(GITLAB, host="a b")]}, "is no host"),
        ({"providers": [replace(GITLAB, display_name=" ")]}, "display name is empty"),
        ({"providers": [replace(GITLAB, scopes=())]}, "no GitLab scopes"),
        ({"providers": [replace(GITLAB, client_secret="")]}, "client_secret is empty"),
    ],
)
def test_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgsError, match=message) as caught:
        args(**given)
    assert "s3cr3t" not in str(caught.value)
    assert CLIENT_SECRET not in str(caught.value)


def test_credentials_are_not_in_the_text_of_the_arguments() -> None:
    assert CLIENT_ID not in repr(args())
    assert CLIENT_SECRET not in repr(args())
