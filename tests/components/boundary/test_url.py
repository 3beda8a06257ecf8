"""URLs are read as Go's own net/url reads them, which is what Boundary calls."""

import base64
import json
import subprocess
from random import Random

import pytest

from components.boundary.url import RequestTarget, UrlError, parse
from tests.components.boundary import generate, reference
from tests.components.boundary.test_corpus import CASES
from toolchain import tools

PIECES = (
    *"aZ09-._~:/?#[]@!$&'()*+,;=%\\ \t\n\x7f\"<>^`{|}é",
    *("%2F", "%41", "%zz", "%25", "%c3%bc", "://", "//", "a.com", "[::1]", "::", "\udcff"),
)
STARTS = ("https://", "", "http://a.com/", "https://[", "https://u:p@", "ftp://", "HTTP://a:")
GROUPS = ("::", ":", "0", "1", "fe80", "ffff", "12345", "1.2.3.4", "01.2.3.4", "g", "%25", "%25a")


def addresses(random: Random) -> str:
    inside = "".join(random.choices(GROUPS, k=random.randint(0, 9)))
    return f"https://[{inside}]{random.choice(('', ':', ':1', ':x', '1'))}/"


@pytest.fixture(scope="module")
def urls() -> list[str]:
    random = Random(1)
    found = {case["url"] for case in CASES}
    rules: list[str] = []
    for turn in range(20_000):
        # Of one policy's rules ten requests meet.
        rules = rules if turn % 10 else generate.texts(random)
        found.add(generate.request(random, rules)[1])
        found.add(random.choice(STARTS) + "".join(random.choices(PIECES, k=random.randint(0, 9))))
        found.add(addresses(random))
    return sorted(found)


def octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def read(url: str) -> RequestTarget | None:
    try:
        return parse(url)
    except UrlError:
        return None


def refused(url: str) -> bool:
    try:
        reference.read_url(url)
    except reference.Refused:
        return True
    return False


def test_urls_are_read_as_go_reads_them(urls: list[str]) -> None:
    asked = "\n".join(json.dumps(base64.b64encode(octets(url)).decode()) for url in urls)
    said = subprocess.run(
        [str(tools.build("neturl"))], input=asked, capture_output=True, text=True, check=True
    )
    readable = 0
    for url, line in zip(urls, said.stdout.splitlines(), strict=True):
        answer, target = json.loads(line), read(url)
        assert (target is None) is bool(answer["error"]), (url, answer["error"])
        assert refused(url) is bool(answer["error"]), (url, answer["error"])
        if target is not None:
            readable += 1
            got = (octets(target.host), octets(target.path))
            assert got == tuple(base64.b64decode(answer[k] or "") for k in ("host", "path")), url
    assert readable >= 10_000
    assert len(urls) - readable >= 10_000


@pytest.mark.parametrize(
    "url",
    ["https://u:hunter2/x@a.com/", "https://[hunter2]/", "https://a.com:hunter2", "a.com/%hunter2"],
)
def test_what_is_said_of_a_url_quotes_nothing_of_it(url: str) -> None:
    with pytest.raises(UrlError) as caught:
        parse(url)
    assert "hunter2" not in str(caught.value)
