"""A real Loki is asked by its documented API; a small server of the same API stands for it here."""

import json

import httpx
import pytest

from tests import logql
from tests.logql.remote import RemoteLoki

STREAMS = [
    logql.Stream({"app": "a"}, [(10**9 * second, f"line {second}") for second in range(1, 1201)]),
    logql.Stream({"app": "b"}, [(5 * 10**9, "other")]),
]


class Server:
    """What Loki's documentation says of its API, over the evaluator."""

    def __init__(self) -> None:
        self.written: dict[str, list[tuple[int, str]]] = {}
        self.tenants: set[str] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.tenants.add(request.headers["X-Scope-OrgID"])
        if request.url.path == "/loki/api/v1/push":
            for stream in json.loads(request.content)["streams"]:
                key = json.dumps(stream["stream"])
                self.written.setdefault(key, []).extend((int(t), x) for t, x in stream["values"])
            return httpx.Response(204)
        given = dict(request.url.params)
        streams = [logql.Stream(json.loads(key), lines) for key, lines in self.written.items()]
        lines = given["query"].startswith("{")
        scale = 10**9 if lines else 1
        start, end = int(given.get("start", 0)) // scale, int(given.get("end", given.get("time")))
        try:
            found = logql.evaluate(
                given["query"], streams, start, end // scale + lines, int(given.get("step", 0))
            )
        except logql.QueryError as error:
            return httpx.Response(400, text=str(error))
        return httpx.Response(200, json={"status": "success", "data": self.data(found, given)})

    def data(self, found, given):
        if found.series is None:
            assert int(given["limit"]) >= len(found.lines)
            result = [
                {"stream": line.labels, "values": [[str(line.nanoseconds), line.text]]}
                for line in found.lines
            ]
            return {"resultType": "streams", "result": result}
        many = "step" in given
        result = []
        for labels, points in found.series.items():
            pairs = [[time, str(value)] for time, value in points.items()]
            result.append(
                {"metric": dict(labels), "values": pairs}
                if many
                else {"metric": dict(labels), "value": pairs[0]}
            )
        return {"resultType": "matrix" if many else "vector", "result": result}


@pytest.mark.parametrize(
    ("query", "start", "end", "step"),
    [
        ("{app=~`a|b`} |= `e 7`", 0, 2**33, 0),
        ("sum by (app) (count_over_time({app=~`.+`}[5m]))", 0, 600, 0),
        ("sum(rate({app=`a`}[5m]))", 300, 1200, 300),
        ("sum(rate({app=`c`}[5m]))", 300, 1200, 300),
    ],
)
def test_it_answers_what_the_evaluator_answers(query, start, end, step):
    server = Server()
    remote = RemoteLoki("http://loki", STREAMS, httpx.MockTransport(server))
    assert remote.evaluate(query, start, end, step) == logql.evaluate(
        query, STREAMS, start, end, step
    )
    assert len(server.tenants) == 1


def test_each_run_is_a_tenant_of_its_own():
    server = Server()
    for _ in range(2):
        RemoteLoki("http://loki", STREAMS, httpx.MockTransport(server))
    assert len(server.tenants) == 2


def test_what_loki_refuses_is_an_error():
    remote = RemoteLoki("http://loki", [], httpx.MockTransport(Server()))
    with pytest.raises(logql.QueryError, match="parse error"):
        remote.evaluate("{app=", 0, 60, 0)


def test_a_loki_that_takes_no_lines_is_an_error():
    transport = httpx.MockTransport(lambda request: httpx.Response(401, text="no org id"))
    with pytest.raises(httpx.HTTPStatusError):
        RemoteLoki("http://loki", STREAMS, transport)
