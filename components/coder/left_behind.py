"""Secrets of the stack's that somebody else's part of coderd's Deployment still names.

Without one of them coderd's next pod does not start, so none is removed before the Deployment lets
go of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from components.coder.live import Deployment
from components.coder.variables import FIELD_MANAGER


def still_named(deployment: Deployment, secrets: Iterable[str]) -> Iterator[str]:
    """Yield a text for each Secret that the Deployment names by another's hand than the stack's.

    Args:
        deployment: as it is now.
        secrets: names of what would go.
    """
    for secret in secrets:
        for container in deployment.containers:
            owners: tuple[str, ...] | None = None
            place = ""
            if container.sources_owners != (FIELD_MANAGER,) and any(
                each.kind == "Secret" and each.name == secret for each in container.sources
            ):
                owners, place = container.sources_owners, "envFrom"
            for variable in container.variables.values():
                by_others = variable.owners != (FIELD_MANAGER,)
                if by_others and variable.secret and variable.secret[0] == secret:
                    owners, place = variable.owners, f"{variable.name} in env"
            if owners is not None:
                by = " and ".join(owners) or "somebody who is not on record"
                yield f"{place} of container {container.name}, set by {by}, names Secret {secret}"
                break
