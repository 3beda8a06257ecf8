"""The command explain: what a stack allows, what it costs, and how it differs."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from ops.cli import app
from tests.ops.explain.asking import ROOT, change, decisions, machine, policy_of, run


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
    assert "DENY GET https://registry.npmjs.org/left-pad no rule allows it" in said
    assert said.endswith("1 allowed, 1 denied")


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("method", "url", "near"),
    [
        ("POST", "https://typicode.com/a", "near method=GET domain=typicode.com: for method GET"),
        ("GET", "https://GitHub.com/", "near domain=github.com: the host's case counts"),
        ("GET", "https://github.com./", "near domain=github.com: the dot at the host's end"),
        ("GET", "https://x.github.com/", "that host alone, nothing below it"),
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
def test_a_line_that_cannot_be_read_drops_no_answer() -> None:
    lines = "https://pypi.org/\n*.github.com\nhttps://go.dev/\n"
    status, said = run("dev", stdin=lines)
    assert status == 2
    assert "ALLOW GET https://pypi.org/" in said
    assert "ALLOW GET https://go.dev/" in said
    assert "error: standard input, line 2: '*.github.com' is a pattern of hosts, no URL" in said
    status, found = machine("dev", stdin=lines)
    assert status == 2
    assert found["allowed"] is False, "not everything that was asked is"
    assert len(found["templates"][0]["decisions"]) == 2
    assert found["unreadable"][0].startswith("standard input, line 2")


@pytest.mark.usefixtures("root")
def test_a_request_asked_again_is_answered_once_and_counted() -> None:
    _, said = machine("dev", stdin="https://pypi.org/\n" * 3)
    (answer,) = said["templates"][0]["decisions"]
    assert answer["count"] == 3
    assert "3 GET https://pypi.org/" in run("dev", stdin="https://pypi.org/\n" * 3)[1]


@pytest.mark.usefixtures("root")
def test_what_is_piped_can_be_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # which pytest-xdist sets
    url = f"https://proxy.golang.org/{'/'.join(['a-long-path'] * 20)}"
    result = CliRunner().invoke(app, ["explain", "dev", url])
    (line,) = [line for line in result.stdout.splitlines() if url in line]
    assert line.startswith("ALLOW  GET")
    assert line.endswith("domain=proxy.golang.org")
    assert all(line == line.rstrip() for line in result.stdout.splitlines())
    monkeypatch.setenv("COLUMNS", "80")
    result = CliRunner().invoke(app, ["explain", "dev", url])
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.usefixtures("root")
def test_credentials_are_not_shown() -> None:
    secrets = ["hunter2", "s3cr3t", "c0de", "ghp_" + "a" * 36]
    urls = (
        f"https://me:{secrets[0]}@pypi.org/a?token={secrets[1]}#{secrets[2]}",
        f"https://me:{secrets[0]}/x@pypi.org/",
        f"https://example.com/{secrets[3]}/x?{secrets[1]}",
        f"https://me:{secrets[0]}@pypi.org:{secrets[1]}",
    )
    no_url = f"me:{secrets[0]}@pypi.org:{secrets[1]}"
    for asked, expected in ((urls, 1), ((*urls, "--json"), 1), ((no_url,), 2)):
        status, said = run("dev", *asked)
        assert status == expected
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
        (("nope", "https://a/"), "", "no stack 'nope'; there are dev, usgov"),
        (("dev", "https://a/", "--template", "nope"), "", "no such template; there are firewalled"),
        (("dev",), "", "nothing is asked: give a URL, as https://pypi.org/"),
        (("dev",), "# nothing\n", "standard input: holds no URL"),
        (
            ("dev", "POST https://a/?token=s3cr3t"),
            "",
            "URL 1 begins with a method; give it with --method POST and the URL https://a/?[hidden]",
        ),
        (("dev", "-", "-"), "https://a/", "standard input can be read once"),
        (("dev", ""), "", "URL 1: the URL is empty"),
        (
            ("dev", "https://a/", "npmjs"),
            "",
            "URL 2: 'npmjs' is no URL; write https:// before a host without a dot",
        ),
        (("dev", "hello world", "--json"), "", "error: URL 1: 'hello world' is no URL"),
        (("dev", "/simple/"), "", "URL 1: '/simple/' is no URL"),
        (("dev", "ht!tp://pypi.org/"), "", "URL 1: 'ht!tp://pypi.org/' is no URL"),
        (("dev", "*.github.com"), "", "URL 1: '*.github.com' is a pattern of hosts, no URL"),
        (("dev", "https://"), "", "URL 1: 'https://' names no host; write one behind the scheme"),
        (("dev",), "https:///x", "standard input, line 1: 'https:///x' names no host"),
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


@pytest.mark.usefixtures("root")
def test_suggested_rules_allow_what_was_denied(root: Path) -> None:
    urls = ("https://new.example/a/b", "https://new.example/c", "https://transfer.sh/x")
    status, said = machine("dev", *urls, "https://[::1]/", "--suggest")
    assert status == 1
    suggestions = said["templates"][0]["suggestions"]
    assert suggestions["impossible"][0]["url"] == "https://[::1]/"
    policy = policy_of(root, "dev")
    policy["rules"] = [{"rule": each["rule"], "why": "x"} for each in suggestions["rules"]]
    change(root, "dev", policy=policy)
    assert run("dev", *urls)[0] == 0
    assert run("dev", "https://new.example/a")[0] == 1
    assert run("dev", urls[0], "--method", "POST")[0] == 1


@pytest.mark.usefixtures("root")
def test_what_a_suggested_rule_costs_is_told_in_yaml_that_can_be_pasted() -> None:
    denied = ("https://registry.npmjs.org/left-pad", "https://golang.org/")
    result = CliRunner().invoke(app, ["explain", "usgov", *denied, "--suggest", "--method", "PUT"])
    text = result.stdout[result.stdout.index("rules:") : result.stdout.index("\n\n1 allowed")]
    rules = yaml.safe_load(text)["rules"]
    assert [each["rule"] for each in rules] == [
        "method=PUT domain=registry.npmjs.org path=/left-pad"
    ]
    assert "# exfiltration grade D: anyone may publish a package" in text
    status, said = run("usgov", denied[0], "--suggest")
    assert status == 1
    assert f"# breaks the contract: GET {denied[0]} must be denied (npm install is" in said
    status, said = run("usgov", "https://rubygems.org/x", "--suggest")
    assert "the catalogue's group ruby has this host" in said


@pytest.mark.usefixtures("root")
def test_nothing_is_suggested_when_nothing_is_denied() -> None:
    status, said = run("dev", "https://pypi.org/", "--suggest")
    assert status == 0
    assert "rules:" not in said


def test_against_a_stack(root: Path) -> None:
    status, said = machine("usgov", "--against", "dev", "--template", "firewalled")
    assert status == 1
    assert said["opens"] is True
    (reach,) = said["templates"]
    assert {each["host"] for each in reach["opened"]} == {
        "coder.usgov.example.com",
        "gitlab.usgov.example.com",
    }
    assert "registry-1.docker.io" in {each["host"] for each in reach["closed"]}
    policy = policy_of(root, "dev")
    (root / "stacks" / "Pulumi.less.yaml").write_text(
        (root / "stacks" / "Pulumi.dev.yaml").read_text()
    )
    change(
        root, "less", policy={**policy, "groups": ["coder", "gitlab", "python"], "mustAllow": []}
    )
    status, said = run("less", "--against", "dev")
    assert status == 0
    assert "closes github.com all all" in said
    assert "no firewall on either side" in said
    assert run("dev", "--against", "less")[0] == 1


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


def test_against_a_commit_reads_its_own_code_and_settings(root: Path) -> None:
    for folder in ("components", "ops", "program"):
        shutil.copytree(ROOT / folder, root / folder)
    catalogue = root / "components" / "boundary" / "groups.py"
    now = catalogue.read_text()
    catalogue.write_text(now.replace('"domain=pypi.org"', '"domain=earlier.example"'))
    assert catalogue.read_text() != now
    policy = policy_of(root, "dev")
    change(root, "dev", policy={**policy, "mustAllow": []})
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "earlier")
    git(root, "tag", "v1")
    change(root, "dev", policy={**policy, "rules": [{"rule": "domain=new.example", "why": "x"}]})
    catalogue.write_text(now)
    status, said = machine("dev", "--against", "v1", "--template", "firewalled")
    assert status == 1
    (reach,) = said["templates"]
    assert {each["host"] for each in reach["opened"]} == {"pypi.org", "new.example"}
    assert {each["host"] for each in reach["closed"]} == {"earlier.example"}
    git(root, "rm", "-qr", "ops")
    git(root, "commit", "-qm", "no program")
    status, said_text = run("dev", "--against", "HEAD")
    assert status == 2
    assert "--against 'HEAD': at that commit:" in said_text
    worktrees = subprocess.check_output(["git", "-C", str(root), "worktree", "list"], text=True)
    assert len(worktrees.splitlines()) == 1


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("other", ["nope", "--help-me", "HEAD:stacks", ""])
def test_against_what_is_neither_stack_nor_commit(other: str) -> None:
    status, said = run("dev", f"--against={other}")
    assert status == 2
    assert "neither a stack (dev, usgov) nor a commit" in said


def test_against_a_commit_that_a_shallow_clone_lacks_says_how_it_comes(root: Path) -> None:
    origin = root / "origin"
    git(root, "init", "-q", "origin")
    for message in ("one", "two"):
        git(origin, "commit", "-q", "--allow-empty", "-m", message)
    git(root, "init", "-q")
    git(root, "pull", "-q", "--depth", "1", origin.as_uri())
    status, said = run("dev", "--against", "HEAD~1")
    assert status == 2
    assert "git fetch --unshallow" in said.replace("\n", " ")


def test_the_report_grades_the_stack_and_ends_with_1_above_its_limit(root: Path) -> None:
    status, said = run("usgov", "--report")
    assert status == 0
    assert "Stack usgov: exfiltration grade E" in said
    assert "the stack accepts E at worst" in said
    assert "E domain=gist.github.com version-control anyone may paste" in said
    policy = policy_of(root, "usgov")
    rule = {"rule": "domain=*.Example.org", "why": "x"}
    change(root, "usgov", policy={**policy, "highestGrade": "C", "rules": [rule]})
    status, report = machine("usgov", "--report")
    assert status == 1
    (template,) = report["templates"]
    assert (template["grade"], template["highestGrade"]) == ("E", "C")
    (finding,) = template["findings"]
    assert finding["rule"] == rule["rule"]
    assert "upper case" in finding["reason"]
    change(root, "usgov", policy={"groups": ["coder"], "highestGrade": "A"})
    assert "no rule reaches a host where anyone may publish" in run("usgov", "--report")[1]
    status, said = run("usgov", "--report", "--template", "claude-code")
    assert status == 1
    assert "every host is reached: the template has no firewall" in said


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    "arguments",
    [("--report", "https://a/"), ("--report", "--against", "usgov"), ("--against", "usgov", "-")],
)
def test_one_question_at_a_time(arguments: tuple[str, ...]) -> None:
    status, said = run("dev", *arguments)
    assert status == 2
    assert "one at a time" in said
