"""Grafana, Loki and Prometheus in memory, in the shapes of their HTTP APIs."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from components.alerts.component import AlertsArgs
from ops import stacks
from ops.verification.clients.grafana import Grafana
from ops.verification.clients.loki import Loki
from ops.verification.clients.prometheus import Prometheus
from ops.verification.clients.service import Service, ServiceAccess
from ops.verification.redaction import Redaction
from ops.verification.services import Services
from program import plan

Answer = Callable[[httpx.Request], httpx.Response]
Row = Mapping[str, Any]


def service(answer: Answer) -> Service:
    place = ServiceAccess("It", "https://service.test", "token-of-the-service")
    return Service(place, Redaction([place.token]), transport=httpx.MockTransport(answer),
                   sleep=lambda _: None)  # fmt: skip


def frame(rows: Sequence[Row]) -> dict[str, Any]:
    """Rows as a frame: columns with names, and their values column by column."""
    names = list(rows[0]) if rows else []
    return {
        "schema": {"refId": "A", "fields": [{"name": n, "type": "string"} for n in names]},
        "data": {"values": [[row[n] for row in rows] for n in names]},
    }


class FakeGrafana:
    """A Grafana whose data sources and dashboards a test sets.

    Attributes:
        health: status and answer of each data source.
        boards: model of each dashboard by its uid.
        folder: the folder in which they are.
        ask: answers one query: rows, or text of an error.
        queries: every query that came, with the number of the request.
    """

    def __init__(self) -> None:
        self.health: dict[str, tuple[int, dict[str, str]]] = {}
        self.boards: dict[str, dict[str, Any]] = {}
        self.folder: str | None = None
        self.ask: Callable[[dict[str, Any]], list[Row] | str] = lambda _: []
        self.queries: list[dict[str, Any]] = []
        self.batches: list[int] = []

    @property
    def grafana(self) -> Grafana:
        return Grafana(service(self))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer token-of-the-service"
        *_, kind, uid, last = request.url.path.split("/")
        if last == "health":
            missing = (404, {"message": "Data source not found"})
            status, body = self.health.get(uid, missing)
            return httpx.Response(status, json=body)
        if kind == "dashboards":
            if last not in self.boards:
                return httpx.Response(404, json={"message": "Dashboard not found"})
            return httpx.Response(
                200, json={"dashboard": self.boards[last], "meta": {"folderTitle": self.folder}}
            )
        assert request.url.path == "/api/ds/query"
        queries = json.loads(request.content)["queries"]
        self.queries += queries
        self.batches.append(len(queries))
        results: dict[str, Any] = {}
        for query in queries:
            answer = self.ask(query)
            results[query["refId"]] = (
                {"error": answer, "errorSource": "downstream", "status": 400}
                if isinstance(answer, str)
                else {"status": 200, "frames": [frame(answer)]}
            )
        failed = any("error" in result for result in results.values())
        return httpx.Response(400 if failed else 200, json={"results": results})


def services(loki: Answer | None = None, prometheus: Answer | None = None) -> Services:
    """The services of the stack dev, as far as they answer."""
    return Services(
        plan.dashboards(stacks.settings("dev")).context,
        loki=Loki(service(loki)) if loki else None,
        prometheus=Prometheus(service(prometheus)) if prometheus else None,
    )


def rules(*loaded: Mapping[str, Any] | str, group: str = AlertsArgs.group, **health: str) -> Answer:
    """Who evaluates rules; `health` has the error of those that have one."""

    def rule(each: Mapping[str, Any] | str) -> dict[str, Any]:
        known = {"name": each} if isinstance(each, str) else dict(each)
        name = known["name"]
        error = {"health": "err", "lastError": health[name]} if name in health else {}
        return {"type": "alerting", "health": "ok", **known, **error}

    groups = [{"name": group, "rules": [rule(each)]} for each in loaded]
    body = {"status": "success", "data": {"groups": groups}}
    return lambda _: httpx.Response(200, json=body)
