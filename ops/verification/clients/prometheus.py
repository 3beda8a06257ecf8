"""Prometheus' HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from pydantic import BaseModel, Field

from ops.verification.clients.service import Service


class Sample(BaseModel):
    """One element of an instant vector.

    Attributes:
        metric: its labels.
        value: Unix time in seconds, and the value as text.
    """

    metric: dict[str, str]
    value: tuple[float, str]


class _Vector(BaseModel):
    resultType: Literal["vector"]
    result: list[Sample]


class _VectorAnswer(BaseModel):
    status: Literal["success"]
    data: _Vector


class LoadedRule(BaseModel):
    """A rule that is loaded.

    Attributes:
        name: of the alert or the recorded series.
        health: `ok`, `err` or `unknown`.
        last_error: of its last evaluation, empty for none.
        query: what it asks, in the evaluator's own spelling.
        labels: those that it adds.
        duration: seconds for which it has to hold, None for a recorded series.
        paused: whether Grafana evaluates it no more; older releases do not say.
    """

    name: str
    health: str = "unknown"
    last_error: str = Field("", alias="lastError")
    query: str = ""
    labels: dict[str, str] = {}
    duration: float | None = None
    paused: bool = Field(False, alias="isPaused")


class _RuleGroup(BaseModel):
    name: str
    rules: list[LoadedRule]


class _RuleGroups(BaseModel):
    groups: list[_RuleGroup]


class _RulesAnswer(BaseModel):
    status: Literal["success"]
    data: _RuleGroups


class Prometheus:
    """A Prometheus, asked directly or through Grafana's data source.

    Args:
        service: with the base URL of Prometheus, or of its data source's proxy.
        rules: path of the rules; Grafana answers for its own in the same shape.
    """

    def __init__(self, service: Service, rules: str = "/api/v1/rules") -> None:
        self._service = service
        self._rules = rules

    def vector(self, query: str) -> list[Sample]:
        """Return what a PromQL query is now; raises ServiceError."""
        answer = self._service.get(_VectorAnswer, "/api/v1/query", {"query": query})
        return answer.data.result

    def rules(self, groups: Collection[str]) -> list[LoadedRule]:
        """Return the rules of these groups that are loaded; raises ServiceError.

        Another stack has alerts of the same names in its own.
        """
        loaded = self._service.get(_RulesAnswer, self._rules).data.groups
        return [rule for each in loaded if each.name in groups for rule in each.rules]
