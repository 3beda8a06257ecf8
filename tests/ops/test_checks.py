"""`verify` and `mcp-probe` as commands, on the stand-in for coderd, without an engine."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from components.coder.api import Coderd
from components.settings import Settings
from local.coderd import Coderd as LocalCoderd
from ops import checks, stacks
from ops.cli import app
from ops.verify import CheckResult, GoldenPath, Outcome


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def coderd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCoderd]:
    coderd = LocalCoderd(tmp_path_factory.mktemp("coderd"))
    coderd.start()
    try:
        yield coderd
    finally:
        coderd.stop()


@pytest.fixture
def dev(coderd: LocalCoderd, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of dev with the stand-in as its coderd, and a token for it."""
    settings = stacks.settings("dev")
    settings = settings.model_copy(
        update={"coder": settings.coder.model_copy(update={"api_url": coderd.url})}
    )
    monkeypatch.setattr(checks.stacks, "settings", lambda *_: settings)
    monkeypatch.setenv(checks.TOKEN, coderd.token)
    return settings


def test_one_path_for_each_template_by_its_own_settings() -> None:
    settings = stacks.settings("usgov")
    confined, open_one = checks.golden_paths(
        settings, owner="grace", parameters={"cpu": "2"}, minutes=2, keep=True
    )
    assert confined.template == "firewalled"
    assert confined.contract == settings.policy.contract
    assert {each.url for each in confined.contract.must_deny} >= {"https://example.com/"}
    assert open_one.template == "claude-code"
    assert open_one.contract is None
    for path in (confined, open_one):
        assert path.access_url == settings.coder.access_url
        assert (path.owner, path.parameters, path.seconds) == ("grace", {"cpu": "2"}, 120)
        assert path.external_auth_id == "gitlab"
        assert path.keep
    assert confined.workspace != open_one.workspace


def test_a_template_whose_firewall_is_switched_off_has_no_contract_to_keep() -> None:
    settings = stacks.settings("dev")
    switch = settings.firewall.model_copy(
        update={"state": "off", "reason": "incident", "until": datetime.now(UTC).date()}
    )
    (path,) = checks.golden_paths(
        settings.model_copy(update={"firewall": switch}), ["firewalled", "firewalled"]
    )
    assert path.contract is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("verify", "dev", "--template", "x"), "no template 'x'; there are claude-code, fire"),
        (("verify", "dev", "--parameter", "cpu"), "--parameter cpu: must be like cpu=2"),
        (("verify", "nope"), "no such stack; there are dev"),
        (("mcp-probe", "dev", "--server", "x"), "no MCP server 'x'; there are github"),
        (("mcp-probe", "nope"), "no such stack; there are dev"),
        (("mcp-probe", "usgov"), "stack usgov has no MCP servers"),
    ],
)
def test_what_cannot_be_checked_is_refused_before_anything_is_started(
    arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(checks.TOKEN, "token-of-the-test")
    monkeypatch.setattr(checks.engine, "session", None)
    status, said = run(*arguments)
    assert status == 1
    assert message in " ".join(said.split())
    assert "token-of-the-test" not in said


def test_a_deployment_without_the_templates_fails_and_the_rest_is_not_checked(
    dev: Settings, coderd: LocalCoderd
) -> None:
    status, said = run("verify", "dev")
    assert status == 1
    assert "passed      coderd reachable" in said
    assert "there is no template 'firewalled'" in said
    assert "stack dev: 4 passed, 2 failed, 10 not checked" in said
    assert coderd.token not in said


def test_plain_data_stands_alone_on_standard_output(dev: Settings) -> None:
    result = CliRunner().invoke(app, ["verify", "dev", "--template", "firewalled", "--json"])
    assert result.exit_code == 1
    data = json.loads(result.stdout)
    assert data["stack"] == "dev"
    outcomes = {each["name"]: each["outcome"] for each in data["templates"]["firewalled"]}
    assert outcomes["owner known"] == "passed"
    assert outcomes["template imported"] == "failed"
    assert outcomes["creation audited"] == "not checked"


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([Outcome.PASSED, Outcome.PASSED], 0),
        ([Outcome.PASSED, Outcome.NOT_CHECKED], 3),
        ([Outcome.NOT_CHECKED, Outcome.FAILED], 1),
    ],
)
def test_the_exit_status_says_whether_every_check_was_made(
    dev: Settings, monkeypatch: pytest.MonkeyPatch, outcomes: list[Outcome], status: int
) -> None:
    def walked(coderd: Coderd, path: GoldenPath, **_: object) -> list[CheckResult]:
        return [CheckResult(f"step {n}", each, "", 0.0) for n, each in enumerate(outcomes)]

    monkeypatch.setattr(checks.golden, "verify", walked)
    assert run("verify", "dev", "--template", "firewalled")[0] == status
