"""When an object is what was asked for, by kind, as pulumi-kubernetes waits for it."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from local.providers.kube_client import Object

DEFAULT_SECONDS: Final = 600.0
"""How long to wait where the program sets no customTimeouts, as in pulumi-kubernetes."""

_POLL_SECONDS: Final = 0.25


def _condition(live: Object, kind: str) -> Mapping[str, Any]:
    conditions = (live.get("status") or {}).get("conditions") or []
    return next((found for found in conditions if found.get("type") == kind), {})


def _unobserved(live: Object) -> list[str]:
    seen = (live.get("status") or {}).get("observedGeneration", 0)
    if seen < live["metadata"].get("generation", 0):
        return ["No controller has acted on the object yet"]
    return []


def _replicas(live: Object, ready: str) -> list[str]:
    wanted = live["spec"].get("replicas", 1)
    status = live.get("status") or {}
    reasons = _unobserved(live)
    for what, key in (("updated", "updatedReplicas"), ("ready", ready)):
        number = status.get(key, 0)
        if number < wanted:
            reasons.append(f"{number} of {wanted} Pods are {what}")
    return reasons


def _deployment(live: Object) -> list[str]:
    if live["spec"].get("replicas", 1) == 0:
        return []
    reasons = _replicas(live, "availableReplicas")
    progressing = _condition(live, "Progressing")
    if progressing.get("status") == "False":
        reasons.append(f"[{progressing.get('reason')}] {progressing.get('message')}")
    available = _condition(live, "Available")
    if reasons and available.get("status") != "True":
        reasons.insert(0, "Minimum number of live Pods was not attained")
    return reasons


def _stateful_set(live: Object) -> list[str]:
    return [] if live["spec"].get("replicas", 1) == 0 else _replicas(live, "readyReplicas")


def _daemon_set(live: Object) -> list[str]:
    status = live.get("status") or {}
    wanted = status.get("desiredNumberScheduled", 0)
    reasons = _unobserved(live)
    for what, key in (("updated", "updatedNumberScheduled"), ("ready", "numberReady")):
        if status.get(key, 0) < wanted:
            reasons.append(f"{status.get(key, 0)} of {wanted} Pods are {what}")
    return reasons


def _job(live: Object) -> list[str]:
    if _condition(live, "Complete").get("status") == "True":
        return []
    failed = _condition(live, "Failed")
    if failed.get("status") == "True":
        return [f"The Job failed: [{failed.get('reason')}] {failed.get('message')}"]
    return ["The Job has not completed"]


def _pod(live: Object) -> list[str]:
    if (live.get("status") or {}).get("phase") == "Succeeded":
        return []
    if _condition(live, "Ready").get("status") == "True":
        return []
    return [f"The Pod is {(live.get('status') or {}).get('phase', 'Pending')} and not ready"]


def _claim(live: Object) -> list[str]:
    phase = (live.get("status") or {}).get("phase", "Pending")
    return [] if phase == "Bound" else [f"The PersistentVolumeClaim is {phase}"]


def _service(live: Object) -> list[str]:
    if live["spec"].get("type") != "LoadBalancer":
        return []
    balancer = (live.get("status") or {}).get("loadBalancer") or {}
    return [] if balancer.get("ingress") else ["The Service has no load balancer's address"]


_CHECKS: Final[Mapping[tuple[str, str], Callable[[Object], list[str]]]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("batch", "Job"): _job,
    ("", "Pod"): _pod,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Service"): _service,
}


def unready(live: Object) -> list[str]:
    """Why the object is not ready, one sentence each; empty if it is, or needs no waiting."""
    group = str(live["apiVersion"]).rpartition("/")[0]
    check = _CHECKS.get((group, live["kind"]))
    return check(live) if check else []


def failed_job(state: Mapping[str, Any]) -> bool:
    """Whether an object is a Job that has failed for good."""
    return state.get("kind") == "Job" and _condition(dict(state), "Failed").get("status") == "True"


def poll(
    probe: Callable[[], list[str]], *, seconds: float, interrupted: threading.Event
) -> list[str]:
    """Ask again and again until there is no reason to wait any more.

    Args:
        probe: the reasons to wait.
        seconds: for how long at most.
        interrupted: ends the waiting early.

    Returns:
        The reasons that are left; empty on success.
    """
    deadline = time.monotonic() + seconds
    while True:
        reasons = probe()
        if not reasons:
            return []
        left = deadline - time.monotonic()
        if left <= 0:
            return [f"Timed out after {seconds:g} s", *reasons]
        if interrupted.wait(min(_POLL_SECONDS, left)):
            return ["The wait was interrupted", *reasons]
