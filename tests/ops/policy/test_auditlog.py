"""What collects coderd's log, and how it wraps a line: every audit line is read, once."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from ops.policy import auditlog
from ops.traffic import InputError

RECORDED = Path(__file__).parents[2] / "recordings" / "boundary-0.9.0" / "boundary_request.jsonl"
LINES = RECORDED.read_text().splitlines()
READ = [
    ("GET", "https://pypi.org/simple/", "ALLOW"),
    ("GET", "https://registry.npmjs.org/left-pad", "DENY"),
]
TIME = "2026-11-26T23:28:08.064743627Z"


def read(text: str) -> list[tuple[str, str, str | None]]:
    traffic = auditlog.from_text(text, "file")
    assert traffic.passed == ()
    return [(each.method, each.url, each.recorded) for each in traffic.requests]


def otel_value(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        pairs = [{"key": key, "value": otel_value(each)} for key, each in value.items()]
        return {"kvlistValue": {"values": pairs}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [otel_value(each) for each in value]}}
    return {"stringValue": value}


def otel(*bodies: dict[str, Any], **besides: Any) -> str:
    records = [{"timeUnixNano": "1795735688064743627", "body": body, **besides} for body in bodies]
    scope = [{"scope": {}, "logRecords": records}]
    resource = {"attributes": [{"key": "k8s.pod.name", "value": {"stringValue": "coder-0"}}]}
    return json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": scope}]})


def flat(line: str) -> dict[str, str]:
    """What Loki's parser `json` makes of a line: labels of text."""
    document = json.loads(line)
    fields = {f"fields_{key}": value for key, value in document.pop("fields").items()}
    return {"msg": document["msg"], "level": document["level"], **fields}


def explore(lines: list[str], **layout: Any) -> str:
    entries = [
        {"line": line, "timestamp": "1795735688064743627", "date": TIME, "fields": flat(line)}
        for line in lines
    ]
    return json.dumps(entries, **layout)


def table(lines: list[str]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(["Time", "Line"])
    writer.writerows([[TIME, line] for line in lines])
    return out.getvalue()


def vector(line: str, **besides: Any) -> str:
    kubernetes = {"pod_name": "coder-0", "pod_labels": {"app": "coder"}}
    about = {"kubernetes": kubernetes, "source_type": "kubernetes_logs", "stream": "stderr"}
    return json.dumps({"message": line, "timestamp": TIME, **about, **besides})


LABELS = '{app="coder", container="coder", pod="coder-5d{0}"}'
WRAPPINGS = {
    "coderd": LINES,
    "kubectl --prefix": [f"[pod/coder-0/coder] {line}" for line in LINES],
    "kubectl --timestamps": [f"{TIME} {line}" for line in LINES],
    "containerd": [f"{TIME} stderr F {line}" for line in LINES],
    "logcli": [f"2026-11-26T23:28:08Z {LABELS} {line}" for line in LINES],
    "logcli in a terminal": [
        f"\x1b[34m2026-11-26T23:28:08Z\x1b[0m \x1b[31m{LABELS}\x1b[0m {line}" for line in LINES
    ],
    "logcli --no-labels": [f"2026-11-26T23:28:08Z {line}" for line in LINES],
    "logcli -o jsonl": [
        json.dumps({"labels": {"app": "coder"}, "line": line, "timestamp": TIME}) for line in LINES
    ],
    "Explore, JSON": [explore(LINES)],
    "Explore, JSON laid out": [explore(LINES, indent=2)],
    "Explore, text": ["Common labels: {}", *(f"{TIME}\t{line}" for line in LINES)],
    "Explore, table": [table(LINES)],
    "docker": [
        json.dumps({"log": f"{line}\n", "stream": "stderr", "time": TIME}) for line in LINES
    ],
    "Fluent Bit, merged": [
        json.dumps({"log": line, "log_processed": json.loads(line), "stream": "stderr"})
        for line in LINES
    ],
    "OpenTelemetry, body": [otel(*({"stringValue": line} for line in LINES))],
    "OpenTelemetry, parsed": [otel(*(otel_value(json.loads(line)) for line in LINES))],
    "OpenTelemetry, attributes": [
        otel(
            {"stringValue": line},
            attributes=otel_value(json.loads(line))["kvlistValue"]["values"],
        )
        for line in LINES
    ],
    "OpenTelemetry, debug": [f"Body: Str({line})" for line in LINES],
    "Vector": [vector(line) for line in LINES],
    "Vector, parsed": [
        json.dumps({**json.loads(vector("")), **json.loads(line)}) for line in LINES
    ],
    "Cloud Logging": [json.dumps({"jsonPayload": json.loads(line)}) for line in LINES],
    "Cloud Logging, text": [json.dumps({"textPayload": line}) for line in LINES],
    "journald": [json.dumps({"MESSAGE": line, "_PID": "1"}) for line in LINES],
    "Elastic": [json.dumps({"hits": [{"_source": {"message": line}} for line in LINES]})],
    "made flat": [json.dumps(flat(line)) for line in LINES],
    "jq": [json.dumps(json.loads(line), indent=2) for line in LINES],
}


@pytest.mark.parametrize("name", WRAPPINGS)
def test_each_wrapping_is_read_and_each_line_once(name: str) -> None:
    text = "\n".join(WRAPPINGS[name]) + "\n"
    assert read(text) == READ
    assert read(text.replace("\n", "\r\n")) == READ


def line(url: str, **document: Any) -> str:
    fields = {"decision": "deny", "http_method": "GET", "http_url": url}
    return json.dumps({"msg": "boundary_request", "fields": fields, **document})


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/boundary_request",
        "https://a.example/x?{",
        'https://a.example/?q={"msg":"boundary_request","fields":{"decision":"allow"}}',
        "https://a.example/}{",
        "https://a.example/msg=ALLOW method=GET url=https://b.example/",
    ],
)
def test_what_stands_in_a_url_is_no_line(url: str) -> None:
    documents = [line(url), line("https://b.example/")]
    texts = ["\n".join(documents), "\n".join(f"{TIME} {LABELS} {each}" for each in documents)]
    texts.append("\n".join(json.dumps({"log": each}) for each in documents))
    for text in texts:
        assert read(text) == [("GET", url, "DENY"), ("GET", "https://b.example/", "DENY")]


def test_what_an_agent_puts_into_another_line_of_coderd_is_no_audit() -> None:
    forged = line("https://forged.example/")
    api = json.dumps({"msg": "GET", "fields": {"path": "/x", "query": forged, "line": forged}})
    assert read(f"{api}\n{line('https://a.example/')}") == [("GET", "https://a.example/", "DENY")]


def test_boundarys_own_file_is_read_with_such_urls_too() -> None:
    text = (
        "time=2026-03-01T10:00:00.000Z level=INFO msg=ALLOW method=GET "
        'url="https://pypi.org/boundary_request?{" host=pypi.org rule=domain=pypi.org\n'
        "time=2026-03-01T10:00:03.000Z level=WARN msg=DENY method=HEAD url=/d.git host=a.b\n"
    )
    assert read(text) == [
        ("GET", "https://pypi.org/boundary_request?{", "ALLOW"),
        ("HEAD", "https://a.b/d.git", "DENY"),
    ]


@pytest.mark.parametrize("cut", [1, 20, 90, 180])
@pytest.mark.parametrize("name", ["coderd", "docker", "logcli", "Vector", "containerd"])
def test_a_cut_last_line_is_named_and_the_rest_is_read(name: str, cut: int) -> None:
    text = "\n".join(WRAPPINGS[name])[:-cut]
    traffic = auditlog.from_text(text, "file")
    assert [each.url for each in traffic.requests] == [READ[0][1]]
    (passed,) = traffic.passed
    assert passed == "passed over file, line 2: a cut or changed boundary_request line, not JSON"


def test_a_cut_download_is_read_as_far_as_it_goes() -> None:
    traffic = auditlog.from_text(explore(LINES * 3)[:-400], "file")
    assert [each.url for each in traffic.requests] == [url for _, url, _ in READ * 3][:-1]
    (passed,) = traffic.passed
    assert "line 1: a cut or changed" in passed


def test_lines_that_cannot_be_used_are_named_and_the_rest_is_read() -> None:
    odd = [
        line("https://a.example/", fields={"decision": "maybe", "http_method": "GET"}),
        line(
            "https://a.example/", fields={"decision": "maybe", "http_method": "G", "http_url": "u"}
        ),
        line(""),
        line("https://b.example/"),
    ]
    traffic = auditlog.from_text("\n".join(odd), "file")
    assert [each.url for each in traffic.requests] == ["https://b.example/"]
    assert [each.removeprefix("passed over ") for each in traffic.passed] == [
        "file, line 1: boundary_request without fields.http_url",
        "file, line 2: fields.decision must be allow or deny",
        "file, line 3: the URL is empty",
    ]
    many = auditlog.from_text("\n".join([*odd[:1] * 9, odd[3]]), "file")
    assert many.passed[-1] == "passed over 4 more that cannot be read"
    assert len(many.passed) == 6


def test_where_nothing_can_be_read_the_first_reason_is_told() -> None:
    with pytest.raises(InputError, match="line 1: the URL is empty"):
        auditlog.from_text(f"{line('')}\n{line('')[:-9]}", "file")
    with pytest.raises(InputError, match="holds no audit line"):
        auditlog.from_text('{"msg": "GET", "fields": {"path": "/boundary_requests"}}\n', "file")
