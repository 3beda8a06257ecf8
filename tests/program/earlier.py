"""What the first releases declared of coderd: a patch of `env`, which refers to a Secret."""

from collections.abc import Callable, Mapping

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from tests.program.coderd import encoded


def program(
    context: str, literals: Mapping[str, str], credentials: Mapping[str, tuple[str, str]]
) -> Callable[[], None]:
    """Return a program with the resources of then, under the names that they had.

    Args:
        context: of the kubeconfig.
        literals: variables by name.
        credentials: key of the Secret and value, by the variable's name.
    """

    def declare() -> None:
        provider = kubernetes.Provider("cluster", context=context, enable_secret_mutable=True)
        here = pulumi.ResourceOptions(providers=[provider])
        login = pulumi.ComponentResource(
            "firewalledcoder:index:GitLabExternalAuth", "external-auth", None, here
        )
        secret = kubernetes.core.v1.Secret(
            "external-auth-secret",
            metadata={"name": "coder-external-auth", "namespace": "coder"},
            type="Opaque",
            data={key: encoded(value) for key, value in credentials.values()},
            opts=pulumi.ResourceOptions(parent=login),
        )
        token = random.RandomId(
            "external-auth-rotation", byte_length=8, opts=pulumi.ResourceOptions(parent=login)
        )
        login.register_outputs({"secretName": secret.metadata.name})
        coderd = pulumi.ComponentResource("firewalledcoder:index:CoderdEnv", "coderd", None, here)
        references = {
            name: {"secretKeyRef": {"name": secret.metadata.name, "key": key}}
            for name, (key, _) in credentials.items()
        }
        env = [
            *({"name": name, "value": value} for name, value in literals.items()),
            *({"name": name, "valueFrom": each} for name, each in references.items()),
        ]
        kubernetes.apps.v1.DeploymentPatch(
            "coderd-deployment",
            metadata={
                "name": "coder",
                "namespace": "coder",
                "annotations": {
                    "pulumi.com/patchFieldManager": "firewalled-coder",
                    "pulumi.com/skipAwait": "true",
                },
            },
            spec={
                "template": {
                    "metadata": {
                        "annotations": {"firewalled-coder/external-auth-rotation": token.hex}
                    },
                    "spec": {
                        "containers": [
                            {"name": "coder", "env": sorted(env, key=lambda each: each["name"])}
                        ]
                    },
                }
            },
            opts=pulumi.ResourceOptions(parent=coderd),
        )
        coderd.register_outputs({"names": sorted([*literals, *credentials])})

    return declare
