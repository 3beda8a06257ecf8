"""CoderdEnv: environment variables of coderd, and nothing else of its Deployment.

coderd is installed by Coder's Helm chart (v2.34.1: Deployment `coder`, container `coder`). The
variables go in by server-side apply under a field manager of their own: `env` merges by name, the
chart's variables stay the chart's, and deleting the patch gives ours back.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from components.boundary.credentials import form_of, names_credential
from components.errors import refuse

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\Z")
_FIELD_MANAGER_LENGTH: Final = 128


@dataclass(frozen=True)
class SecretRef:
    """One key of a Kubernetes Secret in coderd's namespace.

    Args:
        name: name of the Secret; given as an output of it, coderd restarts after it is there.
        key: key in the Secret.
    """

    name: pulumi.Input[str]
    key: str


@dataclass(frozen=True)
class EnvVar:
    """A variable of coderd: a literal, readable in the Deployment, or a reference to a Secret."""

    name: str
    value: pulumi.Input[str] | SecretRef


# What the dashboards need: JSON logs for Loki, and the metrics of agents for Prometheus.
AUDIT_VARIABLES: Final[tuple[EnvVar, ...]] = (
    EnvVar("CODER_LOGGING_JSON", "/dev/stderr"),
    EnvVar("CODER_LOGGING_HUMAN", "/dev/null"),
    EnvVar("CODER_PROMETHEUS_ENABLE", "true"),
    EnvVar("CODER_PROMETHEUS_ADDRESS", "0.0.0.0:2112"),
    EnvVar("CODER_PROMETHEUS_COLLECT_AGENT_STATS", "true"),
)


@dataclass(frozen=True)
class CoderdEnvArgs:
    """The variables of one coderd.

    Declare one CoderdEnv for a Deployment: two patches by one field manager take each other's
    fields away.

    Args:
        namespace: namespace of the Deployment.
        variables: every variable that the stack sets, names unique.
        deployment: name of the Deployment.
        container: name of coderd's container.
        pod_annotations: annotations of the pod template. A value that changes restarts coderd,
            which is how a rotated Secret takes effect: see GitLabExternalAuth.pod_annotations.
        skip_await: go on without waiting for the rollout.
        force: take over fields that another field manager owns; otherwise they are a conflict.
        field_manager: owner of the fields. Two stacks that patch one Deployment need two.
    """

    namespace: pulumi.Input[str]
    variables: Sequence[EnvVar]
    deployment: str = "coder"
    container: str = "coder"
    pod_annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    skip_await: bool = False
    force: bool = False
    field_manager: str = "firewalled-coder"

    def __post_init__(self) -> None:
        refuse("coderd variables", self._problems())

    def _problems(self) -> list[str]:
        found = []
        names = [variable.name for variable in self.variables]
        if not names and not self.pod_annotations:
            found.append("there is nothing to set")
        for name in sorted(set(names)):
            if not _VARIABLE.match(name):
                found.append(f"{name!r} is no variable name")
            if names.count(name) > 1:
                found.append(f"{name} is set {names.count(name)} times; set it once")
        found += [
            f"{variable.name} is a literal, which everybody who may read the Deployment could "
            "read: put it in a Secret and refer to that"
            for variable in self.variables
            if not isinstance(variable.value, SecretRef) and _is_credential(variable)
        ]
        for what, value in (("deployment", self.deployment), ("container", self.container)):
            if not _NAME.match(value):
                found.append(f"{what} {value!r} is no Kubernetes name")
        if not 0 < len(self.field_manager) <= _FIELD_MANAGER_LENGTH:
            found.append(f"the field manager takes 1 to {_FIELD_MANAGER_LENGTH} characters")
        return found


class CoderdEnv(pulumi.ComponentResource):
    """Sets variables of coderd; destroying it leaves the Deployment as it was.

    Attributes:
        names: the variables that the stack owns, sorted.
    """

    names: tuple[str, ...]

    def __init__(
        self, name: str, args: CoderdEnvArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("firewalledcoder:index:CoderdEnv", name, None, opts)
        # Sorted, so that the order in which parts of the program add theirs is no change.
        variables = sorted(args.variables, key=lambda variable: variable.name)
        annotations = {"pulumi.com/patchFieldManager": args.field_manager}
        if args.skip_await:
            annotations["pulumi.com/skipAwait"] = "true"
        if args.force:
            annotations["pulumi.com/patchForce"] = "true"
        kubernetes.apps.v1.DeploymentPatch(
            f"{name}-deployment",
            metadata=kubernetes.meta.v1.ObjectMetaPatchArgs(
                name=args.deployment, namespace=args.namespace, annotations=annotations
            ),
            spec=kubernetes.apps.v1.DeploymentSpecPatchArgs(
                template=kubernetes.core.v1.PodTemplateSpecPatchArgs(
                    metadata=_pod_metadata(args.pod_annotations),
                    spec=kubernetes.core.v1.PodSpecPatchArgs(
                        containers=[
                            kubernetes.core.v1.ContainerPatchArgs(
                                name=args.container, env=[_env(each) for each in variables]
                            )
                        ]
                    ),
                )
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.names = tuple(variable.name for variable in variables)
        self.register_outputs({"names": list(self.names)})


def _is_credential(variable: EnvVar) -> bool:
    value = variable.value if isinstance(variable.value, str) else None
    return names_credential(variable.name, value) or bool(value and form_of(value))


def _pod_metadata(
    annotations: Mapping[str, pulumi.Input[str]],
) -> kubernetes.meta.v1.ObjectMetaPatchArgs | None:
    if not annotations:
        return None
    return kubernetes.meta.v1.ObjectMetaPatchArgs(annotations=dict(annotations))


def _env(variable: EnvVar) -> kubernetes.core.v1.EnvVarPatchArgs:
    if not isinstance(variable.value, SecretRef):
        return kubernetes.core.v1.EnvVarPatchArgs(name=variable.name, value=variable.value)
    return kubernetes.core.v1.EnvVarPatchArgs(
        name=variable.name,
        value_from=kubernetes.core.v1.EnvVarSourcePatchArgs(
            secret_key_ref=kubernetes.core.v1.SecretKeySelectorPatchArgs(
                name=variable.value.name, key=variable.value.key
            )
        ),
    )
