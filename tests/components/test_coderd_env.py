import base64
import json
from typing import Any

import pulumi
import pytest

from components.coder.variables import AUDIT, CLAIM
from components.coderd_env import AUDIT_VARIABLES, CoderdEnvironment, CoderdEnvironmentArgs, EnvVar
from components.errors import ArgsError
from components.network.namespace_args import STACK_ANNOTATION
from tests.components.recording import Recorder, record

COMPONENT = "firewalledcoder:index:CoderdEnv"
SECRET = "kubernetes:core/v1:Secret"
TOKEN = "random:index/randomId:RandomId"
PATCH = "kubernetes:apps/v1:DeploymentPatch"
MARK = {STACK_ANNOTATION: "firewalled-coder/test"}
SECRET_MARK = "4dabf18193072939515e22adb298388d"


def args(**given: Any) -> CoderdEnvironmentArgs:
    standard: dict[str, Any] = {
        "namespace": "coder",
        "secret_name": "coder-env",
        "variables": [EnvVar("A", "1")],
    }
    return CoderdEnvironmentArgs(**{**standard, **given})


def declare(*, asked: bool = True, **given: Any) -> Recorder:
    def program() -> dict[str, pulumi.Output[Any]]:
        CoderdEnvironment("env", args(**given), asked=asked)
        return {}

    return record(program, {TOKEN: {"hex": "0123456789abcdef"}})[0]


def only(recorder: Recorder, kind: str) -> dict[str, Any]:
    (inputs,) = recorder.of(kind)
    return dict(inputs)


def values(recorder: Recorder) -> dict[str, str]:
    data = only(recorder, "Secret")["data"]
    assert SECRET_MARK in data
    return {key: base64.b64decode(value).decode() for key, value in data["value"].items()}


def test_one_secret_holds_the_variables_and_one_entry_names_it() -> None:
    recorder = declare(variables=[EnvVar("B", "x", secret=True), EnvVar("A", "1")])
    assert {each.typ for each in recorder.registered} == {COMPONENT, SECRET, TOKEN, PATCH}
    assert values(recorder) == {"A": "1", "B": "x"}
    place = {"namespace": "coder", "annotations": MARK}
    assert only(recorder, "Secret")["metadata"] == {"name": "coder-env", **place}
    assert {key: only(recorder, "DeploymentPatch")[key] for key in ("metadata", "spec")} == {
        "metadata": {
            "name": "coder",
            "namespace": "coder",
            "annotations": {**MARK, "pulumi.com/patchFieldManager": "firewalled-coder"},
        },
        "spec": {
            "template": {
                "metadata": {"annotations": {"firewalled-coder/variables": "0123456789abcdef"}},
                "spec": {
                    "containers": [
                        {"name": "coder", "envFrom": [{"secretRef": {"name": "coder-env"}}]}
                    ]
                },
            }
        },
    }


@pytest.mark.parametrize("force", [False, True])
def test_who_has_not_asked_the_cluster_claims_the_deployment_first(*, force: bool) -> None:
    """By no name of an owner: the provider makes one, which no other program's claim has."""
    recorder = declare(asked=False, force=force)
    claim, patch = recorder.of("DeploymentPatch")
    forced = {"pulumi.com/patchForce": "true"} if force else {}
    said = {**MARK, CLAIM: "env", "pulumi.com/skipAwait": "true", **forced}
    assert claim["metadata"] == {"name": "coder", "namespace": "coder", "annotations": said}
    assert "spec" not in claim
    # One owner alone says whose it is, so that a program which is renamed meets no conflict.
    owner = {"pulumi.com/patchFieldManager": "firewalled-coder", **forced}
    assert patch["metadata"]["annotations"] == owner
    names = [each.name for each in recorder.registered]
    assert names.index("env-claim") < names.index("env-variables")


def test_a_secret_alone_for_whoever_names_it() -> None:
    for asked in (False, True):
        recorder = declare(patch=False, asked=asked)
        assert {each.typ for each in recorder.registered} == {COMPONENT, SECRET}


def test_order_of_the_variables_is_no_change() -> None:
    one = [EnvVar("A", "1"), EnvVar("B", "2")]
    first, second = declare(variables=one), declare(variables=one[::-1])
    for kind in ("Secret", "RandomId", "DeploymentPatch"):
        assert only(first, kind) == only(second, kind)


@pytest.mark.parametrize(
    ("given", "restarts"),
    [
        ({"variables": [EnvVar("A", "2")]}, True),
        ({"variables": [EnvVar("B", "1")]}, True),
        ({"variables": [EnvVar("A", "1"), EnvVar("B", "", secret=True)]}, True),
        ({"variables": [EnvVar("A", "1", secret=True)]}, False),
        ({"skip_await": True, "force": True}, False),
    ],
)
def test_coderd_restarts_exactly_when_a_variable_changes(
    given: dict[str, Any], restarts: bool
) -> None:
    before, after = only(declare(), "RandomId"), only(declare(**given), "RandomId")
    assert (before["keepers"] != after["keepers"]) is restarts
    assert SECRET_MARK in before["keepers"]


def test_switches_become_annotations() -> None:
    inputs = only(
        declare(
            variables=AUDIT_VARIABLES,
            deployment="coder-eu",
            container="server",
            skip_await=True,
            force=True,
            field_manager="second-stack",
        ),
        "DeploymentPatch",
    )
    assert inputs["metadata"] == {
        "name": "coder-eu",
        "namespace": "coder",
        "annotations": {
            **MARK,
            "pulumi.com/patchFieldManager": "second-stack",
            "pulumi.com/skipAwait": "true",
            "pulumi.com/patchForce": "true",
        },
    }
    assert inputs["spec"]["template"]["spec"]["containers"][0]["name"] == "server"


def test_a_secret_value_stands_in_the_secret_alone() -> None:
    recorder = declare(variables=[EnvVar("KEY", "x1y2", secret=True)])
    assert values(recorder) == {"KEY": "x1y2"}
    elsewhere = json.dumps([each.inputs for each in recorder.registered if each.typ != SECRET])
    for text in ("x1y2", base64.b64encode(b"x1y2").decode()):
        assert text not in elsewhere


def test_audit_variables() -> None:
    assert {variable.name: variable.value for variable in AUDIT_VARIABLES} == AUDIT


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"variables": []}, "nothing to set"),
        ({"variables": [EnvVar("A B", "1")]}, "'A B' is no variable name"),
        ({"variables": [EnvVar("A", "1"), EnvVar("A", "2")]}, "A is set 2 times"),
        ({"variables": [EnvVar("CODER_EXTERNAL_AUTH_0_CLIENT_SECRET", "x1y2")]}, "mark it secret"),
        ({"variables": [EnvVar("URL", "https://u:x1y2@a.example")]}, "mark it secret"),
        ({"container": "Coder"}, "container 'Coder'"),
        ({"deployment": ""}, "deployment ''"),
        ({"secret_name": "Coder_env"}, "secret_name 'Coder_env'"),
        ({"field_manager": ""}, "field manager"),
    ],
)
def test_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgsError, match=message) as caught:
        args(**given)
    assert "x1y2" not in str(caught.value)
