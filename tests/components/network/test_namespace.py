"""What the namespace's arguments choose and refuse."""

from typing import Any

import pytest

from components.network.namespace import gibibytes
from components.network.namespace_args import Limits, PodSecurity, Quota, WorkspaceNamespaceArgs
from components.network.values import NetworkArgsError


def test_the_strictest_level_that_lets_workspaces_start() -> None:
    assert WorkspaceNamespaceArgs().enforced == "baseline"
    assert WorkspaceNamespaceArgs(net_admin=("strict",)).enforced == "privileged"
    given = WorkspaceNamespaceArgs(pod_security=PodSecurity("privileged", audit="restricted"))
    assert given.enforced == "privileged"
    assert given.labels["pod-security.kubernetes.io/audit"] == "restricted"


LARGEST = Limits(cpu=8, memory=16, storage=50)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"pod_security": PodSecurity("restricted")},
            'pod_security.enforce = "restricted": would refuse every workspace',
        ),
        (
            {"pod_security": PodSecurity("baseline"), "net_admin": ("a", "b")},
            "would refuse the workspaces of a, b: nsjail needs NET_ADMIN",
        ),
        (
            {"pod_security": PodSecurity(version="1.34")},
            'pod_security.version = "1.34": must be latest, or a release',
        ),
        ({"quota": Quota(pods=0)}, "quota.pods = 0: must be 1 or more"),
        ({"quota": Quota(cpu=7)}, "quota.cpu = 7: must be 8 or more, which the largest workspace"),
        ({"quota": Quota(storage=49)}, "quota.storage = 49: must be 50 or more"),
        ({"limits": Limits(8, 15, 50)}, "limits.memory = 15: must be 16 or more"),
    ],
)
def test_what_no_workspace_could_start_with_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(NetworkArgsError) as caught:
        WorkspaceNamespaceArgs(largest=LARGEST, **given)
    (problem,) = caught.value.problems
    assert message in problem


def test_bounds_that_fit_are_taken() -> None:
    WorkspaceNamespaceArgs(largest=LARGEST, quota=Quota(1, 8, 16, 50), limits=LARGEST)


@pytest.mark.parametrize(
    ("number", "text"), [(1, "1Gi"), (1000, "1000Gi"), (1024, "1Ti"), (3 * 1024**2, "3Pi")]
)
def test_sizes_are_written_as_the_api_server_writes_them(number: int, text: str) -> None:
    assert gibibytes(number) == text
