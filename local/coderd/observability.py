"""Stand-ins for Loki and Prometheus, for what a verification asks them.

Behind the interfaces of the real ones, as far as lines of coderd's log and one counter go; anything
else is refused, and never answered as if it were understood.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from local.coderd.audit_lines import BATCHES, AuditLines
from local.coderd.rest import ApiError, authenticate_bearer
from local.coderd.store import Store

STREAM: Final = {"namespace": "coder", "container": "coder", "app": "coder", "pod": "coder-0"}
"""Labels of coderd's log."""

_SELECTOR: Final = re.compile(r"\{([^}]*)\}((?:\s*\|[=~]\s*`[^`]*`)*)\s*")
_MATCHER: Final = re.compile(r"(\w+)=[`\"]([^`\"]*)[`\"]")
_FILTER: Final = re.compile(r"\|([=~])\s*`([^`]*)`")
_COUNTER: Final = re.compile(r"max\(max_over_time\((\w+)\{([^}]*)\}\[10m\]\)\)")


class Observability:
    """Both stand-ins, below `/observability`.

    Args:
        store: the deployment's memory, whose tokens are taken as bearer tokens.
        lines: the audit lines.
    """

    def __init__(self, store: Store, lines: AuditLines) -> None:
        self._store = store
        self._lines = lines

    @property
    def route(self) -> Mount:
        """Where clients come in."""
        return Mount(
            "/observability",
            routes=[
                Route("/loki/api/v1/query_range", self._checked(self._query_range)),
                Route("/prometheus/api/v1/query", self._checked(self._query)),
            ],
        )

    def _checked(self, answer: Callable[[Request], Response]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            try:
                authenticate_bearer(self._store, request)
            except ApiError:
                return PlainTextResponse("Unauthorized", 401)
            return answer(request)

        return endpoint

    def _query_range(self, request: Request) -> Response:
        query = request.query_params
        try:
            start, end = int(query["start"]), int(query["end"])
            limit = int(query.get("limit", "100"))
        except (KeyError, ValueError) as error:
            return PlainTextResponse(f"could not parse the query: {error}", 400)
        found = _SELECTOR.fullmatch(query.get("query", ""))
        if found is None:
            return PlainTextResponse(
                "parse error at line 1, col 1: the stand-in reads selectors, |= and |~ alone", 400
            )
        matchers = dict(_MATCHER.findall(found[1]))
        # A text that is to be there as it is, or an RE2, as far as Python reads it alike.
        filters = [
            re.compile(text if kind == "~" else re.escape(text))
            for kind, text in _FILTER.findall(found[2])
        ]
        values = []
        if all(STREAM.get(label) == value for label, value in matchers.items()):
            for time, line in self._lines.lines():
                nanoseconds = int(datetime.fromisoformat(time).timestamp() * 1e6) * 1000
                if start <= nanoseconds < end and all(each.search(line) for each in filters):
                    values.append([str(nanoseconds), line])
        values = values[:limit] if query.get("direction") == "forward" else values[::-1][:limit]
        result = [{"stream": STREAM, "values": values}] if values else []
        return JSONResponse(
            {"status": "success", "data": {"resultType": "streams", "result": result, "stats": {}}}
        )

    def _query(self, request: Request) -> Response:
        found = _COUNTER.fullmatch(request.query_params.get("query", ""))
        if found is None or found[1] != BATCHES:
            error = f"the stand-in knows {BATCHES} alone"
            return JSONResponse({"status": "error", "errorType": "execution", "error": error}, 422)
        wanted = dict(_MATCHER.findall(found[2]))
        values = [
            value
            for labels, value in self._lines.counters()
            if all(labels.get(label) == each for label, each in wanted.items())
        ]
        moment = datetime.now().timestamp()
        result = [{"metric": {}, "value": [moment, str(max(values))]}] if values else []
        return JSONResponse(
            {"status": "success", "data": {"resultType": "vector", "result": result}}
        )
