"""The expressions are read by Go's regexp, as coderd reads them."""

import base64
import json
import re
import subprocess
from itertools import product
from random import Random

import pytest

from components.boundary.credentials import form_of
from components.coder.clone_urls import clone_url_regex, look_alike
from toolchain import tools

HOST = "gitlab.example.com"
OWN = (
    "https://gitlab.example.com",
    "https://gitlab.example.com/",
    "https://gitlab.example.com/group/sub/project.git",
    "https://gitlab.example.com:443/group/project.git",
    "https://ada@gitlab.example.com/group/project.git",
    "https://oauth2:a%40b@gitlab.example.com:443/group/project.git",
    "ssh://git@gitlab.example.com/group/project.git",
    "ssh://git@gitlab.example.com:2222/group/project.git",
    "ssh://gitlab.example.com/group/project.git",
    "git@gitlab.example.com:group/project.git",
    "git@gitlab.example.com:/group/project.git",
    "gitlab.example.com",
    "gitlab.example.com/group/project.git",
)
OTHERS = (
    "https://gitlab.example.com.evil.net",
    "https://gitlab.example.com.evil.net/group/project.git",
    "https://notgitlab.example.com/group/project.git",
    "https://not-gitlab.example.com",
    "https://sub.gitlab.example.com",
    "https://evil.net/gitlab.example.com",
    "https://evil.net/https://gitlab.example.com/",
    "https://evil.net?https://gitlab.example.com/",
    "https://evil.net#@gitlab.example.com/",
    "https://evil.net/@gitlab.example.com/",
    "https://evil.net\\@gitlab.example.com/",
    "https://gitlab.example.com@evil.net",
    "https://gitlab.example.com:443@evil.net/",
    "https://gitlab.example.com%2F@evil.net/",
    "https://gitlab.example.com:pw@evil.net/group/project.git",
    "https://gitlab.example.com\\.evil.net/",
    "https://gitlab.example.com?.evil.net/",
    "https://gitlab.example.com..evil.net/",
    "https://gitlabxexample.com/",
    "https://gitlab.example.com:8443/",
    "https://gitlab.example.com:4433/",
    "https://gitlab.example.com:44",
    "https://gitlab.example.comm",
    "http://gitlab.example.com/",
    "git://gitlab.example.com/group/project.git",
    "ftp://gitlab.example.com/",
    "xhttps://gitlab.example.com/",
    "https:/gitlab.example.com/",
    "https:///gitlab.example.com/",
    "https://evil.net:443/\nhttps://gitlab.example.com/",
    "ssh://git@gitlab.example.com.evil.net/group/project.git",
    "ssh://gitlab.example.com@evil.net/group/project.git",
    "ssh://git@evil.net/gitlab.example.com/",
    "ssh://git@gitlab.example.com:22@evil.net/",
    "git@gitlab.example.com.evil.net:group/project.git",
    "git@notgitlab.example.com:group/project.git",
    "git@evil.net:gitlab.example.com/project.git",
    "git@gitlab.example.com:group@evil.net/project.git",
    "git@evil.net/x@gitlab.example.com:group",
    "gitlab.example.com@evil.net:group/project.git",
    "gitlab.example.com:443@evil.net/",
    "gitlab.example.com.evil.net",
    "",
)


def matches(patterns: list[str], texts: list[str]) -> list[list[bool]]:
    done = subprocess.run(
        [str(tools.build("goregexp"))],
        input=json.dumps({"patterns": patterns, "texts": texts}),
        capture_output=True,
        text=True,
        check=True,
    )
    answer: list[list[bool]] = json.loads(done.stdout)
    return answer


def test_the_instances_own_urls_match_and_nobody_elses() -> None:
    (found,) = matches([clone_url_regex(HOST)], [*OWN, *OTHERS])
    assert [url for url, hit in zip([*OWN, *OTHERS], found, strict=True) if hit] == list(OWN)


def test_upper_case_in_a_setting_is_no_other_host() -> None:
    assert clone_url_regex("GitLab.Example.com:443") == clone_url_regex(HOST)


def test_a_port_of_its_own_is_the_instances_and_ssh_has_another() -> None:
    texts = {
        "https://gitlab.example.com:8443/a/b.git": True,
        "https://ada@gitlab.example.com:8443": True,
        "https://gitlab.example.com/a/b.git": False,
        "https://gitlab.example.com:443/": False,
        "https://gitlab.example.com:84431/": False,
        "ssh://git@gitlab.example.com:2222/a/b.git": True,
        "git@gitlab.example.com:a/b.git": True,
    }
    (found,) = matches([clone_url_regex(f"{HOST}:8443")], list(texts))
    assert dict(zip(texts, found, strict=True)) == texts


def test_of_two_hosts_one_the_others_suffix_each_url_belongs_to_one() -> None:
    hosts = ["gitlab.example.com", "example.com", "eu.gitlab.example.com", "example.com.evil.net"]
    shapes = ("https://{}/a/b.git", "ssh://git@{}:22/a", "git@{}:a/b.git", "https://u@{}", "{}")
    for shape in shapes:
        found = matches([clone_url_regex(host) for host in hosts], [shape.format(h) for h in hosts])
        assert found == [[one == other for one in hosts] for other in hosts], shape


def texts() -> list[str]:
    """URLs put together from what could fool a pattern, most of them nonsense."""
    random = Random(1)
    pieces = (
        *(*[HOST] * 6, "evil.net", ".evil.net", "git", "u:p", "a/b.git", "443", "2222"),
        *("@", ":", "/", "//", "?", "#", "\\", ".", "%40", "%2F", "\t", "\n", " ", "[", "]"),
    )
    starts = ("https://", "ssh://", "", "http://", "https:", "git@")
    made = {
        random.choice(starts) + "".join(random.choices(pieces, k=random.randint(1, 6)))
        for _ in range(60_000)
    }
    made |= {
        start + one + HOST + two + "evil.net" + three
        for start, one, two, three in product(
            starts,
            ("", "u@", "u:p@"),
            ("/", "@", ":", ":443@", "?", "#", "\\", "."),
            ("", "/", ":a"),
        )
    }
    return sorted(made)


def host_of(text: str, by_go: str) -> str:
    """The host that git would speak to."""
    if "://" in text:
        return by_go
    # Without a scheme, what stands before the first colon, unless a slash comes first.
    place, _, _ = text.partition(":") if ":" in text.partition("/")[0] else text.partition("/")
    return place.rpartition("@")[2]


def test_whatever_matches_goes_to_the_host() -> None:
    made = texts()
    (found,) = matches([clone_url_regex(HOST)], made)
    hits = [text for text, hit in zip(made, found, strict=True) if hit]
    assert len(hits) > 200
    asked = "\n".join(json.dumps(base64.b64encode(text.encode()).decode()) for text in hits)
    said = subprocess.run(
        [str(tools.build("neturl"))], input=asked, capture_output=True, text=True, check=True
    )
    for text, line in zip(hits, said.stdout.splitlines(), strict=True):
        answer = json.loads(line)
        by_go = base64.b64decode(answer["host"] or "").decode()
        assert host_of(text, by_go) == HOST, text


@pytest.mark.parametrize(
    ("regex", "found"),
    [
        (r"gitlab\.example\.com", "https://gitlab.example.com.evil.example"),
        (r"gitlab\.example\.com$", "https://notgitlab.example.com"),
        (r"^https://gitlab\.example\.com", "https://gitlab.example.com.evil.example"),
        (r"gitlab\.example\.com(/.*)?$", "https://notgitlab.example.com"),
        (r"^(https?://)?gitlab\.example\.com(/.*)?$", None),
        (clone_url_regex(HOST), None),
        ("(", None),
    ],
)
def test_an_expression_that_lets_the_token_go_elsewhere_is_told(
    regex: str, found: str | None
) -> None:
    assert look_alike(regex, HOST) == found


def test_kubernetes_expands_nothing_in_an_expression_that_stands_in_a_chart() -> None:
    assert not re.search(r"\$[($]", clone_url_regex(HOST))


def test_an_expression_is_no_credential_that_reviews_would_hide() -> None:
    assert form_of(clone_url_regex(HOST)) is None
