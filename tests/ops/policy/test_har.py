import json
from pathlib import Path

import pytest

from ops.policy import har
from ops.traffic import InputError

CASES = Path(__file__).parents[2] / "cases"


def read(name: str) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    traffic = har.from_text((CASES / name).read_text(), "file")
    return [(each.method, each.url) for each in traffic.requests], traffic.passed


def test_a_websocket_without_a_method_is_passed_over_and_counted() -> None:
    assert read("ws-empty-method.har") == (
        [
            ("GET", "https://pypi.org/simple/"),
            ("GET", "https://files.pythonhosted.org/packages/x.whl"),
        ],
        ("file: passed over 1 without a method, as a browser's WebSocket",),
    )


def test_tunnels_are_passed_over_and_what_is_asked_inside_is_not() -> None:
    assert read("proxy-connect.har") == (
        [
            ("GET", "https://registry.npmjs.org/left-pad"),
            ("GET", "https://go.dev/dl/"),
            ("GET", "https://typicode.com/posts"),
        ],
        ("file: passed over 3 CONNECT of a tunnel, about which Boundary's rules are not asked",),
    )


def test_what_does_not_leave_the_browser_is_passed_over() -> None:
    assert read("internal-schemes.har") == (
        [("GET", "https://go.dev/")],
        ("file: passed over 5 of a scheme that does not leave the browser",),
    )


def archive(*requests: object) -> str:
    return json.dumps({"log": {"entries": [{"request": each} for each in requests]}})


def test_every_scheme_but_those_that_are_sent_is_passed_over() -> None:
    urls = ["about:blank", "blob:https://a/1", "data:,x", "file:///x", "ftp://a/", "edge://x"]
    asked = [{"method": "GET", "url": url} for url in urls]
    sent = [{"method": "GET", "url": url} for url in ("HTTPS://a/", "wss://a/", "http://b/")]
    traffic = har.from_text(archive(*asked, *sent), "file")
    assert [each.url for each in traffic.requests] == ["HTTPS://a/", "wss://a/", "http://b/"]
    assert traffic.passed == ("file: passed over 6 of a scheme that does not leave the browser",)


def test_a_missing_method_is_one_that_is_empty() -> None:
    traffic = har.from_text(
        archive({"url": "wss://a/"}, {"method": "GET", "url": "http://a/"}), "f"
    )
    assert len(traffic.requests) == len(traffic.passed) == 1


def test_an_entry_that_holds_no_request_refuses_none_of_the_others() -> None:
    asked = {"method": "GET", "url": "https://a/"}
    text = json.dumps(
        {"log": {"entries": [{"request": asked}, {"request": None}, {}, None, {"request": "x"}]}}
    )
    traffic = har.from_text(text, "file")
    assert [each.url for each in traffic.requests] == ["https://a/"]
    assert traffic.passed == ("file: passed over 4 without a request",)
    traffic = har.from_text(
        archive(asked, {"method": "GET", "url": None}, {"method": "GET"}, {**asked, "method": 1}),
        "file",
    )
    assert len(traffic.requests) == 1
    assert traffic.passed == (
        "file: passed over 2 without a request",
        "file: passed over 1 without a method, as a browser's WebSocket",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            archive({"method": "CONNECT", "url": "a:443"}),
            "left the browser; passed over: 1 CONNECT",
        ),
        (archive({"method": 1, "url": "https://a/"}), "passed over: 1 without a method"),
        (archive({"method": "GET"}), "passed over: 1 without a request"),
        (archive(), "holds no request that left the browser$"),
    ],
)
def test_what_holds_no_request_is_told_with_what_was_there(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        har.from_text(text, "file")
