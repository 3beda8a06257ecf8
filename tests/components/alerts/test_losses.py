"""What agents lost is told at each loss and no longer, through rollouts and restarts."""

import pytest

from components.alerts.component import AlertsArgs
from components.alerts.thresholds import Thresholds
from components.dashboards.losses import lost
from components.dashboards.metrics import Metrics
from tests.components.alerts.test_prometheus import (
    ARGS,
    DROPPED,
    MINUTE,
    POD_A,
    POD_B,
    WORKSPACE,
    at,
    check,
    dropped,
    of,
    steps,
)
from tests.components.dashboards.prometheus import Case, Check, judge
from tests.components.dashboards.series_deployment import Series

NAME = "BoundaryBatchesDropped"


def forwarded(*pieces: tuple[float | None, int], pod: str = POD_A) -> Series:
    return of(Metrics.BATCHES_FORWARDED, steps(*pieces), pod, **WORKSPACE)


AFTER_A_ROLLOUT = dropped(steps((0, 10), (2, 10)))
"""Of a replica that is gone since."""


def after_a_restart(count: float) -> Series:
    """Return the same counter on the next replica, from 0 since the workspace began anew."""
    return dropped(steps((None, 20), (2, 30), (None, 5), (0, 60), (count, 300)), POD_B)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_loss_after_a_rollout_and_a_restart_fires_whatever_was_lost_before(count: int) -> None:
    check(
        [AFTER_A_ROLLOUT, after_a_restart(count)],
        at(NAME, 9),
        at(NAME, 10, DROPPED, value="2"),
        at(NAME, 24, DROPPED, value="2"),
        *(at(NAME, minute) for minute in (25, 40, 55, 70, 114)),
        at(NAME, 115, DROPPED, value=f"{count}"),
        at(NAME, 129, DROPPED, value=f"{count}"),
        *(at(NAME, minute) for minute in (130, 200, 300, 400)),
    )


def test_a_loss_soon_after_a_restart_fires_at_once() -> None:
    check(
        [dropped(steps((0, 10), (1, 30), (None, 10), (0, 1), (1, 100)))],
        at(NAME, 10, DROPPED, value="1"),
        *(at(NAME, minute) for minute in (25, 40, 50)),
        at(NAME, 51, DROPPED, value="1"),
        at(NAME, 65, DROPPED, value="1"),
        *(at(NAME, minute) for minute in (66, 80, 140)),
    )


def test_as_many_as_before_the_restart_are_told_where_the_agent_was_there_without_a_loss() -> None:
    # Agents have no counter of losses until the first; their others are there from the start.
    check(
        [
            forwarded((9, 40), (None, 10), (0, 100)),
            dropped(steps((5, 40), (None, 30), (5, 80))),
        ],
        *(at(NAME, minute) for minute in (30, 60, 69)),
        at(NAME, 70, DROPPED, value="5"),
        at(NAME, 85),
    )


def test_an_agent_that_comes_back_with_all_of_its_counters_lost_nothing() -> None:
    check(
        [
            forwarded((9, 40), (None, 60)),
            forwarded((None, 70), (9, 60), pod=POD_B),
            dropped(steps((5, 40), (None, 60))),
            dropped(steps((None, 70), (5, 20), (7, 40)), POD_B),
        ],
        *(at(NAME, minute) for minute in (30, 60, 70, 75, 89)),
        at(NAME, 90, DROPPED, value="2"),
    )


def test_an_agent_that_moves_to_another_replica_and_back_is_counted_once() -> None:
    check(
        [
            dropped(steps((0, 10), (3, 20), (None, 5), (7, 60))),
            dropped(steps((None, 28), (3, 2), (7, 7), (None, 60)), POD_B),
        ],
        at(NAME, 10, DROPPED, value="3"),
        at(NAME, 29),
        at(NAME, 36, DROPPED, value="4"),
        at(NAME, 44, DROPPED, value="4"),
        at(NAME, 45),
    )


def test_a_workspace_that_stops_after_its_loss_is_told_until_the_window_is_over() -> None:
    check(
        [dropped(steps((0, 30), (5, 2), (None, 60)))],
        at(NAME, 31, DROPPED, value="5"),
        at(NAME, 44, DROPPED, value="5"),
        at(NAME, 45),
    )


def test_the_shortest_window_sees_every_loss() -> None:
    args = AlertsArgs(thresholds=Thresholds(loss_minutes=1))
    check(
        [dropped(steps((0, 30), (1, 1), (2, 30)))],
        at(NAME, 29, args=args),
        at(NAME, 30, DROPPED, value="1", args=args),
        at(NAME, 31, DROPPED, value="1", args=args),
        at(NAME, 32, args=args),
        args=args,
    )


@pytest.mark.parametrize(
    ("case", "minute", "count"),
    [
        pytest.param(
            [dropped(steps((2, 100), (None, 10), (0, 60), (2, 300)))], 400, 2, id="restarted"
        ),
        pytest.param([dropped(steps((0, 100), (5, 100), (None, 200)))], 300, 5, id="stopped"),
        pytest.param(
            [dropped(steps((None, 100), (5, 9), (None, 9), (1, 9), (None, 9), (4, 50)))],
            180,
            10,
            id="three workspaces of one name",
        ),
        pytest.param([AFTER_A_ROLLOUT, after_a_restart(1)], 300, 3, id="rollout and restart"),
        pytest.param([dropped(steps((7, 500)))], 450, 0, id="lost before"),
        pytest.param([], 300, 0, id="nothing there"),
    ],
)
def test_the_panels_number_is_what_was_lost_in_the_range(
    case: list[Series], minute: int, count: float
) -> None:
    case = [*case, forwarded((0, 500))] if minute == 180 else case
    number = lost(Metrics.BATCHES_DROPPED, over="6h").or_zero()
    judge(Case(case, [Check(str(number), minute * MINUTE, {(): count})]))


def test_another_deployment_in_the_same_prometheus_hides_and_raises_nothing() -> None:
    def elsewhere(series: Series) -> Series:
        return Series(series.name, {**series.labels, "namespace": "coder-dev"}, series.samples)

    lost_there = elsewhere(dropped(steps((0, 30), (3, 60))))
    check([lost_there], at(NAME, 31))
    agent = {k: v for k, v in WORKSPACE.items() if k != "agent_name"}
    ours = [
        of(Metrics.AGENTS_UP, steps((1, 60)), **agent, template_version="v1"),
        of(
            Metrics.AGENT_CONNECTIONS,
            steps((1, 60)),
            **{k: v for k, v in WORKSPACE.items() if k != "template_name"},
            status="connected",
            lifecycle_state="ready",
        ),
    ]
    unreported = "BoundaryAuditUnreported"
    firewalled = {"template_name": "firewalled"}
    check([*ours, elsewhere(forwarded((0, 60)))], at(unreported, 40, firewalled, value="1"))
    check([*map(elsewhere, ours)], at(unreported, 40))
    # A scrape may add no namespace, and then every series is this deployment's.
    plain = [
        Series(s.name, {k: v for k, v in s.labels.items() if k != "namespace"}, s.samples)
        for s in [*ours, dropped(steps((0, 30), (3, 60)))]
    ]
    check(plain, at(unreported, 40, firewalled, value="1"), at(NAME, 31, DROPPED, value="3"))


def test_a_coderd_that_nobody_scrapes_is_told() -> None:
    def requests(*pieces: tuple[float | None, int], **labels: str) -> Series:
        series = of(Metrics.API_REQUESTS, steps(*pieces), code="200", method="GET", path="/healthz")
        return Series(series.name, {**series.labels, **labels}, series.samples)

    name = "CoderMetricsMissing"
    check(
        [
            # A gap counts after Prometheus' five minutes of looking back.
            requests((5, 30), (None, 30), (9, 20)),
            requests((5, 90), namespace="coder-dev"),
        ],
        at(name, 29),
        at(name, 40),
        at(name, 46, {}),
        at(name, 59, {}),
        at(name, 61),
    )
    check([], at(name, 9), at(name, 10, {}))
    assert name in str(ARGS.prometheus_rules())
