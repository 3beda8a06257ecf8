"""The annotation by which an object says of which stack it is: one takes it away for all."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from components.network.namespace_args import STACK_ANNOTATION


def marked(annotations: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the annotations of an object of the stack that runs, its name beside those given."""
    return {**(annotations or {}), STACK_ANNOTATION: f"{pulumi.get_project()}/{pulumi.get_stack()}"}
