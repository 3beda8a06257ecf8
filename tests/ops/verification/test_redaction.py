"""No secret of an answer, of a line of a log or of a header is kept, and the rest can be read."""

import base64
import json
import time

import pytest

from components.boundary.credentials import HIDDEN
from ops.verification.redaction import Redaction

BASIC = base64.b64encode(b"alice:pw").decode()
COOKIE = "abcdefghij-klmnopqrstuvwxyz012345"
FIELDS = {
    "user_email": "alice@corp.example",
    "api_key": "zx81-plain-secret",
    "Authorization": f"Basic {BASIC}",
    "cookie": f"coder_session_token={COOKIE}; theme=dark",
    "credentials": {"user": "alice-of-corp"},
}
LINE = json.dumps({"msg": "coderd: request", "fields": FIELDS})
SECRETS = ("alice", "zx81", BASIC, "abcdefghij")


@pytest.mark.parametrize(
    "answer",
    [
        LINE,
        {"data": {"result": [{"stream": {"app": "coder"}, "values": [["17", LINE]]}]}},
        {"said": json.dumps({"line": LINE})},
    ],
    ids=["a line", "Loki's answer", "a line within a line"],
)
def test_a_line_of_a_log_that_is_json_keeps_no_secret(answer: object) -> None:
    shown = Redaction().excerpt(answer)
    assert [secret for secret in SECRETS if secret in shown] == []
    assert "coderd: request" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[info] request user_email=alice@corp.example n=1", f"user_email={HIDDEN} n=1"),
        ('api_key="zx81 with more" n=1', f'api_key="{HIDDEN}" n=1'),
        ("api-key=zx81&page=2", f"api-key={HIDDEN}&page=2"),
        (f"Authorization=Basic {BASIC} n=1", f"Authorization=Basic {HIDDEN} n=1"),
        (f"Authorization: Basic {BASIC}, n: 1", f"Authorization: Basic {HIDDEN}, n: 1"),
        (f"sent Basic {BASIC} on", f"sent Basic {HIDDEN} on"),
        ("Cookie: a=zx81; b=zx81", f"Cookie: {HIDDEN}"),
        ("Coder-Session-Token: zx81 n", f"Coder-Session-Token: {HIDDEN} n"),
        (f"it is {COOKIE}.", f"it is {HIDDEN}."),
        ('cut {"api_key": "zx81\\" and zx81", "n": 1', f'cut {{"api_key": "{HIDDEN}", "n": 1'),
        (r"{\"token\": \"zx81\", \"n\": 1}", rf"{{\"token\": \"{HIDDEN}\", \"n\": 1}}"),
        ("asked by alice@corp.example.", f"asked by {HIDDEN}."),
    ],
)
def test_what_is_named_in_a_text_is_hidden(text: str, shown: str) -> None:
    found = Redaction().text(text)
    assert shown in found
    assert [secret for secret in SECRETS if secret in found] == []
    assert Redaction().text(found) == found


@pytest.mark.parametrize(
    "text",
    [
        "it may read MCP servers; the token: may not read prices",
        "tokens: 3 of 4, token_type=input, max_tokens > 5",
        "Coder asks for basic authentication, and Basic access",
        "Coder has api_key_header Authorization, and the stack none",
        "git@gitlab.example.com:group/project.git, https://git@gitlab.example.com/x",
        "image@sha256:0123456789abcdef, claude-code@4.7.3",
        '{"email": "", "token": null, "has_api_key": false, "name": "x"}',
        "version 168318ea-5e08-4a43-a3ac-000000000000, sha256 57bde5eeedbf",
        '{namespace="coder", app=~"coderd|provisionerd"} |= `skipping MCP server`',
        '{"not": "closed',
    ],
)
def test_what_is_no_secret_is_kept(text: str) -> None:
    assert Redaction().excerpt(text) == Redaction().text(text) == text


def test_half_a_character_of_an_answer_can_be_written_down() -> None:
    answer = json.loads(r'{"said": "caf\u00e9 \ud83d"}')
    assert Redaction().excerpt(answer).encode() == '{"said": "caf\u00e9 ?"}'.encode()
    assert Redaction().text("\udce9") == "?"


def test_a_long_text_takes_no_longer_than_its_length() -> None:
    began = time.process_time()
    for text in ("token" * 40_000, '"token' * 40_000, "a" * 200_000, "[" * 200_000):
        Redaction().excerpt(text)
    assert time.process_time() - began < 2
