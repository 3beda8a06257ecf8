"""CoderdEnvironment: environment variables of coderd, and nothing else of its Deployment.

coderd is installed by Coder's Helm chart (Deployment `coder`, container `coder`). All variables
stand in one Secret, which one `envFrom` entry names; an annotation of the pod template changes when
a variable does, so that coderd restarts exactly then. Both go in by one server-side apply under a
field manager of their own, and deleting the patch gives them back. Every program patches by one
name of it, which is one owner to the API server: an annotation says whose the Deployment is. Not by
`env`: pulumi-kubernetes compares a list by place, so that the chart's variables would be told as
changes for ever.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import ClassVar, Final

import pulumi
import pulumi_kubernetes as kubernetes

from components.boundary.credentials import HIDDEN, form_of, names_credential
from components.coder.chart import CONTAINER, DEPLOYMENT
from components.coder.variables import ANNOTATION, AUDIT, CLAIM, FIELD_MANAGER
from components.errors import refuse
from components.mark import marked
from components.rotation import rotation_token

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\Z")
_FIELD_MANAGER_LENGTH: Final = 128


@dataclass(frozen=True)
class EnvVar:
    """A variable of coderd.

    Args:
        name: its name.
        value: its value.
        secret: whether the value is a credential, which reviews do not show.
    """

    name: str
    value: pulumi.Input[str]
    secret: bool = False


AUDIT_VARIABLES: Final = tuple(EnvVar(name, value) for name, value in AUDIT.items())


@dataclass(frozen=True)
class CoderdEnvironmentArgs:
    """The variables of one coderd.

    Declare one CoderdEnvironment that patches for a Deployment: `envFrom` is a list of one owner.
    The API server refuses another one's claim before anything else of it is applied.

    Args:
        namespace: namespace of the Deployment, in which the Secret has to be.
        variables: every variable that the stack sets, names unique; where another component's
            output tells them they are checked when they are known.
        secret_name: name of the Secret.
        patch: whether the Deployment is patched; otherwise the Secret is made alone, and somebody
            else names it in the Deployment, such as the chart by `coder.envFrom` in its values.
        deployment: name of the Deployment.
        container: name of coderd's container, which has to be the pod's first.
        skip_await: go on without waiting for the rollout.
        force: take over fields that another field manager owns; otherwise they are a conflict.
        field_manager: owner of the fields.
    """

    namespace: pulumi.Input[str]
    variables: Sequence[EnvVar] | pulumi.Output[Sequence[EnvVar]]
    secret_name: pulumi.Input[str]
    patch: bool = True
    deployment: pulumi.Input[str] = DEPLOYMENT
    container: pulumi.Input[str] = CONTAINER
    skip_await: bool = False
    force: bool = False
    field_manager: str = FIELD_MANAGER

    def __post_init__(self) -> None:
        refuse("coderd variables", self._problems())

    def _problems(self) -> list[str]:
        found = []
        if not isinstance(self.variables, pulumi.Output):
            found += _variable_problems(self.variables)
        for what, value in (
            ("deployment", self.deployment),
            ("container", self.container),
            ("secret_name", self.secret_name),
        ):
            if isinstance(value, str) and not _NAME.match(value):
                found.append(f"{what} {value!r} is no Kubernetes name")
        if not 0 < len(self.field_manager) <= _FIELD_MANAGER_LENGTH:
            found.append(f"the field manager takes 1 to {_FIELD_MANAGER_LENGTH} characters")
        return found


def _variable_problems(variables: Sequence[EnvVar]) -> list[str]:
    names = [variable.name for variable in variables]
    found = [] if names else ["there is nothing to set"]
    for name in sorted(set(names)):
        if not _VARIABLE.match(name):
            found.append(f"{name!r} is no variable name")
        if names.count(name) > 1:
            found.append(f"{name} is set {names.count(name)} times; set it once")
    found += [
        f"{variable.name} looks like a credential and would be shown in reviews: mark it secret"
        for variable in variables
        if not variable.secret and _is_credential(variable)
    ]
    return found


class CoderdEnvironment(pulumi.ComponentResource):
    """Sets variables of coderd; destroying it leaves the Deployment as it was.

    Attributes:
        names: the variables that the stack owns, sorted.
        secret_name: name of the Secret.
    """

    names: pulumi.Output[list[str]]
    secret_name: pulumi.Output[str]
    # As in the states of all releases: the program of an earlier one, to which a rollback goes,
    # would delete the Secret of a component of another type.
    _component_type: ClassVar[str] = "firewalledcoder:index:CoderdEnv"

    def __init__(
        self,
        name: str,
        args: CoderdEnvironmentArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        asked: bool = False,
    ) -> None:
        """Declare it.

        Args:
            name: of the component, and the beginning of its resources' names.
            args: what it is.
            opts: of the component.
            asked: whether the cluster has been asked who sets coderd's variables, as a stack of
                this project does. Then nothing is claimed first, and the patch says whose it is.
        """
        super().__init__(self._component_type, name, None, opts)
        variables = _Variables.of(args.variables)
        claimed = [self._claim(name, args)] if args.patch and not asked else []
        secret = kubernetes.core.v1.Secret(
            f"{name}-variables",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=args.secret_name, namespace=args.namespace, annotations=marked()
            ),
            type="Opaque",
            # Not stringData, whose keys the API server does not remove again once applied.
            data=variables.encoded,
            opts=pulumi.ResourceOptions(parent=self, depends_on=claimed),
        )
        self.names = variables.names
        self.secret_name = secret.metadata.name
        if args.patch:
            self._patch(name, args, variables, marked() if asked else {})
        self.register_outputs({"variables": variables.shown, "secretName": self.secret_name})

    def _claim(self, name: str, args: CoderdEnvironmentArgs) -> pulumi.Resource:
        """Say on the Deployment whose it is, by an owner that the provider makes for this alone.

        The patch has the owner of every other program's, whose values it would take over in
        silence; this one meets a conflict, and what comes after it is not applied.
        """
        annotations = {**marked(), CLAIM: name, "pulumi.com/skipAwait": "true"}
        if args.force:
            annotations["pulumi.com/patchForce"] = "true"
        claim: pulumi.Resource = kubernetes.apps.v1.DeploymentPatch(
            f"{name}-claim",
            metadata=kubernetes.meta.v1.ObjectMetaPatchArgs(
                name=args.deployment, namespace=args.namespace, annotations=annotations
            ),
            opts=pulumi.ResourceOptions(
                parent=self, additional_secret_outputs=["metadata", "spec"]
            ),
        )
        return claim

    def _patch(
        self,
        name: str,
        args: CoderdEnvironmentArgs,
        variables: "_Variables",
        marks: Mapping[str, str],
    ) -> None:
        token = rotation_token(f"{name}-rotation", variables.values, parent=self)
        annotations = {**marks, "pulumi.com/patchFieldManager": args.field_manager}
        if args.skip_await:
            annotations["pulumi.com/skipAwait"] = "true"
        if args.force:
            annotations["pulumi.com/patchForce"] = "true"
        # An output of the Secret, so that it is there before a pod asks for it.
        source = kubernetes.core.v1.SecretEnvSourcePatchArgs(name=self.secret_name)
        container = kubernetes.core.v1.ContainerPatchArgs(
            name=args.container,
            env_from=[kubernetes.core.v1.EnvFromSourcePatchArgs(secret_ref=source)],
        )
        kubernetes.apps.v1.DeploymentPatch(
            f"{name}-deployment",
            metadata=kubernetes.meta.v1.ObjectMetaPatchArgs(
                name=args.deployment, namespace=args.namespace, annotations=annotations
            ),
            spec=kubernetes.apps.v1.DeploymentSpecPatchArgs(
                template=kubernetes.core.v1.PodTemplateSpecPatchArgs(
                    metadata=kubernetes.meta.v1.ObjectMetaPatchArgs(
                        annotations={ANNOTATION: token}
                    ),
                    spec=kubernetes.core.v1.PodSpecPatchArgs(containers=[container]),
                )
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                # The provider keeps the whole live object, with what the chart has as literals.
                additional_secret_outputs=["metadata", "spec"],
            ),
        )


@dataclass(frozen=True)
class _Variables:
    """The variables in the forms in which resources take them.

    Args:
        names: sorted.
        values: by name, or all in one text that changes when a value does.
        encoded: by name, in base64.
        shown: by name, what reviews show: a Secret's values are hidden from them, and its names
            with these.
    """

    names: pulumi.Output[list[str]]
    values: Mapping[str, pulumi.Input[str]]
    encoded: pulumi.Input[Mapping[str, pulumi.Input[str]]]
    shown: pulumi.Input[Mapping[str, pulumi.Input[str]]]

    @classmethod
    def of(cls, variables: Sequence[EnvVar] | pulumi.Output[Sequence[EnvVar]]) -> "_Variables":
        """Return the forms; sorted, so that the order in which parts of a program add theirs
        is no change.
        """
        if isinstance(variables, pulumi.Output):
            return cls._told(variables)
        ordered = _ordered(variables)
        return cls(
            pulumi.Output.from_input([each.name for each in ordered]),
            {each.name: each.value for each in ordered},
            {each.name: encoded(each.value) for each in ordered},
            _shown(ordered),
        )

    @classmethod
    def _told(cls, variables: pulumi.Output[Sequence[EnvVar]]) -> "_Variables":
        ordered = variables.apply(_checked).apply(_ordered)
        plain = pulumi.Output.unsecret(ordered)
        return cls(
            plain.apply(lambda known: [each.name for each in known]),
            {"all": ordered.apply(lambda known: json.dumps([astuple(each) for each in known]))},
            ordered.apply(
                lambda known: pulumi.Output.all(
                    **{each.name: encoded(each.value) for each in known}
                )
            ),
            plain.apply(_shown),
        )


def _checked(variables: Sequence[EnvVar]) -> Sequence[EnvVar]:
    refuse("coderd variables", _variable_problems(variables))
    return variables


def _ordered(variables: Sequence[EnvVar]) -> list[EnvVar]:
    return sorted(variables, key=lambda variable: variable.name)


def _shown(variables: Sequence[EnvVar]) -> dict[str, pulumi.Input[str]]:
    return {each.name: HIDDEN if each.secret else each.value for each in variables}


def _is_credential(variable: EnvVar) -> bool:
    value = variable.value if isinstance(variable.value, str) else None
    return names_credential(variable.name, value) or bool(value and form_of(value))


def encoded(value: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return a value as a Kubernetes Secret holds it, in base64; a secret stays one."""
    return pulumi.Output.from_input(value).apply(
        lambda text: base64.b64encode(text.encode()).decode()
    )
