import subprocess
import sys

import pytest

from components.boundary.names import as_sent, ascii_host, open_labels


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://bücher.de/x?y#z", "https://xn--bcher-kva.de/x?y#z"),
        ("https://BÜCHER.de:8443/ü", "https://xn--bcher-kva.de:8443/ü"),
        ("bücher.de/x", "xn--bcher-kva.de/x"),
        ("//faß.de/x", "//xn--fa-hia.de/x"),
        ("https://me:ü@例え.jp/", "https://me:ü@xn--r8jz45g.jp/"),
        ("https://例え。jp/", "https://xn--r8jz45g.jp/"),
        ("https://i❤.ws/", "https://xn--i-7iq.ws/"),
        ("https://a_b.bücher.de/", "https://a_b.xn--bcher-kva.de/"),
        ("https://b%C3%BCcher.de/%C3%BC", "https://xn--bcher-kva.de/%C3%BC"),
        ("https://a%2ecom/", "https://a%2ecom/"),
        ("https://example.com/ü", "https://example.com/ü"),
        ("https://[::1]/ü", "https://[::1]/ü"),
        ("https://example.com/", "https://example.com/"),
    ],
)
def test_a_host_is_sent_in_punycode_and_nothing_else_changes(url: str, sent: str) -> None:
    assert as_sent(url) == sent
    assert as_sent(sent) == sent


def test_what_is_ascii_stays_as_it_is() -> None:
    assert ascii_host("A_b..Example.COM") == "A_b..Example.COM"


@pytest.mark.parametrize(
    ("host", "labels"),
    [
        ("a.b.com", 2),
        ("com", 1),
        ("b.com", 2),
        ("a.b.co.uk", 3),
        ("a.github.io", 3),
        ("*.github.io", 3),
        ("x.y.cluster.local", 2),
        ("a.B.CO.UK", 3),
        ("xn--bcher-kva.de", 2),
    ],
)
def test_one_owner_is_named_by_the_suffix_and_the_label_before_it(host: str, labels: int) -> None:
    assert open_labels(host) == labels


def test_the_tables_are_read_only_for_hosts_that_need_them() -> None:
    code = (
        "import sys\n"
        "from components.boundary import suggest, Policy, PolicyRule, Rule, audit\n"
        "suggest([('GET', 'https://a.b.com/c')])\n"
        "audit(Policy([PolicyRule(Rule.parse('domain=*.a.com'), 'python', '')]))\n"
        "print(sorted({'idna', 'publicsuffixlist'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
