"""explain reads HAR files, audit logs and Boundary's own file of rules."""

import json
from pathlib import Path

import pytest

from tests.ops.explain.asking import decisions, machine, run


def har(*requests: tuple[str, str]) -> str:
    entries = [{"request": {"method": method, "url": url}} for method, url in requests]
    return "\ufeff" + json.dumps({"log": {"version": "1.2", "entries": entries}})


@pytest.mark.usefixtures("root")
def test_a_har_file_is_asked_for_what_left_the_browser(tmp_path: Path) -> None:
    file = tmp_path / "session.har"
    file.write_text(
        har(
            ("GET", "https://pypi.org/simple/"),
            ("GET", "data:text/plain,x"),
            ("POST", "https://example.com/a?token=s3cr3t"),
            ("GET", "https://pypi.org/simple/"),
        )
    )
    wanted = [
        ("ALLOW", "GET", "https://pypi.org/simple/"),
        ("DENY", "POST", "https://example.com/a?[hidden]"),
    ]
    assert decisions("dev", "--har", str(file)) == wanted
    assert decisions("dev", "--har", "-", stdin=file.read_bytes()) == wanted


def audit_line(decision: str, url: str, method: str = "GET", **fields: str) -> str:
    return json.dumps(
        {
            "ts": "2026-03-01T10:00:00Z",
            "level": "INFO",
            "msg": "boundary_request",
            "fields": {"decision": decision, "http_method": method, "http_url": url, **fields},
        }
    )


@pytest.mark.usefixtures("root")
def test_an_audit_log_is_decided_anew_beside_what_was_decided(tmp_path: Path) -> None:
    file = tmp_path / "coderd.log"
    loki = {"labels": {"app": "coder"}, "line": audit_line("deny", "https://go.dev/")}
    lines = [
        '{"msg": "api request", "fields": {"path": "/api/v2/boundary_requests"}}',
        "a line of another tool",
        "[pod/coder-0/coder] " + audit_line("allow", "https://pypi.org/", matched_rule="x"),
        json.dumps(loki),
        audit_line("allow", "https://gone.example/", "POST"),
    ]
    file.write_text("\n".join(lines) + "\n")
    _, said = machine("dev", "--log", str(file))
    found = said["templates"][0]["decisions"]
    assert [(each["recorded"], each["decision"], each["url"]) for each in found] == [
        ("ALLOW", "ALLOW", "https://pypi.org/"),
        ("DENY", "ALLOW", "https://go.dev/"),
        ("ALLOW", "DENY", "https://gone.example/"),
    ]
    _, told = run("dev", "--log", str(file))
    assert told.count("was DENY") == 1
    assert told.count("was ALLOW") == 1


@pytest.mark.usefixtures("root")
def test_boundarys_own_file_is_read() -> None:
    lines = (
        "time=2026-03-01T10:00:00.000Z level=INFO msg=ALLOW method=GET url=https://pypi.org/ "
        "host=pypi.org rule=domain=pypi.org\n"
        'time=2026-03-01T10:00:01.000Z level=WARN msg=DENY method=POST url="https://a.b/c?d=\\"e" '
        "host=a.b\n"
        "time=2026-03-01T10:00:02.000Z level=INFO msg=started port=8087\n"
        "time=2026-03-01T10:00:03.000Z level=WARN msg=DENY method=HEAD url=/d.git host=a.b\n"
    )
    assert decisions("dev", "--log", "-", stdin=lines) == [
        ("ALLOW", "GET", "https://pypi.org/"),
        ("DENY", "POST", "https://a.b/c?[hidden]"),
        ("DENY", "HEAD", "https://a.b/d.git"),
    ]


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("option", "content", "message"),
    [
        ("--har", "<html>", "is not JSON, so no HAR file"),
        ("--har", "[]", "it has no list log.entries"),
        ("--har", '{"log": {"entries": 1}}', "it has no list log.entries"),
        ("--har", '{"log": {"entries": [{"request": 1}]}}', "passed over: 1 without a request"),
        ("--har", har(("G T", "https://a/")), "log.entries[0].request: method 'G T'"),
        ("--har", har(), "holds no request"),
        ("--log", "nothing\n", "holds no audit line"),
        ("--log", audit_line("allow", "https://a/")[:-9], "line 1: a cut or changed"),
        ("--log", audit_line("maybe", "https://a/"), "must be allow or deny"),
        ("--log", '{"msg": "boundary_request"}', "without fields.http_method and fields.http_url"),
        ("--log", audit_line("allow", ""), "line 1: the URL is empty"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_ends_with_2(
    tmp_path: Path, option: str, content: str, message: str
) -> None:
    file = tmp_path / "file"
    file.write_text(content)
    status, said = run("dev", option, str(file))
    assert status == 2
    assert message in said
    assert run("dev", option, str(tmp_path / "gone"))[0] == 2
