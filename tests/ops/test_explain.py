import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from ops import engine
from ops.cli import app

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "firewalled-coder:"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "stacks").mkdir()
    for name in ("dev", "usgov"):
        file = f"stacks/Pulumi.{name}.yaml"
        (tmp_path / file).write_text((ROOT / file).read_text())
    monkeypatch.setattr(engine, "ROOT", tmp_path)
    return tmp_path


def run(*arguments: str, stdin: str | bytes = "") -> tuple[int, str]:
    """Return exit status and what was said, its lines joined as the terminal's width broke them."""
    result = CliRunner().invoke(app, ["explain", *arguments], input=stdin)
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, " ".join(result.output.split())


def machine(*arguments: str, stdin: str | bytes = "") -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, ["explain", *arguments, "--json"], input=stdin)
    return result.exit_code, json.loads(result.stdout)


def decisions(*arguments: str, stdin: str | bytes = "") -> list[tuple[str, str, str]]:
    _, said = machine(*arguments, stdin=stdin)
    (template,) = said["templates"]
    return [(each["decision"], each["method"], each["url"]) for each in template["decisions"]]


def change(root: Path, stack: str, **values: Any) -> None:
    path = root / "stacks" / f"Pulumi.{stack}.yaml"
    document = yaml.safe_load(path.read_text())
    for key, value in values.items():
        document["config"][PREFIX + key] = value
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def policy_of(root: Path, stack: str) -> dict[str, Any]:
    path = root / "stacks" / f"Pulumi.{stack}.yaml"
    return dict(yaml.safe_load(path.read_text())["config"][PREFIX + "policy"])


@pytest.mark.usefixtures("root")
def test_allowed_names_rule_group_and_why_and_ends_with_0() -> None:
    status, said = run("dev", "https://pypi.org/simple/")
    assert status == 0
    assert "ALLOW GET https://pypi.org/simple/ domain=pypi.org" in said
    assert "python: Packages of PyPI and conda." in said


@pytest.mark.usefixtures("root")
def test_one_denied_among_allowed_ends_with_1() -> None:
    status, said = run("dev", "https://pypi.org/", "https://registry.npmjs.org/left-pad")
    assert status == 1
    assert "DENY GET https://registry.npmjs.org/left-pad no rule allows it" in said.replace(
        "GET no rule allows it https://registry.npmjs.org/left-pad",
        "GET https://registry.npmjs.org/left-pad no rule allows it",
    )
    assert said.endswith("1 allowed, 1 denied")


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("method", "url", "near"),
    [
        ("POST", "https://typicode.com/a", "near method=GET domain=typicode.com: its method is"),
        ("GET", "https://GitHub.com/", "near domain=github.com: the host's case counts"),
        ("GET", "https://github.com./", "near domain=github.com: the dot at the host's end"),
        ("GET", "https://x.github.com/", "it is that host alone, nothing below it"),
        ("GET", "https://a b/", "Boundary cannot parse the URL: invalid character ' ' in host"),
    ],
)
def test_a_denial_says_what_was_missed(method: str, url: str, near: str) -> None:
    status, said = run("dev", url, "--method", method, "--json")
    assert status == 1
    answer = json.loads(said)["templates"][0]["decisions"][0]
    told = [f"near {each['rule']}: {each['reason']}" for each in answer["nearest"]]
    assert near in " ".join([*told, answer["reason"]])


@pytest.mark.usefixtures("root")
def test_standard_input_holds_urls_and_methods() -> None:
    lines = "# tried by hand\n\nhttps://pypi.org/\r\nPOST https://typicode.com/posts\n"
    assert decisions("dev", stdin=lines) == [
        ("ALLOW", "GET", "https://pypi.org/"),
        ("DENY", "POST", "https://typicode.com/posts"),
    ]
    assert decisions("dev", "https://go.dev/", "-", "--method", "HEAD", stdin=lines)[:2] == [
        ("ALLOW", "HEAD", "https://go.dev/"),
        ("ALLOW", "HEAD", "https://pypi.org/"),
    ]


@pytest.mark.usefixtures("root")
def test_a_request_asked_again_is_answered_once_and_counted() -> None:
    _, said = machine("dev", stdin="https://pypi.org/\n" * 3)
    (answer,) = said["templates"][0]["decisions"]
    assert answer["count"] == 3
    assert "3 GET https://pypi.org/" in run("dev", stdin="https://pypi.org/\n" * 3)[1]


@pytest.mark.usefixtures("root")
def test_credentials_are_not_shown() -> None:
    secrets = ["hunter2", "s3cr3t", "c0de", "ghp_" + "a" * 36]
    urls = (
        f"https://me:{secrets[0]}@pypi.org/a?token={secrets[1]}#{secrets[2]}",
        f"https://me:{secrets[0]}/x@pypi.org/",
        f"https://example.com/{secrets[3]}/x?{secrets[1]}",
        f"me:{secrets[0]}@pypi.org:{secrets[1]}",
    )
    for extra in ((), ("--json",)):
        status, said = run("dev", *urls, *extra)
        assert status == 1
        assert not [secret for secret in secrets if secret in said.replace(" ", "")]
        assert "[hidden]" in said


@pytest.mark.usefixtures("root")
def test_a_url_gives_the_terminal_no_orders() -> None:
    _, said = run("dev", stdin=b"https://a/\x1b[31m[red]\xff\n")
    assert "\x1b" not in said
    assert "[red]" in said.replace(" ", "")


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (("nope", "https://a/"), "", "no such stack; there are dev, usgov"),
        (("dev", "https://a/", "--template", "nope"), "", "no such template; there are firewalled"),
        (("dev",), "", "standard input: holds no URL"),
        (("dev", "-", "-"), "https://a/", "standard input can be read once"),
        (("dev", ""), "", "URL 1: the URL is empty"),
        (("dev", "https://a/", "--method", "G T"), "", "method 'G T' must be one HTTP method"),
        (("dev", "https://a/", "--method", "*"), "", "method '*' must be one HTTP method"),
    ],
)
def test_what_cannot_be_read_ends_with_2(
    arguments: tuple[str, ...], stdin: str, message: str
) -> None:
    status, said = run(*arguments, stdin=stdin)
    assert status == 2
    assert message in said
    assert "Traceback" not in said


def test_every_policy_is_asked_and_equal_ones_once(root: Path) -> None:
    change(
        root,
        "dev",
        templates=[
            {"name": "one", "firewall": {}},
            {"name": "two", "firewall": {}},
            {"name": "small", "firewall": {}, "policy": {"groups": ["coder"]}},
            {"name": "open"},
        ],
    )
    status, said = machine("dev", "https://pypi.org/")
    assert status == 1
    assert [
        (each["templates"], each["decisions"][0]["decision"]) for each in said["templates"]
    ] == [(["one", "two"], "ALLOW"), (["small"], "DENY")]
    assert run("dev", "https://pypi.org/", "--template", "one")[0] == 0
    status, said = machine("dev", "https://pypi.org/", "--template", "open")
    assert status == 0
    assert said["templates"][0]["firewall"] is False
    assert said["templates"][0]["decisions"][0]["reason"] == "the template has no firewall"


def test_a_firewall_that_is_switched_off_is_told(root: Path) -> None:
    assert (
        CliRunner().invoke(app, ["firewall", "dev", "off", "--reason", "incident"]).exit_code == 0
    )
    status, said = run("dev", "https://example.com/")
    assert status == 0
    assert "ALLOW" in said
    assert "the firewall is switched off until" in said
    assert ": incident" in said


def test_a_policy_that_breaks_its_contract_can_be_asked(root: Path) -> None:
    policy = policy_of(root, "dev")
    policy["rules"] = [{"rule": "domain=example.com", "why": "an example"}]
    change(root, "dev", policy=policy)
    status, said = run("dev", "https://example.com/")
    assert status == 0
    assert "domain=example.com stack: an example" in said
