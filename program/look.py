"""Looks at what is there before anything is declared: the Coder deployment and the cluster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pulumi

from components import ownership, placement
from components.cluster import Cluster
from components.coder import deployment, package
from components.coder.lookup import Known, look_up
from components.settings.model import Settings
from components.settings.problems import refuse
from program.objects import objects
from program.plan import network_policy


def look(stack: str, settings: Settings) -> Known:
    """Return what the Coder deployment has of what a stack's settings name.

    Raises:
        SettingsError: everything of them that does not fit what is there, at once.
    """
    network = network_policy(settings)
    # Both are asked at once: they know nothing of each other, and either may be far away.
    with ThreadPoolExecutor(1) as aside, Cluster(settings.kubernetes.context) as cluster:
        asked = aside.submit(look_up, settings)
        coderd = deployment.look_up(stack, settings, cluster)
        told = any(each.key == "kubernetes.context" for each in coderd.problems)
        missing = placement.look_up(
            stack, settings, cluster, closes_network=network is not None, told=told
        )
        others = ownership.look_up(stack, objects(settings, network), cluster)
        known = asked.result()
    refuse(
        stack, (*known.problems, *coderd.problems, *missing, *others, *package.problems(settings))
    )
    for warning in coderd.warnings:
        pulumi.log.warn(warning)
    return known
