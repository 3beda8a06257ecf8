"""What has to hold before a workspace is built, where it does and where it does not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from components.kubeconfig import ClusterError
from components.programs import Program
from components.settings.ai_gateway import AiGateway
from components.settings.model import Settings
from components.settings.workspaces import ClaudeCode
from ops import stacks
from ops.verification.cluster import ClusterReader
from ops.verification.model import Outcome, Result
from ops.verification.preflight import Preflight
from tests.ops.verification.fake_coderd import FakeCoderd
from tests.ops.verification.making import Making, deployment

DEV = stacks.settings("dev")
CODER = DEV.coder.access_url
CALLBACK = f"{CODER}/external-auth/gitlab/callback"
GITLAB = "https://gitlab.dev.example.com"
AUTHORIZE = f"{GITLAB}/oauth/authorize"


def nobody() -> httpx.Client:
    raise ClusterError("no kubeconfig")


class Web:
    """coderd's callback and GitLab's page, as a browser without a session meets them.

    Attributes:
        location: where coderd sends a login.
        page: status of GitLab's page; None for one that cannot be reached.
    """

    def __init__(self, location: str = f"{AUTHORIZE}?redirect_uri={CALLBACK}&state=x") -> None:
        self.location = location
        self.page: int | None = 302
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if str(request.url) == CALLBACK:
            return httpx.Response(307, headers={"Location": self.location})
        if self.page is None:
            raise httpx.ConnectError("no route", request=request)
        return httpx.Response(self.page)


Look = Callable[..., Result]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    def look(
        check: str,
        coderd: FakeCoderd | None = None,
        settings: Settings = DEV,
        web: Web | None = None,
    ) -> Result:
        making = Making(tmp_path)
        Preflight(
            making.run(chosen=lambda each: each == check),
            deployment(coderd or FakeCoderd()),
            settings,
            settings.templates,
            ClusterReader(nobody),
            httpx.MockTransport(web or Web()),
        ).look()
        return making.results[check]

    return look


def changed(**workspaces: Any) -> Settings:
    return DEV.model_copy(update={"workspaces": DEV.workspaces.model_copy(update=workspaces)})


def with_gateway() -> Settings:
    provider = {"name": "one", "type": "anthropic", "baseUrl": "https://api.anthropic.com"}
    price = {"providerType": "anthropic", "model": "x", "inputPrice": 0}
    gateway = AiGateway.model_validate({"providers": [provider], "prices": [price]})
    assert DEV.mcp_servers
    return DEV.model_copy(update={"ai_gateway": gateway})


@pytest.mark.parametrize(
    ("check", "detail"),
    [
        ("coder", "Coder v2.37.0, asked by admin"),
        ("token", "it may make templates, update templates, delete templates, make workspaces, "),
        ("agents", "agents_allowed is false"),
        ("gitlab", f"which answers; it comes back to {CALLBACK}"),
        ("images", DEV.workspaces.image),
        ("pins", f"Boundary {DEV.workspaces.boundary_version}, module claude-code "),
    ],
)
def test_what_holds(look: Look, check: str, detail: str) -> None:
    result = look(f"preflight.{check}")
    assert result.outcome is Outcome.PASSED, result
    assert detail in result.detail


def test_no_coder_at_all(tmp_path: Path) -> None:
    making = Making(tmp_path)
    run = making.run()

    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    cluster, web = ClusterReader(nobody), httpx.MockTransport(Web())
    asked = Preflight(run, deployment(away), DEV, DEV.templates, cluster, web)
    assert asked.look() is False
    assert making.results["preflight.coder"].outcome is Outcome.FAILED
    # What does not need coderd is still looked at.
    assert making.results["preflight.pins"].outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("lacks", "outcome", "detail"),
    [
        ("make workspaces", Outcome.FAILED, "the token may not make workspaces"),
        ("update templates", Outcome.FAILED, "the token may not update templates"),
        ("make MCP servers", Outcome.FAILED, "the token may not make MCP servers"),
        ("make AI providers", Outcome.FAILED, "the token may not make AI providers"),
        ("delete AI providers", Outcome.FAILED, "the token may not delete AI providers"),
        ("set prices of AI models", Outcome.FAILED, "the token may not set prices of AI models"),
        ("make users", Outcome.PASSED, "read the audit log"),
        ("read the audit log", Outcome.PASSED, "; it may not read the audit log"),
    ],
)
def test_a_token_that_may_not(look: Look, lacks: str, outcome: Outcome, detail: str) -> None:
    coderd = FakeCoderd()
    coderd.rights = {lacks: False}
    result = look("preflight.token", coderd, settings=with_gateway())
    assert result.outcome is outcome
    assert detail in result.detail
    if outcome is Outcome.FAILED:
        assert result.next_step.endswith("owner, which MCP servers and the AI Gateway take")


def test_what_the_token_may_more_than_the_stack_needs_is_told(look: Look) -> None:
    plain = DEV.model_copy(update={"mcp_servers": []})
    coderd = FakeCoderd()
    result = look("preflight.token", coderd, settings=plain)
    assert result.outcome is Outcome.PASSED
    assert result.detail.endswith(
        "; more than the stack needs: change Coder's settings, make users"
    )
    (asked,) = [b["checks"] for _, path, b in coderd.requests if path == "/api/v2/authcheck"]
    # A template admin makes workspaces of their own alone.
    assert asked["make workspaces"]["object"]["owner_id"] == "me"
    assert not {"make AI providers", "make MCP servers"} & asked.keys()
    coderd.rights = {"change Coder's settings": False, "make users": False}
    assert "more than" not in look("preflight.token", coderd, settings=plain).detail


def test_a_licence_that_has_what_the_stack_uses_and_one_that_has_not(look: Look) -> None:
    coderd = FakeCoderd()
    coderd.features["advanced_template_scheduling"] = {"enabled": True}
    result = look("preflight.licence", coderd)
    assert result.outcome is Outcome.PASSED, result
    assert "organization and groups fit the settings; without access lists" in result.detail
    result = look("preflight.licence")
    assert result.outcome is Outcome.FAILED
    assert result.detail.startswith("templates[0].lifetime.dormantAfterHours")


def test_an_organization_that_is_not_there(look: Look) -> None:
    settings = DEV.model_copy(update={"coder": DEV.coder.model_copy(update={"organization": "x"})})
    for check in ("preflight.licence", "preflight.token", "preflight.agents"):
        result = look(check, settings=settings)
        assert result.outcome is Outcome.FAILED
        assert "coder.organization" in result.detail


@pytest.mark.parametrize(
    ("allowed", "outcome", "detail"),
    [
        (True, Outcome.FAILED, "Coder's own agents may use it"),
        (None, Outcome.PASSED, "this Coder has no agents_allowed"),
    ],
)
def test_coders_own_agents(look: Look, allowed: bool | None, outcome: Outcome, detail: str) -> None:
    coderd = FakeCoderd()
    coderd.templates["firewalled"] = allowed
    result = look("preflight.agents", coderd)
    assert result.outcome is outcome
    assert detail in result.detail


def test_a_template_that_is_not_deployed(look: Look) -> None:
    coderd = FakeCoderd()
    del coderd.templates["firewalled"]
    assert "there is no template 'firewalled'" in look("preflight.agents", coderd).detail


# GitLab


@pytest.mark.parametrize(
    ("location", "detail"),
    [
        ("https://gitlab.com/x", "leads to gitlab.com, not to gitlab.dev.example.com"),
        ("", "leads to 307, not to gitlab.dev.example.com"),
        (
            f"{AUTHORIZE}?redirect_uri=https://old.example.com/cb",
            "coderd has GitLab come back to https://old.example.com/cb",
        ),
    ],
)
def test_a_login_that_leads_elsewhere(look: Look, location: str, detail: str) -> None:
    result = look("preflight.gitlab", web=Web(location))
    assert result.outcome is Outcome.FAILED
    assert detail in result.detail


@pytest.mark.parametrize(
    ("page", "outcome", "detail"),
    [
        (200, Outcome.PASSED, "which answers"),
        (403, Outcome.PASSED, "which answers"),
        (404, Outcome.FAILED, "/oauth/authorize answers 404"),
        (502, Outcome.FAILED, "/oauth/authorize answers 502"),
        (None, Outcome.FAILED, "gitlab.dev.example.com cannot be reached: ConnectError"),
    ],
)
def test_a_gitlab(look: Look, page: int | None, outcome: Outcome, detail: str) -> None:
    web = Web()
    web.page = page
    result = look("preflight.gitlab", web=web)
    assert result.outcome is outcome
    assert detail in result.detail


def test_the_token_is_coders_alone(look: Look) -> None:
    web = Web()
    look("preflight.gitlab", web=web)
    to_coder, to_gitlab = web.asked
    assert "Coder-Session-Token" in to_coder.headers
    assert "Coder-Session-Token" not in to_gitlab.headers
    # GitLab has no use for the state of a login that nobody goes on with.
    assert str(to_gitlab.url) == AUTHORIZE


# Names


def test_releases_that_are_not_pinned(look: Look) -> None:
    for change, detail in (
        ({"image": "codercom/enterprise-base:latest"}, "workspaces.image = codercom/"),
        ({"boundary_version": "latest"}, "workspaces.boundaryVersion is latest"),
    ):
        result = look("preflight.pins", settings=changed(**change))
        assert result.outcome is Outcome.FAILED
        assert detail in result.detail


def test_the_image_of_the_database_role_is_pinned_where_a_job_uses_it(look: Look) -> None:
    role = DEV.grafana.database_role.model_copy(
        update={"delivery": "job", "image": "postgres:latest"}
    )
    grafana = DEV.grafana.model_copy(update={"database_role": role})
    result = look("preflight.pins", settings=DEV.model_copy(update={"grafana": grafana}))
    assert result.outcome is Outcome.FAILED
    assert "grafana.databaseRole.image = postgres:latest floats" in result.detail


def test_a_claude_code_of_its_installer_is_not_pinned(look: Look) -> None:
    result = look("preflight.claude", settings=changed(claude_code=ClaudeCode()))
    assert result.outcome is Outcome.NOT_CHECKED
    assert "whatever release its installer gives" in result.detail
    assert "workspaces.claudeCode.program" in result.next_step
    own = ClaudeCode(program=Program(path="/opt/claude/bin/claude"))
    result = look("preflight.claude", settings=changed(claude_code=own))
    assert result.outcome is Outcome.PASSED
    assert result.detail == "/opt/claude/bin/claude of the image"


def test_an_image_that_has_no_name(look: Look) -> None:
    result = look("preflight.images", settings=changed(image="foo@bar"))
    assert (result.outcome, result.detail) == (
        Outcome.FAILED,
        "no image names: workspaces.image: foo@bar",
    )


def test_a_cluster_that_cannot_be_asked(look: Look) -> None:
    for check in ("preflight.kernel", "preflight.network"):
        result = look(check)
        assert (result.outcome, result.detail) == (Outcome.NOT_CHECKED, "no kubeconfig")
        assert "KUBECONFIG" in result.next_step
