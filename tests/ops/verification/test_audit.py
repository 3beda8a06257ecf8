"""The audit of what was denied: lines as a real coderd wrote them, and what is missing or wrong."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops.verification import audit
from ops.verification.audit import AuditSearch, Seen
from ops.verification.deployment import TemplateVersion
from ops.verification.model import Failed, NotChecked, Outcome, Result
from ops.verification.path import Visit
from ops.verification.plan import Target
from ops.verification.scripts import JailRequest
from ops.verification.services import Services
from tests import recorded
from tests.ops.verification.fake_coderd import FakeCoderd
from tests.ops.verification.fake_grafana import Answer, services
from tests.ops.verification.making import Making, as_declared, deployment

LINES = recorded.lines("boundary-0.9.0/boundary_request.jsonl")
DENIED = next(line for line in LINES if line["fields"]["decision"] == "deny")
FIELDS = DENIED["fields"]
ASKED = JailRequest(FIELDS["http_method"], FIELDS["http_url"])
VERSION = TemplateVersion.model_validate(
    {"id": FIELDS["template_version_id"], "name": "kind-otter", "job": {"status": "succeeded"}}
)


class Loki:
    """Lines that arrive with the given request, the first being number 1."""

    def __init__(self, lines: list[dict[str, Any]], arrives: int = 1) -> None:
        self.lines = lines
        self.arrives = arrives
        self.queries: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.queries.append(request.url.params["query"])
        there = self.lines if len(self.queries) >= self.arrives else []
        # The last part is there where Loki keeps structured metadata.
        values = [[str(n), json.dumps(line), {}] for n, line in enumerate(there)]
        result = [{"stream": {"namespace": "coder"}, "values": values}] if values else []
        data = {"resultType": "streams", "result": result}
        return httpx.Response(200, json={"status": "success", "data": data})


def prometheus(*values: str) -> Answer:
    left = list(values)

    def answer(_: httpx.Request) -> httpx.Response:
        value = left.pop(0) if len(left) > 1 else left[0]
        result = [{"metric": {}, "value": [1.0, value]}] if value else []
        data = {"resultType": "vector", "result": result}
        return httpx.Response(200, json={"status": "success", "data": data})

    return answer


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., dict[str, Result]]:
    def look(asked: Services, *denied: JailRequest) -> dict[str, Result]:
        making = Making(tmp_path)
        run = making.run()
        target = Target("firewalled", "firewalled", FIELDS["workspace_name"])
        visit = Visit(run, deployment(FakeCoderd()), target, as_declared)
        visit.owner, visit.version = FIELDS["owner"], VERSION
        visit.template_id, visit.workspace_id = FIELDS["template_id"], FIELDS["workspace_id"]
        AuditSearch(run, Seen(visit, denied, datetime.now(UTC)), asked).look()
        return dict(making.results)

    return look


def changed(**fields: str) -> dict[str, Any]:
    return {**DENIED, "fields": {**FIELDS, **fields}}


def test_a_denial_that_arrives_in_time(look: Callable[..., dict[str, Result]]) -> None:
    loki = Loki(LINES, arrives=3)
    seen = look(services(loki), ASKED)["audit.denials"]
    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "1 denials, found within 1 s")
    assert len(loki.queries) == 3
    assert loki.queries[0].endswith(f" |= `{FIELDS['workspace_id']}` |= `deny`")


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([], id="nothing"),
        pytest.param([changed(decision="allow")], id="an allowance"),
        pytest.param([changed(http_method="TRACE")], id="another method"),
        pytest.param([{**DENIED, "msg": "another"}], id="another message"),
        pytest.param([changed(http_url=f"{ASKED.url}/deeper")], id="another URL"),
    ],
)
def test_a_denial_that_does_not_arrive(
    look: Callable[..., dict[str, Result]], lines: list[dict[str, Any]]
) -> None:
    seen = look(services(Loki(lines)), ASKED)["audit.denials"]
    assert seen.outcome is Outcome.FAILED
    assert seen.detail == f"not in Loki after 60 s: {ASKED.method} {ASKED.url}"
    assert "CODER_LOGGING_JSON" in seen.next_step


@pytest.mark.parametrize("field", ["owner", "workspace_name", "template_id", "template_version_id"])
def test_a_line_that_names_another(look: Callable[..., dict[str, Result]], field: str) -> None:
    seen = look(services(Loki([changed(**{field: "other"})])), ASKED)["audit.denials"]
    assert seen.outcome is Outcome.FAILED
    assert f"has {field} 'other' and not '{FIELDS[field]}'" in seen.detail


def test_nothing_was_denied(look: Callable[..., dict[str, Result]]) -> None:
    seen = look(services(Loki([])))
    assert seen["audit.denials"].outcome is Outcome.NOT_CHECKED
    assert "nothing was denied" in seen["audit.denials"].detail


def test_nobody_to_ask(look: Callable[..., dict[str, Result]]) -> None:
    for check, name in (("audit.denials", "Loki"), ("audit.metrics", "Prometheus")):
        seen = look(services(), ASKED)[check]
        assert (seen.outcome, seen.detail) == (Outcome.NOT_CHECKED, f"no address of {name}")


@pytest.mark.parametrize(
    ("values", "outcome", "detail"),
    [
        (("", "0", "3"), Outcome.PASSED, " of the workspace is 3"),
        (("0",), Outcome.FAILED, " of the workspace is 0"),
        (("",), Outcome.FAILED, "of the workspace after 180 s"),
    ],
)
def test_counters(
    look: Callable[..., dict[str, Result]], values: tuple[str, ...], outcome: Outcome, detail: str
) -> None:
    seen = look(services(prometheus=prometheus(*values)), ASKED)["audit.metrics"]
    assert seen.outcome is outcome
    assert detail in seen.detail


# coderd's own log


def visit(tmp_path: Path) -> Visit:
    target = Target("f", "f", "verify-1")
    made = Visit(Making(tmp_path).run(), deployment(FakeCoderd()), target, as_declared)
    made.owner, made.version = "dana", VERSION
    made.workspace_id, made.build_id = "workspace-1", "build-1"
    return made


def test_coderd_has_logged_everything(tmp_path: Path) -> None:
    fake = FakeCoderd()
    fake.audit = [
        ("workspace-1", "workspace", "create"),
        ("build-1", "workspace_build", "start"),
        (VERSION.id, "template_version", "write"),
        ("server-1", "mcp_server_config", "create"),
    ]
    servers = {"github": "server-1"}
    told = audit.coderd_log(deployment(fake), [visit(tmp_path)], servers)
    assert told == (
        "creation of dana/verify-1, version kind-otter, build of dana/verify-1, MCP server github"
    )
    for entry in list(fake.audit):
        fake.audit.remove(entry)
        with pytest.raises(Failed, match=r"^not in coderd's audit log: [^,]*$"):
            audit.coderd_log(deployment(fake), [visit(tmp_path)], servers)
        fake.audit.append(entry)


@pytest.mark.parametrize("status", [403, 404])
def test_coderds_log_is_not_for_everybody(tmp_path: Path, status: int) -> None:
    fake = FakeCoderd()
    fake.audit_status = status
    with pytest.raises(NotChecked, match="may not read coderd's audit log"):
        audit.coderd_log(deployment(fake), [visit(tmp_path)], {})


def test_nothing_was_made_that_could_be_logged() -> None:
    with pytest.raises(NotChecked, match="nothing was made"):
        audit.coderd_log(deployment(FakeCoderd()), [], {})


def test_another_action_on_it_is_not_the_one(tmp_path: Path) -> None:
    fake = FakeCoderd()
    fake.audit = [
        ("workspace-1", "workspace", "delete"),
        ("build-1", "workspace_build", "start"),
        (VERSION.id, "template_version", "create"),
    ]
    with pytest.raises(Failed, match=r"log: creation of dana/verify-1$"):
        audit.coderd_log(deployment(fake), [visit(tmp_path)], {})
