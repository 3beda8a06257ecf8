from typing import Any

import pulumi
import pytest

from components.coderd_env import AUDIT_VARIABLES, CoderdEnv, CoderdEnvArgs, EnvVar, SecretRef
from components.errors import ArgsError
from tests.components.recording import record


def patch(**given: Any) -> dict[str, Any]:
    """The inputs of the one patch that a CoderdEnv declares."""

    def program() -> dict[str, pulumi.Output[Any]]:
        CoderdEnv("env", CoderdEnvArgs(**{"namespace": "coder", **given}))
        return {}

    recorder, _ = record(program)
    (inputs,) = recorder.of("DeploymentPatch")
    kinds = [args.typ for args in recorder.registered]
    assert kinds == ["firewalledcoder:index:CoderdEnv", "kubernetes:apps/v1:DeploymentPatch"]
    return dict(inputs)


def test_only_the_fields_given_are_in_the_patch() -> None:
    inputs = patch(
        variables=[
            EnvVar("B", SecretRef("coder-external-auth", "gitlab-client-id")),
            EnvVar("A", "1"),
        ],
        pod_annotations={"firewalled-coder/rotation": "cafe"},
    )
    assert {key: inputs[key] for key in ("metadata", "spec")} == {
        "metadata": {
            "name": "coder",
            "namespace": "coder",
            "annotations": {"pulumi.com/patchFieldManager": "firewalled-coder"},
        },
        "spec": {
            "template": {
                "metadata": {"annotations": {"firewalled-coder/rotation": "cafe"}},
                "spec": {
                    "containers": [
                        {
                            "name": "coder",
                            "env": [
                                {"name": "A", "value": "1"},
                                {
                                    "name": "B",
                                    "valueFrom": {
                                        "secretKeyRef": {
                                            "name": "coder-external-auth",
                                            "key": "gitlab-client-id",
                                        }
                                    },
                                },
                            ],
                        }
                    ]
                },
            }
        },
    }


def test_order_of_the_variables_is_no_change() -> None:
    one = [EnvVar("A", "1"), EnvVar("B", "2")]
    assert patch(variables=one) == patch(variables=one[::-1])


def test_switches_become_annotations() -> None:
    inputs = patch(
        variables=AUDIT_VARIABLES,
        deployment="coder-eu",
        container="server",
        skip_await=True,
        force=True,
        field_manager="second-stack",
    )
    assert inputs["metadata"] == {
        "name": "coder-eu",
        "namespace": "coder",
        "annotations": {
            "pulumi.com/patchFieldManager": "second-stack",
            "pulumi.com/skipAwait": "true",
            "pulumi.com/patchForce": "true",
        },
    }
    assert "metadata" not in inputs["spec"]["template"]
    assert inputs["spec"]["template"]["spec"]["containers"][0]["name"] == "server"


def test_audit_variables() -> None:
    assert {variable.name: variable.value for variable in AUDIT_VARIABLES} == {
        "CODER_LOGGING_JSON": "/dev/stderr",
        "CODER_LOGGING_HUMAN": "/dev/null",
        "CODER_PROMETHEUS_ENABLE": "true",
        "CODER_PROMETHEUS_ADDRESS": "0.0.0.0:2112",
        "CODER_PROMETHEUS_COLLECT_AGENT_STATS": "true",
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"variables": []}, "nothing to set"),
        ({"variables": [EnvVar("A B", "1")]}, "'A B' is no variable name"),
        ({"variables": [EnvVar("A", "1"), EnvVar("A", "2")]}, "A is set 2 times"),
        ({"variables": [EnvVar("CODER_EXTERNAL_AUTH_0_CLIENT_SECRET", "x1y2")]}, "is a literal"),
        (
            {"variables": [EnvVar("CODER_PG_CONNECTION_URL", "postgres://c:x1y2@db/c")]},
            "is a literal",
        ),
        ({"variables": [EnvVar("A", "1")], "container": "Coder"}, "container 'Coder'"),
        ({"variables": [EnvVar("A", "1")], "deployment": ""}, "deployment ''"),
        ({"variables": [EnvVar("A", "1")], "field_manager": ""}, "field manager"),
    ],
)
def test_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgsError, match=message) as caught:
        CoderdEnvArgs(**{"namespace": "coder", **given})
    assert "x1y2" not in str(caught.value)
