"""Looks at what is there before anything is declared: the Coder deployment and the cluster."""

from __future__ import annotations

import pulumi

from components import placement
from components.cluster import Cluster
from components.coder import deployment, package
from components.coder.lookup import Known, look_up
from components.settings.model import Settings
from components.settings.problems import refuse
from program.plan import network_policy


def look(stack: str, settings: Settings) -> Known:
    """Return what the Coder deployment has of what a stack's settings name.

    Raises:
        SettingsError: everything of them that does not fit what is there, at once.
    """
    known = look_up(settings)
    closes_network = network_policy(settings) is not None
    with Cluster(settings.kubernetes.context) as cluster:
        coderd = deployment.look_up(stack, settings, cluster)
        missing = placement.look_up(settings, cluster, closes_network=closes_network)
    refuse(stack, (*known.problems, *coderd.problems, *missing, *package.problems(settings)))
    for warning in coderd.warnings:
        pulumi.log.warn(warning)
    return known
