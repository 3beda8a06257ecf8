"""Asks the cluster, before anything is declared, whose the objects are that the stack would make.

Two stacks that apply the same object share it without a word, and whichever is destroyed takes it
away from the other. Objects that say nothing are taken: a stack's own of an earlier release do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from components.cluster import Cluster
from components.kubeconfig import ClusterError
from components.network.namespace_args import STACK_ANNOTATION
from components.observability import provisioning
from components.settings.problems import PROJECT, Problem, as_shown

_ONE, _LIST = (
    f"application/json;as={kind};g=meta.k8s.io;v=v1,application/json"
    for kind in ("PartialObjectMetadata", "PartialObjectMetadataList")
)
"""Ask for metadata alone: the other dashboards of a Grafana are megabytes, and no secret comes."""
_ALERTS_LABEL: Final = "grafana_alert"
_SHOWN: Final = 3


@dataclass(frozen=True)
class Objects:
    """Objects of one kind that a stack makes in one namespace.

    Attributes:
        key: the setting that names the namespace.
        namespace: that namespace.
        group: path of the kind's API group, as /api/v1.
        kind: of the objects.
        names: of the objects.
        instead: what the stack may do to make others.
        folder: of Grafana, in which each alert has its title once; of ConfigMaps with alerts.
    """

    key: str
    namespace: str
    group: str
    kind: str
    names: tuple[str, ...]
    instead: str
    folder: str | None = None

    @property
    def resource(self) -> str:
        """What kubectl and the API server call the kind."""
        plural = self.kind.lower()
        return f"{plural[:-1]}ies" if plural.endswith("y") else f"{plural}s"

    @property
    def path(self) -> str:
        """Where the API server has all of the kind."""
        return f"{self.group}/namespaces/{self.namespace}/{self.resource}"


def look_up(stack: str, wanted: Iterable[Objects], cluster: Cluster) -> tuple[Problem, ...]:
    """Return which objects that the stack would make another stack has made.

    What the kubeconfig's user may not ask about is taken to be the stack's own. One request a
    kind, unless there is another stack.

    Args:
        stack: name of the stack.
        wanted: what the stack makes.
        cluster: whom to ask.
    """
    ours = f"{PROJECT}/{stack}"
    try:
        return tuple(
            problem for each in wanted if each.names for problem in _problems(ours, each, cluster)
        )
    except ClusterError:
        return ()  # told by whoever asks for the namespaces


def _problems(ours: str, wanted: Objects, cluster: Cluster) -> Iterator[Problem]:
    others: dict[str, list[str]] = {}
    with_alerts: dict[str, str] = {}
    for found in _found(wanted, cluster):
        name, owner = str(found.get("name")), _owner(found)
        if owner in ("", ours):
            continue
        if name in wanted.names:
            others.setdefault(owner, []).append(name)
        elif _ALERTS_LABEL in _mapping(found.get("labels")):
            with_alerts[name] = owner
    for owner, names in others.items():
        yield Problem(wanted.key, as_shown(wanted.namespace), _taken(wanted, owner, sorted(names)))
    for name, owner in with_alerts.items():
        if wanted.folder is not None and wanted.folder in _folders(wanted, name, cluster):
            right = (
                f"the alerts of the stack {owner} are in this folder (ConfigMap {name}), in which "
                "Grafana has a title once: name another"
            )
            yield Problem("grafana.folder", as_shown(wanted.folder), right)


def _taken(wanted: Objects, owner: str, names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    if len(names) > _SHOWN:
        shown += f" and {len(names) - _SHOWN} more"
    one = len(names) == 1
    return (
        f"{wanted.kind} {shown} there {'is' if one else 'are'} of the stack {owner}, and whichever "
        f"of two stacks is destroyed takes {'it' if one else 'them'} away: {wanted.instead}; if "
        f"that stack is gone, run `kubectl annotate -n {wanted.namespace} {wanted.kind.lower()} "
        f"{' '.join(names)} {STACK_ANNOTATION}-`"
    )


def _found(wanted: Objects, cluster: Cluster) -> Iterator[Mapping[str, Any]]:
    """Yield the metadata of what is there of a kind, of the stack's one object if it has one."""
    if len(wanted.names) > 1:
        answer = cluster.get(wanted.path, accept=_LIST)
        if answer.status_code != HTTPStatus.FORBIDDEN:
            items = _mapping(_body(answer)).get("items")
            for item in items if isinstance(items, list) else ():
                yield _mapping(_mapping(item).get("metadata"))
            return
    # Who may get what the stack makes and list nothing is told of one at least.
    one = cluster.get(f"{wanted.path}/{wanted.names[-1]}", accept=_ONE)
    if one.is_success:
        yield _mapping(_mapping(_body(one)).get("metadata"))


def _folders(wanted: Objects, name: str, cluster: Cluster) -> set[str]:
    """Return the folders of a ConfigMap with alerts, none of one that is not readable."""
    found: set[str] = set()
    data = _mapping(_mapping(_body(cluster.get(f"{wanted.path}/{name}"))).get("data"))
    for text in data.values():
        groups = _mapping(provisioning.read(text)).get("groups")
        for group in groups if isinstance(groups, list) else ():
            # A dollar is doubled in Grafana's files.
            found.add(str(_mapping(group).get("folder")).replace("$$", "$"))
    return found


def _owner(metadata: Mapping[str, Any]) -> str:
    return str(_mapping(metadata.get("annotations")).get(STACK_ANNOTATION) or "")


def _body(answer: Any) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
