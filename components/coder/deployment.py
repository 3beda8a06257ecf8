"""Asks the cluster, before anything is declared, whether the stack can set coderd's variables.

What would be found by the API server when half of the stack was applied, or by nobody, since a
chart's `env` silently wins over `envFrom`, is told here: in every preview and update, all at once,
with who owns it and the way out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final

from components.cluster import Cluster
from components.cluster_answers import ask, unreadable
from components.coder import live, variables
from components.coder.clone_urls import clone_url_regex, look_alike
from components.coder.left_behind import still_named
from components.coder.live import Container, Deployment, Source, Variable
from components.coder.variables import FIELD_MANAGER
from components.kubeconfig import ClusterError, message
from components.settings.coder import GitLab
from components.settings.model import Settings
from components.settings.problems import Problem, as_shown

_KEY: Final = "coder.variables"
_VALUES: Final = "coder.env in the chart's values"


@dataclass(frozen=True)
class Found:
    """What a Deployment has that matters to the stack.

    Attributes:
        problems: what does not fit the settings; nothing may be declared if there is any.
        warnings: what works and should not stay.
    """

    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()


def look_up(stack: str, settings: Settings, cluster: Cluster) -> Found:
    """Ask the cluster for coderd's Deployment, and hold it against the settings.

    Args:
        stack: name of the stack.
        settings: its settings, which name the Deployment.
        cluster: whom to ask.
    """
    coder = settings.coder
    path = live.path(coder.namespace, coder.deployment)
    if coder.variables == "none":
        return _of_none(stack, cluster, path)
    try:
        answer = ask(cluster, path, _is_deployment)
    except ClusterError as error:
        return Found((unreadable(settings, str(error)),))
    if answer.status_code == HTTPStatus.NOT_FOUND:
        right = f"there is no such Deployment in namespace {coder.namespace} of the cluster"
        return Found((Problem("coder.deployment", as_shown(coder.deployment), right),))
    if answer.status_code == HTTPStatus.FORBIDDEN:
        why = f"the kubeconfig's user may not get it, which the stack has to: {message(answer)}"
        return Found((unreadable(settings, f"{path}: {why}"),))
    deployment = Deployment.of(answer.json())
    return examine(stack, settings, deployment)


def _of_none(stack: str, cluster: Cluster, path: str) -> Found:
    """Say where the Deployment still needs what the stack made before it left the variables alone.

    Such a stack may have no right to read it, and then nobody can tell.
    """
    try:
        answer = cluster.get(path)
        deployment = Deployment.of(answer.json()) if answer.is_success else None
    except (ClusterError, ValueError, KeyError, TypeError, AttributeError):
        deployment = None
    if deployment is None:
        return Found()
    return Found(tuple(_left_behind(stack, deployment, "none")))


def _left_behind(stack: str, deployment: Deployment, setter: str) -> Iterator[Problem]:
    for said in still_named(deployment, [variables.secret_name(stack)]):
        yield Problem(
            _KEY,
            json.dumps(setter),
            f"{said}, which this would delete, and coderd would not start again. Take it out of "
            "the chart's values and roll the chart out first",
        )


def _is_deployment(found: Mapping[str, Any]) -> bool:
    try:
        Deployment.of(found)
    except (KeyError, TypeError, AttributeError):
        return False
    return True


def examine(stack: str, settings: Settings, deployment: Deployment) -> Found:
    """Hold a Deployment against the settings; see look_up."""
    name = settings.coder.container
    names = [each.name for each in deployment.containers]
    if name not in names:
        right = f"the Deployment has no such container; there are {', '.join(names)}"
        return Found((Problem("coder.container", as_shown(name), right),))
    container = deployment.containers[names.index(name)]
    setter = settings.coder.variables
    if setter == "chart":
        found = _of_chart(settings, container)
        left = tuple(_left_behind(stack, deployment, setter))
        return Found((*found.problems, *left), found.warnings)
    told = [
        *_winning(settings, container),
        *_together(settings, container),
        *_sources(stack, settings, container),
    ]
    if setter == "patch":
        told += _patched(deployment, names.index(name))
    missing = setter == "secret" and not _names(container, variables.secret_name(stack))
    return Found(
        tuple(Problem(_KEY, json.dumps(setter), right) for right in told),
        (_line_needed(stack, settings),) if missing and not told else (),
    )


def _patched(deployment: Deployment, place: int) -> Iterator[str]:
    containers, manager = deployment.containers, deployment.manager
    if place:
        names = ", ".join(each.name for each in containers)
        yield (
            f"container {containers[place].name} is number {place + 1} of the pod's ({names}), and "
            "pulumi-kubernetes compares containers by place: every preview would show the others' "
            "fields as changes. Have the chart put it first, or use coder.variables: secret"
        )
    if manager not in (None, FIELD_MANAGER) and deployment.manager_owners != (FIELD_MANAGER,):
        yield (
            f"another Pulumi program patches the Deployment as {manager}, and the annotation that "
            "says so has one owner: have that program set the variables, and use "
            "coder.variables: none, or use coder.variables: secret"
        )


def _winning(settings: Settings, container: Container) -> Iterator[str]:
    """Say which variables of the container's `env` win over those of the stack, by owner."""
    plain = _plain(settings)
    ours = {*plain, *_credentials(settings)}
    clashes = [
        each
        for name, each in container.variables.items()
        # What an earlier update of the stack put there goes with the next.
        if name in ours
        and each.owners != (FIELD_MANAGER,)
        # Set to what the stack sets, as the chart does with one: nothing is lost.
        and (each.value is None or each.value != plain.get(name))
    ]

    def key(variable: Variable) -> tuple[tuple[str, ...], bool]:
        return variable.owners, variable.value is None

    for (owners, reference), group in groupby(sorted(clashes, key=key), key):
        names = [each.name for each in group]
        form = "by reference" if reference else "as a literal"
        yield (
            f"{', '.join(names)}: set {form} in env of container {container.name} by "
            f"{_by(owners)}, which wins over the stack's value. Take it out of {_VALUES}"
            + (
                ", or leave the login to the chart by coder.variables: chart"
                if any(map(variables.is_login, names))
                else ", or set coder.auditLogging: false"
            )
        )


def _together(settings: Settings, container: Container) -> Iterator[str]:
    """Say with which logins of the container's `env` coderd would not start beside the stack's.

    It wants their numbers without gaps, and each id once; a login without an id has its type for
    one (coderd/externalauth and cli/server.go of coder/coder).
    """
    providers = settings.external_auth.providers
    ids = {provider.id: index for index, provider in enumerate(providers)}
    theirs = {n: each for n, each in container.variables.items() if each.owners != (FIELD_MANAGER,)}
    logins = {name: at for name in theirs if (at := variables.any_login(name))}
    numbers = set(range(len(providers)))
    way_out = (
        f"Set it otherwise in {_VALUES}, or leave the login to the chart by coder.variables: chart"
    )
    for name, (prefix, number, part) in sorted(logins.items(), key=lambda login: login[1]):
        is_id = part == "ID" or (part == "TYPE" and (prefix, number, "ID") not in logins.values())
        own = prefix == variables.PREFIX and number < len(providers)
        by, value = _by(theirs[name].owners), theirs[name].value
        if is_id and value in ids and not own:
            yield (
                f"{name}, set by {by}, is {value}, as is the stack's login number {ids[value]}: "
                f"coderd does not start with two of one id. {way_out}"
            )
        elif prefix == variables.PREFIX and number not in numbers and number - 1 not in numbers:
            yield (
                f"{name}, set by {by}, comes after a number that is missing: coderd does not start "
                f"with a gap. {way_out}"
            )
        if prefix == variables.PREFIX:
            numbers.add(number)


def _sources(stack: str, settings: Settings, container: Container) -> Iterator[str]:
    """Say why the container's `envFrom`, a list of one owner, is not the stack's to set."""
    ours, owners = variables.secret_name(stack), container.sources_owners
    names = [each.name for each in container.sources]
    others = [name for name in map(variables.stack_of, names) if name and ours not in names]
    if others:
        yield (
            f"stack {others[0]} sets coderd's variables already, by {container.sources[0]} in "
            "envFrom, and one stack owns them: use coder.variables: none here"
        )
    elif settings.coder.variables == "secret":
        yield from _left(container, ours)
    elif names == [ours] and owners and FIELD_MANAGER not in owners:
        yield (
            f"envFrom of container {container.name} names the stack's Secret, by {_by(owners)}: "
            "use coder.variables: secret"
        )
    elif names not in ([], [ours]):
        listed = ", ".join(map(str, container.sources))
        yield (
            f"envFrom of container {container.name} is set by {_by(owners)} ({listed}), and is a "
            f"list of one owner. Use coder.variables: secret. {_line(ours)}"
        )


def _left(container: Container, ours: str) -> Iterator[str]:
    """Say what coderd would lose with a patch of the stack's that this update takes away."""
    if container.sources_owners == (FIELD_MANAGER,) and _names(container, ours):
        yield (
            "envFrom is still the stack's own patch, and coderd would lose the variables with it. "
            f"{_line(ours)} and roll the chart out first: `optional` differs from the patch, so "
            "that Helm takes the list over as it is"
        )
    elif any(each.owners == (FIELD_MANAGER,) for each in container.variables.values()):
        yield (
            "env still has variables of an earlier patch of the stack's, which coderd would lose: "
            "bring the stack up with coder.variables: patch first, which moves them into their "
            "Secret"
        )


def _line(secret: str) -> str:
    return (
        f"Add `- secretRef: {{name: {secret}, optional: false}}` to coder.envFrom in the chart's "
        "values"
    )


def _line_needed(stack: str, settings: Settings) -> str:
    coder = settings.coder
    return (
        f"coderd has none of the stack's variables until the chart names their Secret. "
        f"{_line(variables.secret_name(stack))}, and roll Deployment "
        f"{coder.namespace}/{coder.deployment} out when this update has made the Secret"
    )


def _names(container: Container, secret: str) -> bool:
    return Source("Secret", secret) in container.sources


def _by(owners: tuple[str, ...]) -> str:
    return " and ".join(owners) or "somebody who is not on record"


def _plain(settings: Settings) -> dict[str, str]:
    """Return the variables that the stack sets and that are no credentials, with their values."""
    found = dict(variables.LOGIN)
    for index, provider in enumerate(settings.external_auth.providers):
        found |= {
            variables.login_name(index, part): value for part, value in _login(provider).items()
        }
    return found | (dict(variables.AUDIT) if settings.coder.audit_logging else {})


def _login(provider: GitLab) -> dict[str, str]:
    return variables.login(provider.id, provider.host, provider.display_name, variables.SCOPES)


def _credentials(settings: Settings) -> list[str]:
    indexes = range(len(settings.external_auth.providers))
    return [
        variables.login_name(index, part) for index in indexes for part in variables.CREDENTIALS
    ]


def _of_chart(settings: Settings, container: Container) -> Found:
    """Say what a chart that sets the variables itself has to set otherwise."""
    told: list[str] = []
    warnings: list[str] = []
    # What the stack's own patch has set goes with it.
    theirs = {
        name: each for name, each in container.variables.items() if each.owners != (FIELD_MANAGER,)
    }
    # What comes by envFrom is in objects that are not read: it may be there.
    hidden = bool(container.sources) and container.sources_owners != (FIELD_MANAGER,)
    for provider in settings.external_auth.providers:
        index = _index(theirs, provider.id)
        if index is not None:
            told += _references(theirs, provider, index)
            warnings += _loose(theirs, provider, index)
        elif not hidden:
            told.append(
                f"the chart sets no external login with id {provider.id}: set "
                f"{variables.login_name(0, 'ID')} to it, and the login's others, in {_VALUES}, or "
                "use coder.variables: patch"
            )
    told += _audit(settings, theirs, hidden)
    return Found(tuple(Problem(_KEY, '"chart"', right) for right in told), tuple(warnings))


def _index(found: Mapping[str, Variable], id: str) -> int | None:
    for name, variable in found.items():
        part = variables.login_part(name)
        if part is not None and part[1] == "ID" and variable.value == id:
            return part[0]
    return None


def _references(theirs: Mapping[str, Variable], provider: GitLab, index: int) -> Iterator[str]:
    for part in variables.CREDENTIALS:
        name = variables.login_name(index, part)
        wanted = (variables.CREDENTIALS_SECRET, variables.credential_key(provider.id, part))
        variable = theirs.get(name)
        if variable is not None and variable.secret == wanted:
            continue
        if variable is None:
            found = "is not set"
        elif variable.value is not None:
            found = (
                f"is a literal, owned by {_by(variable.owners)}, which whoever may read the "
                "Deployment reads, and which no rotation changes"
            )
        else:
            secret, key = variable.secret or ("", "")
            where = f"key {key} of Secret {secret}" if secret else "elsewhere"
            found = f"comes from {where}, owned by {_by(variable.owners)}"
        yield (
            f"{name} {found}: set it in {_VALUES} by `valueFrom: {{secretKeyRef: {{name: "
            f"{wanted[0]}, key: {wanted[1]}}}}}`"
        )


def _loose(theirs: Mapping[str, Variable], provider: GitLab, index: int) -> Iterator[str]:
    name = variables.login_name(index, "REGEX")
    variable = theirs.get(name)
    if variable is None or variable.value is None:
        return
    if url := look_alike(variable.value, provider.host):
        yield (
            f"{name}, owned by {_by(variable.owners)}, also matches {url}, which would get the "
            f"GitLab tokens of people: set it to '{clone_url_regex(provider.host)}' in {_VALUES}"
        )


def _audit(settings: Settings, theirs: Mapping[str, Variable], hidden: bool) -> Iterator[str]:
    wanted = variables.AUDIT if settings.coder.audit_logging else {}
    listed = ", ".join(
        f"{name}={value}"
        for name, value in wanted.items()
        if (theirs[name].value not in (None, value) if name in theirs else not hidden)
    )
    if listed:
        yield (
            f"the dashboards need {listed}: set them in {_VALUES}, or set coder.auditLogging: false"
        )
