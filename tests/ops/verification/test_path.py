"""The golden path, on a coderd in memory."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops.verification import path as paths
from ops.verification.catalogue import of
from ops.verification.deployment import TemplateVersion
from ops.verification.model import CheckGroup, Failed, Outcome
from ops.verification.path import Visit
from ops.verification.plan import Target
from ops.verification.run import Clock
from ops.verification.state import Leftover
from tests.ops.verification.fake_coderd import TOKEN, URL, FakeCoderd
from tests.ops.verification.making import Making, as_declared, deployment

TARGET = Target("firewalled", "firewalled", "verify-1", parameters={"cpu": "2"}, access_url=URL)
STEPS = [each.id for each in of(CheckGroup.PATH)]


@pytest.fixture
def making(tmp_path: Path) -> Making:
    return Making(tmp_path)


def walk(
    making: Making,
    answer: Callable[[httpx.Request], httpx.Response],
    target: Target = TARGET,
    token: str = TOKEN,
    declared: Callable[[str, TemplateVersion], str] = as_declared,
) -> Visit:
    """Build and delete; what is inside has tests of its own."""
    with deployment(answer, token) as asked:
        visit = Visit(making.run(), asked, target, declared)
        visit.build()
        visit.delete()
    assert token not in repr(making.told)
    return visit


def test_up_to_a_ready_agent_and_gone_again(making: Making) -> None:
    fake = FakeCoderd()
    visit = walk(making, fake)
    assert {result.outcome for result in making.told} == {Outcome.PASSED}
    assert list(making.results) == [step for step in STEPS if step != "path.inside"]
    assert (
        "POST",
        "/api/v2/users/me/workspaces",
        {
            "template_id": "id-firewalled",
            "name": "verify-1",
            "rich_parameter_values": [{"name": "cpu", "value": "2"}],
        },
    ) in fake.requests
    assert (visit.owner, visit.agent_id, visit.build_id) == ("admin", "agent-1", "build-1")
    assert making.results["path.built"].seconds == pytest.approx(0.4)
    assert making.results["path.agent"].detail == "1 agent connected and ready"
    assert making.run().state.leftovers == []


def test_a_version_that_the_settings_do_not_make_is_built_and_looked_at_all_the_same(
    making: Making,
) -> None:
    def another(template: str, version: TemplateVersion) -> str:
        raise Failed(f"{template} has {version.name}", "bring the stack up")

    walk(making, FakeCoderd(), declared=another)
    assert making.failed.check == "path.declared"
    assert making.failed.detail == "firewalled has kind-otter"
    assert making.results["path.agent"].outcome is Outcome.PASSED


def test_the_agent_of_coders_own_agents_is_not_the_one_looked_into(making: Making) -> None:
    fake = FakeCoderd()
    fake.agent_names = ["dev-Coderd-Chat", "main"]
    visit = walk(making, fake)
    assert visit.agent_id == "agent-2"
    assert making.results["path.agent"].detail == "2 agents connected and ready"


def test_an_admin_walks_for_an_owner(making: Making) -> None:
    fake = FakeCoderd()
    visit = walk(making, fake, replace(TARGET, owner="dana"))
    assert making.results["path.owner"].detail == "dana, by the token of admin"
    assert visit.name == "dana/verify-1"
    assert ("GET", "/api/v2/users?q=dana", None) in fake.requests
    assert fake.deleting


@pytest.mark.parametrize(
    "tasks",
    [
        {"/api/v2": True},
        {"/api/experimental": True},
        {"/api/v2": False},
    ],
)
def test_as_a_task_where_coder_has_them(making: Making, tasks: dict[str, bool]) -> None:
    fake = FakeCoderd()
    fake.tasks = tasks
    walk(making, fake, replace(TARGET, task=True))
    assert {result.outcome for result in making.told} == {Outcome.PASSED}
    (made,) = [body for method, url, body in fake.requests if "/tasks/" in url and fake.tasks.get(
        url.split("/tasks/")[0]) is not None]  # fmt: skip
    assert made["template_version_id"] == "version-firewalled"
    assert made["name"] == "verify-1"
    assert fake.deleting


def test_a_coder_without_tasks(making: Making) -> None:
    walk(making, FakeCoderd(), replace(TARGET, task=True))
    built = making.results["path.built"]
    assert built.outcome is Outcome.NOT_CHECKED
    assert "this Coder has no Tasks" in built.detail
    assert "workspaces.tasks: false" in built.next_step
    assert making.results["path.agent"].outcome is Outcome.NOT_CHECKED
    assert making.run().state.leftovers == []


def change(**attributes: Any) -> Callable[[FakeCoderd], None]:
    return lambda fake: fake.__dict__.update(attributes)


@pytest.mark.parametrize(
    ("broken", "target", "step", "message", "next_step"),
    [
        (change(), {"owner": "erin"}, "path.owner", "no user 'erin'", "--owner"),
        (change(), {"owner": "dan"}, "path.owner", "no user 'dan'", "--owner"),
        (
            change(external_auth={"authenticated": False, "device": False}),
            {},
            "path.owner",
            "admin is not logged in to gitlab",
            "open https://dev.coder.com/external-auth/gitlab",
        ),
        (
            change(external_auth={"authenticated": True, "device": True}),
            {},
            "path.owner",
            "device flow",
            "remove",
        ),
        (
            change(),
            {"external_auth": "gitlab-eu"},
            "path.owner",
            "404: Route not found.",
            "see what was asked",
        ),
        (
            change(),
            {"template": "open"},
            "path.template",
            "are: claude-code, firewalled",
            "bring the stack up",
        ),
        (change(templates={}), {}, "path.template", "there are: none", "bring the stack up"),
        (
            change(import_job={"status": "failed", "error": "terraform plan: exit 1"}),
            {},
            "path.template",
            "version kind-otter failed: terraform plan: exit 1",
            "log",
        ),
        (
            change(),
            {"workspace": "taken"},
            "path.built",
            '409: Workspace "taken" already exists. name: must be unique',
            "see what was asked",
        ),
        (
            change(builds=[({"status": "failed", "error": "no quota"}, "failed")]),
            {},
            "path.built",
            "the build failed: no quota",
            "log",
        ),
        (
            change(builds=[({"status": "running"}, "starting")]),
            {"seconds": 30},
            "path.built",
            "not ended after 30 s",
            "--minutes",
        ),
        (
            change(agents=[("connected", "start_error")]),
            {},
            "path.agent",
            "connected, start_error",
            "startup logs",
        ),
        (
            change(agents=[("timeout", "created")]),
            {"seconds": 30},
            "path.agent",
            "the agent is timeout, created after 30 s",
            "--minutes",
        ),
        (
            change(delete_job={"status": "failed", "error": "forbidden"}),
            {},
            "path.deleted",
            "the build failed: forbidden",
            "delete admin/verify-1 by hand",
        ),
        (
            change(gone_after=1000),
            {"seconds": 20},
            "path.deleted",
            "still there after 20 s",
            "delete admin/verify-1 by hand",
        ),
    ],
)
def test_the_first_failure_ends_the_path(
    making: Making,
    broken: Callable[[FakeCoderd], None],
    target: dict[str, Any],
    step: str,
    message: str,
    next_step: str,
) -> None:
    fake = FakeCoderd()
    broken(fake)
    walk(making, fake, replace(TARGET, **target))
    assert making.failed.check == step
    assert message in making.failed.detail
    assert next_step in making.failed.next_step
    if step != "path.deleted":
        for name in STEPS[STEPS.index(step) + 1 : -1]:
            assert making.results[name].outcome is Outcome.NOT_CHECKED
            assert making.results[name].detail == f"after: {step}"
    # What was made is cleared up, and nothing else is touched.
    assert fake.deleting is fake.exists


def test_what_could_not_be_deleted_is_known_to_the_next_run(making: Making) -> None:
    fake = FakeCoderd()
    fake.builds = [({"status": "running"}, "starting")]
    fake.cancelable = False
    walk(making, fake, replace(TARGET, seconds=30))
    assert making.results["path.deleted"].detail == "403: Builds may not be canceled."
    later = making.run()
    assert later.state.leftovers == [Leftover("admin", "verify-1")]
    fake.cancelable = True
    with deployment(fake) as asked:
        assert paths.clean(later, asked, 30) == []
    assert fake.deleting
    assert "deleting admin/verify-1, which an earlier run left" in making.said
    assert making.run().state.leftovers == []


def test_what_is_gone_already_needs_no_deletion(making: Making) -> None:
    run = making.run()
    run.state.making(Leftover("admin", "verify-1"))
    with deployment(FakeCoderd()) as asked:
        assert paths.clean(run, asked, 30) == []
    assert run.state.leftovers == []


def test_what_may_not_be_deleted_is_named(making: Making) -> None:
    fake = FakeCoderd()
    fake.exists, fake.cancelable = True, False
    run = making.run()
    run.state.making(Leftover("admin", "verify-1"))
    with deployment(fake) as asked:
        assert paths.clean(run, asked, 30) == ["admin/verify-1: 403: Builds may not be canceled."]
    assert len(run.state.leftovers) == 1


def test_what_is_being_deleted_when_a_run_ends_stays_known(making: Making) -> None:
    fake = FakeCoderd()
    fake.exists, fake.builds = True, [({"status": "running"}, "starting")]
    clock = Clock(sleep=lambda _: clock.ending.set())
    run = making.run(clock=clock)
    for number in (1, 2):
        run.state.making(Leftover("admin", f"verify-{number}"))
    with deployment(fake) as asked:
        assert paths.clean(run, asked, 30) == [
            "admin/verify-1: the run was interrupted",
            "admin/verify-2: the run was interrupted",
        ]
    assert making.said == ["deleting admin/verify-1, which an earlier run left"]
    assert len(making.run().state.leftovers) == 2


def test_a_run_that_ends_deletes_what_it_made(making: Making) -> None:
    fake = FakeCoderd()
    run = making.run()
    with deployment(fake) as asked:
        visit = Visit(run, asked, TARGET, as_declared)
        visit.build()
        run.clock.ending.set()
        visit.look_inside()
        visit.delete()
    assert making.results["path.inside"].detail == "the run was interrupted"
    assert making.results["path.deleted"].outcome is Outcome.PASSED
    assert fake.deleting


def test_a_token_that_is_not_valid(making: Making) -> None:
    walk(making, FakeCoderd(), token="expired-token")
    assert making.failed.detail == "401: the session token is not valid"


def test_nobody_there(making: Making) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    walk(making, refuse)
    assert making.failed.detail == f"{URL} cannot be reached: connection refused"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (httpx.Response(200, text="<html>"), "does not answer as coderd does"),
        (httpx.Response(200, json=[]), "this is not what coderd answers"),
        (httpx.Response(200, json={}), "id: Field required: this is not what coderd"),
        (httpx.Response(302, headers={"Location": "https://elsewhere.example/"}), "redirects"),
    ],
)
def test_something_else_than_coderd(making: Making, answer: httpx.Response, message: str) -> None:
    asked = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return answer

    walk(making, handle)
    assert message in making.failed.detail
    assert asked == [f"{URL}/api/v2/users/me"]


def test_a_mistake_of_ours_is_not_told_as_coderds(
    making: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistake(self: Visit) -> str:
        return {}["key"]

    monkeypatch.setattr(Visit, "_template", mistake)
    walk(making, FakeCoderd())
    result = making.results["path.template"]
    assert result.outcome is Outcome.NOT_CHECKED
    assert result.detail.startswith("a fault of this program, KeyError at test_path.py:")
    assert "coderd" not in result.detail
