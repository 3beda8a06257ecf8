"""When the alerts fire, and what the bounds of that are; no Grafana, as settings ask too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError

from components.alerts.names import Evaluator

_MOST_MINUTES: Final = 43_200
_MOST_HOURS: Final = 720

WINDOW_MINUTES: Final = 5
"""Between two evaluations by Grafana: a shorter window would leave time that none looks at."""

Minutes = Annotated[int, Field(ge=1, le=_MOST_MINUTES)]
Window = Annotated[int, Field(ge=WINDOW_MINUTES, le=_MOST_MINUTES)]
BaselineHours = Annotated[int, Field(ge=1, le=_MOST_HOURS)]
Losses = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Requests = Annotated[int, Field(ge=1)]
Growth = Annotated[float, Field(ge=1, allow_inf_nan=False)]


@dataclass(frozen=True)
class Thresholds:
    """When the alerts fire. Minutes and hours are whole, shares are between 0 and 1.

    Attributes:
        silent_minutes: Agents forwarded audit batches for this long and no audit line came.
        unreported_minutes: Workspaces of a template with a firewall run, and no agent of them
            reports its audit counters.
        loss_minutes: Over how long lost batches and lines are counted.
        dropped_batches: So many lost batches are accepted in that time.
        dropped_logs: So many lost audit lines are accepted in that time.
        deny_minutes: Over how long denials are counted.
        deny_share: The denied share of a template version's requests that is too much.
        deny_requests: With fewer requests a share says nothing.
        deny_growth: A spike is this many times what the template was denied before.
        deny_baseline_hours: How long before is.
        reload_minutes: So long a failed reload of the gateway's providers is accepted.
        provider_minutes: So long a provider that was refused is accepted.
    """

    silent_minutes: Window = 15
    unreported_minutes: Minutes = 30
    loss_minutes: Minutes = 15
    dropped_batches: Losses = 0
    dropped_logs: Losses = 0
    deny_minutes: Window = 15
    deny_share: Share = 0.3
    deny_requests: Requests = 20
    deny_growth: Growth = 2.0
    deny_baseline_hours: BaselineHours = 24
    reload_minutes: Minutes = 10
    provider_minutes: Minutes = 10

    def window_problem(self, evaluator: Evaluator) -> str:
        """Return what would be right of `loss_minutes`, empty if it is.

        The rules of Prometheus are evaluated each minute, the others never look back as shortly.
        """
        if evaluator == "prometheus" or self.loss_minutes >= WINDOW_MINUTES:
            return ""
        return (
            f"it must be at least {WINDOW_MINUTES} with evaluator grafana, which looks every "
            f"{WINDOW_MINUTES} minutes"
        )

    def problems(self) -> Iterator[str]:
        """Yield what is out of its bounds."""
        for name, bounds in _bounds().items():
            value = getattr(self, name)
            try:
                bounds.validate_python(value, strict=True)
            except ValidationError as error:
                yield f"{name} is {value}; it must be {_right(error)}"


@cache
def _bounds() -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(Thresholds, include_extras=True)
    return {name: TypeAdapter(hint) for name, hint in hints.items()}


def _right(error: ValidationError) -> str:
    return error.errors()[0]["msg"].removeprefix("Input should be ")
