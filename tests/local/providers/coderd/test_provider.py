"""The stand-in for Coder's provider: its schema, its options, and whom it asks."""

import base64
import json
from pathlib import Path

import pulumi_coderd as coderd
import pytest
from pulumi.runtime.proto import provider_pb2

from local.coderd import LocalCoderd
from local.providers.base import ProviderError
from local.providers.coderd import CoderdProvider
from local.providers.wire import UNKNOWN, Secret
from tests.local.providers.coderd.engine import SECRET


def test_it_becomes_the_package_of_the_sdk_and_no_other(provider: CoderdProvider) -> None:
    carried = json.loads((Path(coderd.__file__).parent / "pulumi-plugin.json").read_text())[
        "parameterization"
    ]
    value = provider_pb2.ParameterizeRequest.ParametersValue(
        name=carried["name"],
        version=carried["version"],
        value=base64.b64decode(carried["value"]),
    )
    request = provider_pb2.ParameterizeRequest(value=value)
    assert provider.parameterize(request) == ("coderd", "0.0.25")
    assert provider.schema()["name"] == "coderd"
    words = provider_pb2.ParameterizeRequest.ParametersArgs(args=["coder/coderd", "0.0.25"])
    by_words = provider_pb2.ParameterizeRequest(args=words)
    assert provider.parameterize(by_words) == ("coderd", "0.0.25")
    # What an earlier commit names is in states that it left.
    words = provider_pb2.ParameterizeRequest.ParametersArgs(args=["coder/coderd", "0.0.23"])
    earlier = provider_pb2.ParameterizeRequest(args=words)
    assert provider.parameterize(earlier) == ("coderd", "0.0.23")
    for args in (["coder/coderd", "0.0.22"], ["hashicorp/random"], []):
        words = provider_pb2.ParameterizeRequest.ParametersArgs(args=args)
        with pytest.raises(ProviderError, match=r"coder/coderd 0\.0\.25 alone"):
            provider.parameterize(provider_pb2.ParameterizeRequest(args=words))
    value.value = b"{"
    with pytest.raises(ProviderError, match="stands in for"):
        provider.parameterize(provider_pb2.ParameterizeRequest(value=value))


def test_options_are_checked(provider: CoderdProvider) -> None:
    good = {"url": "https://coder.example.com", "token": Secret("x"), "headers": '{"A": "b"}'}
    assert provider.check_config({}, good).failures == ()
    assert provider.check_config({}, {"url": UNKNOWN, "token": UNKNOWN}).failures == ()
    bad = {"url": "coder.example.com", "tokne": "x", "headers": "no"}
    failures = dict(provider.check_config({}, bad).failures)
    assert failures.keys() == {"url", "tokne", "headers"}


def test_a_deployment_that_is_not_said_or_not_there(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CODER_URL", raising=False)
    monkeypatch.delenv("CODER_SESSION_TOKEN", raising=False)
    for config, message in (
        ({}, r"url: url or \$CODER_URL is required"),
        ({"url": "http://127.0.0.1:1"}, r"token: token or \$CODER_SESSION_TOKEN is required"),
        ({"url": UNKNOWN, "token": "x"}, "url is not known yet"),
        (
            {"url": "http://127.0.0.1:1", "token": "x"},
            'failed to get default organization ID: Get "http://127.0.0.1:1/api/v2/users/me"',
        ),
    ):
        provider = CoderdProvider(root)
        with pytest.raises(ProviderError, match=message):
            provider.configure(config)
        provider.close()


def test_a_wrong_token_is_said_without_the_token(deployment: LocalCoderd, root: Path) -> None:
    provider = CoderdProvider(root)
    with pytest.raises(ProviderError, match="401: You are signed out") as error:
        provider.configure({"url": deployment.url, "token": Secret(SECRET)})
    assert SECRET not in str(error.value)
    provider.close()


def test_the_environment_names_the_deployment(
    deployment: LocalCoderd, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODER_URL", deployment.url + "/")
    monkeypatch.setenv("CODER_SESSION_TOKEN", deployment.token)
    provider = CoderdProvider(root)
    found = provider.invoke("coderd:index/getUser:getUser", {"username": "admin"})
    assert found["roles"] == ["owner"]
    provider.close()
