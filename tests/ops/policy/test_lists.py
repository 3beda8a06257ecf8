from pathlib import Path

import pytest

from ops import traffic
from ops.policy import lists
from ops.traffic import InputError

CASES = Path(__file__).parents[2] / "cases"


def read(text: str) -> list[tuple[str, str]]:
    found = lists.from_text(text, "GET", "file")
    if found.unreadable:
        raise InputError(traffic.as_lines(found.unreadable))
    return [(each.method, each.url) for each in found.requests]


def urls(text: str) -> list[str]:
    return [url for _, url in read(text)]


def test_what_cannot_be_read_drops_nothing_of_the_rest() -> None:
    found = lists.from_text("https://a.b/\n*.c.d\nPOST https://e.f/", "GET", "file")
    assert [(each.method, each.url) for each in found.requests] == [
        ("GET", "https://a.b/"),
        ("POST", "https://e.f/"),
    ]
    (said,) = found.unreadable
    assert said.startswith("file, line 2: '*.c.d' is a pattern of hosts")


def test_what_is_no_url_in_a_list_of_hosts_is_named_by_its_line() -> None:
    text = (CASES / "allowlist-inline.txt").read_text()
    with pytest.raises(InputError) as caught:
        read(text)
    assert str(caught.value).splitlines() == [
        "file, line 4: '.github.com' is a pattern of hosts, no URL; ask for a host that it stands"
        " for",
        "  file, line 5: '*.githubusercontent.com' is a pattern of hosts, no URL; ask for a host"
        " that it stands for",
        "  file, line 6: '10.0.0.0/8' is a network, no URL; rules name hosts",
    ]
    plain = [line for number, line in enumerate(text.splitlines(), 1) if number not in (4, 5, 6)]
    assert urls("\n".join(plain)) == ["api.anthropic.com", "pypi.org:443", "go.dev", "go.dev"]


def test_a_json_list_is_read_and_a_pattern_in_it_named() -> None:
    text = (CASES / "domains.json").read_text()
    with pytest.raises(InputError, match=r"^file, allowedDomains\[1\]: '\*.github.com' is a patt"):
        read(text)
    assert urls(text.replace("*.", "")) == ["pypi.org", "github.com"]


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("order", ["little", "big"])
def test_utf_16_is_read(tmp_path: Path, marked: bool, order: str) -> None:
    given = (CASES / "utf16.txt").read_bytes()
    text = given.decode("utf-16")
    encoded = text.encode("utf-16-le" if order == "little" else "utf-16-be")
    mark = {"little": b"\xff\xfe", "big": b"\xfe\xff"}[order]
    file = tmp_path / "urls.txt"
    file.write_bytes(mark * marked + encoded)
    assert urls(traffic.read(str(file))) == ["https://go.dev/", "https://pypi.org/"]
    if marked and order == "little":
        assert file.read_bytes() == given
    file.write_bytes(file.read_bytes() + b"x")
    assert traffic.read(str(file)).startswith(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # A bullet begins a line; what ends a path is none.
        ("GET https://a.com/c- HTTP/1.1", ["https://a.com/c-"]),
        ("POST https://a.com/b* HTTP/1.1\n- go.dev", ["https://a.com/b*", "go.dev"]),
        ("https://a.b/#part  # why", ["https://a.b/#part"]),
        ("https://a.b/?q=#x\n#https://c.d/\n\t# e", ["https://a.b/?q=#x"]),
        ("- pypi.org\n- 'go.dev'\n", ["pypi.org", "go.dev"]),
        ("* https://a.b/\n+ https://c.d/", ["https://a.b/", "https://c.d/"]),
        ("`a.b`\n'c.d',\n\"e.f\" ,", ["a.b", "c.d", "e.f"]),
        ("localhost\nregistry:5000\n[::1]:8080/x\ncoder/api", None),
        ("https://a b/", []),
        ('["https://a.b/", "c.d"]', ["https://a.b/", "c.d"]),
        ('{"urls": ["a.b"], "version": 1}', ["a.b"]),
        ('{"allow": [{"url": "https://a.b/", "method": "PUT"}]}', ["https://a.b/"]),
        ("[::1]/x", ["[::1]/x"]),
        ("https://%zz/\nhttps://[/", ["https://%zz/", "https://[/"]),
    ],
)
def test_lists_as_people_keep_them(text: str, found: list[str] | None) -> None:
    if found == []:
        with pytest.raises(InputError, match=r"line 1: .* is more than a URL"):
            read(text)
    else:
        assert urls(text) == (text.splitlines() if found is None else found)


def test_methods_stand_before_urls_and_a_protocol_may_follow() -> None:
    assert read('POST https://a.b/ HTTP/1.1\nGET  c.d # x\n"PUT https://e.f/",') == [
        ("POST", "https://a.b/"),
        ("GET", "c.d"),
        ("PUT", "https://e.f/"),
    ]
    assert read('[{"url": "https://a.b/", "method": "PUT"}]') == [("PUT", "https://a.b/")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "| Method | URL |\n|---|---|\n| GET | https://a.b/ |",
            "line 1: '| Method | URL |' is more",
        ),
        ("NAME  READY\ncoder 1/1", "line 1: 'READY' is no URL"),
        ("https://a.b/\nhttps://c.d/ 200 12ms", "line 2: 'https://c.d/ 200 12ms' is more than a"),
        ("domains:\n- a.b", "line 1: 'domains:' is no URL"),
        ("GET", "line 1: 'GET' is no URL; write https:// before a host without a dot"),
        ("domain=a.b", "line 1: 'domain=a.b' is no URL"),
        ("method=GET domain=a.b", "line 1: 'method=GET domain=a.b' is more than a URL"),
        ("2001:db8::/32", "line 1: '2001:db8::/32' is a network"),
        ("https://a.b/\n*.c.d", "line 2: '*.c.d' is a pattern of hosts"),
        ("\n".join(f"*.{n}.a" for n in range(9)), "and 4 more"),
        ('{"allow": ["a.b"], "deny": ["c.d"]}', "one list of URLs is read; the lists here: allow,"),
        ('{"log": {"entries": []}}', "the lists here: none; a HAR file is read by --har"),
        ('{"a": 1}', "the lists here: none"),
        ('["a.b", 1]', "file, [1]: must be a URL as text, or have the text url"),
        ("# nothing\n", "holds no URL"),
        ("[]", "holds no URL"),
    ],
)
def test_what_is_no_list_of_urls_ends_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert message in str(caught.value)
