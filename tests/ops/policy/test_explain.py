"""`ops explain` of what people have: what is passed over is said, and kept out of the answer."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from ops import project
from ops.cli import app

ROOT = Path(__file__).resolve().parents[3]
CASES = ROOT / "tests" / "cases"
STACK = "stacks/Pulumi.dev.yaml"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "stacks").mkdir()
    (tmp_path / STACK).write_text((ROOT / STACK).read_text())
    monkeypatch.setattr(project, "ROOT", tmp_path)
    return tmp_path


def run(*arguments: str, stdin: str | bytes = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["explain", "dev", *arguments], input=stdin)
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


def change(root: Path, key: str, **values: Any) -> None:
    document = yaml.safe_load((root / STACK).read_text())
    document["config"].setdefault(f"firewalled-coder:{key}", {}).update(values)
    (root / STACK).write_text(yaml.safe_dump(document, sort_keys=False))


def test_what_a_har_file_holds_besides_requests_is_counted_and_not_suggested() -> None:
    status, said, beside = run("--har", str(CASES / "proxy-connect.har"), "--suggest", "--json")
    assert status == 1
    answer = json.loads(said)
    assert [each["method"] for each in answer["templates"][0]["decisions"]] == ["GET"] * 3
    (rule,) = answer["templates"][0]["suggestions"]["rules"]
    assert rule["rule"] == "method=GET domain=registry.npmjs.org path=/left-pad"
    assert "passed over 3 CONNECT" in answer["passedOver"][0]
    status, said, beside = run("--har", str(CASES / "proxy-connect.har"))
    assert "passed over 3 CONNECT of a tunnel" in beside
    assert "CONNECT" not in said
    assert "2 allowed, 1 denied" in said


def test_internal_schemes_become_no_rule() -> None:
    status, said, _ = run("--har", str(CASES / "internal-schemes.har"), "--suggest")
    assert status == 0
    assert "domain=" in said
    assert "gre" not in said


def test_a_list_with_what_is_no_url_ends_with_2_and_one_in_utf_16_is_answered() -> None:
    status, _, beside = run("-", stdin=(CASES / "allowlist-inline.txt").read_bytes())
    assert status == 2
    assert "standard input, line 4: '.github.com' is a pattern" in beside
    assert "line 6: '10.0.0.0/8' is a network" in beside
    status, _, beside = run("-", stdin=(CASES / "domains.json").read_bytes())
    assert (status, "allowedDomains[1]: '*.github.com' is a pattern" in beside) == (2, True)
    status, said, _ = run("-", stdin=(CASES / "utf16.txt").read_bytes())
    assert (status, "2 allowed, 0 denied" in said) == (0, True)


def test_a_host_is_asked_as_clients_send_it(root: Path) -> None:
    rule = {"rule": "domain=xn--bcher-kva.de", "why": "books"}
    change(root, "policy", rules=[rule])
    status, said, _ = run("https://bücher.de/x", "--json")
    assert status == 0
    (decision,) = json.loads(said)["templates"][0]["decisions"]
    assert (decision["url"], decision["rule"]) == ("https://xn--bcher-kva.de/x", rule["rule"])
    log = {"decision": "deny", "http_method": "GET", "http_url": "https://bücher.de/x"}
    text = json.dumps({"msg": "boundary_request", "fields": log})
    assert run("--log", "-", stdin=text)[0] == 1


def test_a_release_that_is_not_answered_for_is_said(root: Path) -> None:
    assert run("https://pypi.org/")[2] == ""
    change(root, "workspaces", boundaryVersion="v0.8.0")
    for arguments in (("https://pypi.org/",), ("--report",)):
        assert "warning: Boundary v0.8.0 decides otherwise" in run(*arguments)[2]
    assert run("https://pypi.org/", "--template", "claude-code")[2] == ""


def test_the_report_tells_what_pushing_opens_and_who_may_leave(root: Path) -> None:
    status, said, _ = run("--report")
    assert status == 0
    assert "domain=gitlab.dev.example.com: what is pushed there runs on its CI runners" in (
        " ".join(said.split())
    )
    change(root, "policy", rules=[{"rule": "domain=coder.dev.example.com", "why": "all of it"}])
    status, said, _ = run("--report", "--json")
    assert status == 1
    (template,) = json.loads(said)["templates"]
    assert (template["grade"], template["highestGrade"]) == ("H", "G")
    assert template["entries"][0]["why"].startswith("an agent makes itself a token")
    assert [note["group"] for note in template["notes"]] == ["gitlab"]
    _, _, beside = run("https://pypi.org/")
    assert "grade is H, by rule 'domain=coder.dev.example.com' of group stack" in beside
    assert "must be denied (an agent makes no token)" in beside
    assert beside.endswith("more demands are broken")
    assert beside.count("warning:") == 7
    change(root, "policy", highestGrade="H")
    assert run("--report")[0] == 0


def test_a_suggestion_for_coders_api_tells_what_it_breaks_and_opens() -> None:
    url = "https://coder.dev.example.com/api/v2/users/me/keys/tokens"
    _, said, _ = run(url, "--method", "POST", "--suggest")
    text = " ".join(said.split())
    assert "# breaks the contract: POST" in text
    assert "# exfiltration grade H: an agent makes itself a token" in text


def test_the_report_tells_that_coders_own_agents_are_outside(root: Path) -> None:
    told = "Coder's own agents reach every host from here"
    assert told not in run("--report")[1]
    document = yaml.safe_load((root / STACK).read_text())
    document["config"]["firewalled-coder:templates"][0]["agentsAllowed"] = True
    (root / STACK).write_text(yaml.safe_dump(document, sort_keys=False))
    assert told in " ".join(run("--report")[1].split())
    (template,) = json.loads(run("--report", "--json")[1])["templates"]
    assert template["coderAgents"] is True
    document["config"]["firewalled-coder:templates"][0]["agentsAllowed"] = "isolated"
    (root / STACK).write_text(yaml.safe_dump(document, sort_keys=False))
    said = " ".join(run("--report")[1].split())
    assert told not in said
    coderd = "pods app.kubernetes.io/name=coder in namespace coder: TCP 8080, TCP 8443 (coderd)"
    assert "Coder's own agents have a pod of their own, which reaches only" in said
    assert coderd in said
    (template,) = json.loads(run("--report", "--json")[1])["templates"]
    assert template["coderAgents"] == "isolated"
    change(root, "network", coderd={"addresses": ["0.0.0.0/0"], "podLabels": {}, "ports": [5432]})
    wide = " ".join(run("--report")[1].split())
    assert "every pod in namespace coder: TCP 5432 (coderd)" in wide
    assert "every IPv4 address but " in wide
    (template,) = json.loads(run("--report", "--json")[1])["templates"]
    assert {"where": "every pod in namespace coder", "ports": "TCP 5432", "reason": "coderd"} in (
        template["coderAgentsReach"]
    )


def test_an_older_release_that_decides_otherwise_answers_as_it_decides(root: Path) -> None:
    change(root, "workspaces", boundaryVersion="v0.5.4")
    status, said, beside = run("https://evil.pypi.org/", "https://pypi.org/")
    assert status == 0
    told = "Template firewalled as Boundary v0.5.4 decides: it takes `domain=` for every"
    assert told in " ".join(said.split())
    assert said.count("ALLOW") == 2
    assert " ".join(said.split()).count("(a host below the rule's)") == 1
    assert "the answers are those of" not in beside
    _, found, _ = run("https://evil.pypi.org/", "--json")
    (template,) = json.loads(found)["templates"]
    assert template["boundary"] == {"release": "v0.5.4", "answeredAs": "v0.5.4", "doubt": ""}
    assert template["decisions"][0]["rule"] == "domain=pypi.org"


def test_a_release_that_is_not_known_is_named_in_the_answer(root: Path) -> None:
    doubt = "nothing is known of how Boundary v1.0.0 decides"
    change(root, "workspaces", boundaryVersion="v1.0.0")
    status, said, _ = run("https://pypi.org/")
    assert status == 0
    assert f"as Boundary v0.9.0 decides: {doubt}\n" in said
    _, found, _ = run("https://pypi.org/", "--json")
    (template,) = json.loads(found)["templates"]
    assert template["boundary"] == {"release": "v1.0.0", "answeredAs": "v0.9.0", "doubt": doubt}


def test_a_release_that_decides_the_same_is_no_news_in_the_answer() -> None:
    _, said, _ = run("https://pypi.org/")
    assert "as Boundary" not in said
    _, found, _ = run("https://pypi.org/", "--json")
    (template,) = json.loads(found)["templates"]
    assert template["boundary"]["doubt"] == ""


def test_the_report_grades_by_the_release_that_decides(root: Path) -> None:
    rules = [{"rule": "domain=ngrok.io", "why": "x"}]
    change(root, "policy", groups=[], rules=rules, highestGrade="A", mustAllow=[])
    assert json.loads(run("--report", "--json")[1])["templates"][0]["grade"] == "A"
    change(root, "workspaces", boundaryVersion="v0.5.4")
    status, said, _ = run("--report")
    assert status == 1
    assert "exfiltration grade E, the stack accepts A at worst" in " ".join(said.split())
    assert "anyone may register a host below ngrok.io (a host below the rule's)" in " ".join(
        said.split()
    )
    assert "grade is E, by rule 'domain=ngrok.io'" in run("https://pypi.org/")[2]


def test_a_suggestion_tells_what_of_coder_it_opens_in_another_form() -> None:
    url = "https://coder.dev.example.com//api/v2/workspaceagents/me/gitsshkey"
    _, said, _ = run(url, "--suggest")
    text = " ".join(said.split())
    assert "# breaks the contract: GET" in text
    assert "# an agent gets the owner's private ssh key" in text


AUDITED = {"decision": "allow", "http_method": "POST", "http_url": "pypi.org:/api/v2/users/me"}
OWN = 'level=INFO msg=ALLOW method=GET url="x:@github.com/?q=1" host=evil.example rule="domain=x"'


@pytest.mark.parametrize(
    ("line", "word", "destination"),
    [
        (json.dumps({"msg": "boundary_request", "fields": AUDITED}), "ALLOW", "where it went is"),
        (OWN, "ALLOW", "it went to evil.example: Boundary judges the name"),
        # What the policy of today denies went somewhere all the same.
        (OWN.replace("github.com", "evil.example"), "DENY", "it went to evil.example"),
        (OWN.replace("ALLOW", "DENY"), "ALLOW", "sent so, it goes anywhere"),
        (OWN.replace("ALLOW", "DENY").replace("github.com", "a.example"), "DENY", None),
        (OWN.replace("x:@", "https://x:@"), "ALLOW", None),
        (OWN.replace("x:@", "https://"), "ALLOW", None),
    ],
)
def test_what_boundary_sends_elsewhere_is_no_allowed_request_to_the_host_in_its_target(
    line: str, word: str, destination: str | None
) -> None:
    status, said, _ = run("--log", "-", "--json", stdin=line)
    (decision,) = json.loads(said)["templates"][0]["decisions"]
    assert (decision["decision"], decision["pastPolicy"]) == (word, destination is not None)
    assert (decision["destination"] or "").startswith(destination or "")
    assert status == (word == "DENY" or destination is not None)


def test_a_target_past_the_policy_is_said_counted_and_not_suggested() -> None:
    asked = "pypi.org:/simple\nhttps://pypi.org/simple\nhttps://a.example/\nb.example:/\n"
    status, said, _ = run("-", "--suggest", stdin=asked)
    assert status == 1
    assert "past policy" in said
    assert "sent so, it goes anywhere" in " ".join(said.split())
    assert "1 allowed, 2 denied, 1 past the policy" in said
    assert "domain=a.example" in said
    assert "domain=b.example" not in said
    assert run("pypi.org:443/simple", "pypi.org/simple", "pypi.org")[0] == 0
