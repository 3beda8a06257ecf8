"""The deployment is asked once before anything is declared; all that does not fit is named."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from components.coder.api import CoderdAccess, CoderdApi
from components.coder.lookup import Known, UnknownOrganizationError, ask, look_up, organization
from components.settings.load import load
from components.settings.model import Settings

RECORDED = Path(__file__).parents[2] / "recordings" / "coderd-2.30.0" / "coderd_rest.jsonl"
TOKEN = "session-token-of-the-test"
URL = "https://coder.example.com"
OTHER = {"id": "id-of-other", "name": "other", "is_default": False}


def recorded() -> dict[str, Any]:
    """What coderd 2.30 without a licence answered, by path."""
    answers = {}
    for line in RECORDED.read_text().splitlines():
        exchange = json.loads(line)
        if exchange["method"] == "GET" and exchange["status"] == 200:
            answers[exchange["path"]] = exchange["response"]
    return answers


REAL = recorded()
(DEFAULT,) = REAL["/api/v2/organizations"]
GROUPS = {"one": "id-of-one", "two": "id-of-two"}


def settings(coder: Mapping[str, Any] | None = None, **given: Any) -> Settings:
    return load(
        "gov",
        {
            "coder": {"accessUrl": URL, **(coder or {})},
            "externalAuth": {"providers": [{"host": "gitlab.example.com"}]},
            "templates": [{"name": "a"}, {"name": "b"}],
            "secrets": {
                "coderToken": TOKEN,
                "externalAuth": {"gitlab": {"clientId": "i", "clientSecret": "s"}},
                "mcp": {"x": "key"},
            },
            **given,
        },
    )


class FakeCoderd:
    """Answers as recorded, with a licence and a release as they are set."""

    def __init__(self, *, licensed: bool = True, version: str = "v2.37.1") -> None:
        self.licensed = licensed
        self.version = version
        self.organizations = [DEFAULT]
        self.asked: list[str] = []
        self.answers: dict[str, Any] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(path)
        assert request.headers["Coder-Session-Token"] == TOKEN
        if path in self.answers:
            answer = self.answers[path]
            return answer if isinstance(answer, httpx.Response) else answer()
        if path == "/api/v2/buildinfo":
            return httpx.Response(200, json={**REAL[path], "version": self.version})
        if path == "/api/v2/entitlements":
            document = json.loads(json.dumps(REAL[path]))
            for feature in document["features"].values():
                feature["enabled"] = self.licensed
            return httpx.Response(200, json=document)
        if path == "/api/v2/organizations":
            return httpx.Response(200, json=self.organizations)
        groups = f"/api/v2/organizations/{DEFAULT['id']}/groups"
        if path == groups:
            found = [{"name": name, "id": each} for name, each in GROUPS.items()]
            return httpx.Response(200, json=found)
        if path.startswith(f"{groups}/") and (name := path.rpartition("/")[2]) in GROUPS:
            return httpx.Response(200, json={"name": name, "id": GROUPS[name]})
        return httpx.Response(404, json={"message": "Resource not found"})

    @property
    def api(self) -> CoderdApi:
        return CoderdApi(CoderdAccess(URL, TOKEN, transport=httpx.MockTransport(self)))


def problems(known: Known) -> list[str]:
    assert TOKEN not in str(known.problems)
    return [str(problem) for problem in known.problems]


def test_no_organization_named_is_the_default_one_whatever_its_name() -> None:
    coderd = FakeCoderd()
    coderd.organizations = [OTHER, DEFAULT]
    known = ask(coderd.api, settings())
    assert known.organization_id == DEFAULT["id"]
    assert DEFAULT["name"] == "coder"
    assert problems(known) == []


def test_another_organization_is_found_by_its_name() -> None:
    coderd = FakeCoderd()
    coderd.organizations = [OTHER, DEFAULT]
    known = ask(coderd.api, settings({"organization": "other"}))
    assert (known.organization_id, problems(known)) == ("id-of-other", [])


def test_a_name_that_is_not_there_is_told_with_those_that_are() -> None:
    coderd = FakeCoderd()
    coderd.organizations = [OTHER, DEFAULT]
    # An alias of coderd's paths, and the name of no organization.
    assert problems(ask(coderd.api, settings({"organization": "default"}))) == [
        'coder.organization = "default": no such organization, or hidden from the token\'s user; '
        "there are coder, other; unset, it is the default one, coder"
    ]
    coderd.organizations = [OTHER]
    assert problems(ask(coderd.api, settings())) == [
        "coder.organization: name one: the default is hidden; there are other"
    ]
    coderd.organizations = []
    with pytest.raises(UnknownOrganizationError, match="there are none that the token's user"):
        organization(coderd.api, "other")


def test_every_group_is_asked_for_once() -> None:
    coderd = FakeCoderd()
    templates = [
        {"name": "a", "access": {"use": ["one", "two"]}},
        {"name": "b", "access": {"use": ["two"], "admin": ["one", "Everyone"]}},
    ]
    known = ask(coderd.api, settings(templates=templates))
    assert known.groups == {**GROUPS, "Everyone": DEFAULT["id"]}
    assert known.access_lists
    assert problems(known) == []
    assert len(coderd.asked) == len(set(coderd.asked)) == 5


def test_every_unknown_group_is_named_at_every_place() -> None:
    templates = [
        {"name": "a", "access": {"use": ["one", "a/b"]}},
        {"name": "b", "access": {"admin": ["three", "a/b"]}},
    ]
    there = "no such group in organization coder; there are one, two"
    assert problems(ask(FakeCoderd().api, settings(templates=templates))) == [
        f'templates[0].access.use[1] = "a/b": {there}',
        f'templates[1].access.admin[0] = "three": {there}',
        f'templates[1].access.admin[1] = "a/b": {there}',
    ]


LICENSED = {
    "lifetime": {
        "defaultTtlHours": 8,
        "activityBumpHours": 1,
        "failureTtlHours": 1,
        "dormantAfterHours": 100,
        "deleteDormantAfterHours": 200,
        "stopDays": ["sunday"],
    },
    "requireActiveVersion": True,
    "access": {"use": ["one"]},
    "maxPortShareLevel": "owner",
}


def test_all_that_the_licence_does_not_allow_is_named_at_once_with_what_it_needs() -> None:
    given = settings(
        {"organization": "nosuch"},
        templates=[{"name": "a", **LICENSED}, {"name": "b", "lifetime": {"defaultTtlHours": 8}}],
        mcpServers=[{"slug": "x", "displayName": "X", "url": "https://x/"}],
    )
    coderd = FakeCoderd(licensed=False, version="v2.30.0")
    found = problems(ask(coderd.api, given))
    assert [re.split(": n[eo]", problem)[0] for problem in found] == [
        "templates[0].lifetime.failureTtlHours = 1",
        "templates[0].lifetime.dormantAfterHours = 100",
        "templates[0].lifetime.deleteDormantAfterHours = 200",
        'templates[0].lifetime.stopDays = ["sunday"]',
        "templates[0].requireActiveVersion = true",
        'templates[0].access = {"use": ["one"]}',
        'templates[0].maxPortShareLevel = "owner"',
        'mcpServers[0] = "x"',
        'coder.organization = "nosuch"',
    ]
    needs = [re.search(r"\(feature (\w+)\)", problem) for problem in found[:7]]
    assert [match[1] for match in needs if match] == [
        *["advanced_template_scheduling"] * 4,
        "access_control",
        "template_rbac",
        "control_shared_ports",
    ]
    assert f"needs Coder 2.37.0 or newer; {URL} runs v2.30.0" in found[7]
    # Groups cannot be asked for without a licence: coderd answers 403.
    assert not any("groups" in path for path in coderd.asked)
    assert problems(ask(FakeCoderd().api, settings(templates=[{"name": "a", **LICENSED}]))) == []


def test_what_needs_no_licence_is_taken_without_one() -> None:
    free = {"name": "a", "maxPortShareLevel": "public", "lifetime": {"failureTtlHours": 0}}
    known = ask(FakeCoderd(licensed=False).api, settings(templates=[free]))
    assert (problems(known), known.access_lists) == ([], False)


@pytest.mark.parametrize(
    ("version", "allowed"),
    [
        ("v2.36.9", False),
        ("v2.37.0", True),
        ("v2.37.0-devel+abc", True),
        ("v3.0.0", True),
        # Between releases: the provider will know.
        ("v0.0.0-devel+abc", True),
        ("", True),
    ],
)
def test_mcp_servers_need_a_release_that_has_them(version: str, allowed: bool) -> None:
    given = settings(mcpServers=[{"slug": "x", "displayName": "X", "url": "https://x/"}])
    known = ask(FakeCoderd(version=version).api, given)
    assert (problems(known) == []) is allowed


def raising(error: Exception) -> Callable[[], httpx.Response]:
    def answer() -> httpx.Response:
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (httpx.Response(401, json={"message": "signed out"}), "secrets.coderToken = [secret]"),
        (
            httpx.Response(403, json={"message": "Forbidden."}),
            "secrets.coderToken = [secret]: https://coder.example.com does not let its user or its "
            "scope GET /api/v2/entitlements (403: Forbidden.): take a token, of all scopes, of a "
            "user with the role template admin",
        ),
        (httpx.Response(500, json={"message": "broken"}), "refuses to be asked: 500: broken"),
        (httpx.Response(200, text="<html>"), "does not answer as coderd does"),
        (httpx.Response(200, json=[]), "does not answer as coderd does"),
        (httpx.Response(200, json={"features": {"a": 1}}), "does not answer as coderd does"),
        (httpx.Response(302, headers={"location": "https://x"}), "redirects: it is not the"),
        (raising(httpx.ConnectError("[Errno 111] refused")), "cannot be reached: [Errno 111]"),
        (raising(httpx.ReadTimeout("")), "does not answer in time"),
    ],
)
def test_a_deployment_that_does_not_answer_is_one_clear_problem(answer: Any, message: str) -> None:
    coderd = FakeCoderd()
    coderd.answers["/api/v2/entitlements"] = answer
    (problem,) = problems(ask(coderd.api, settings()))
    assert message in problem
    key = "secrets.coderToken" if "coderToken" in message else f'coder.accessUrl = "{URL}"'
    assert problem.startswith(f"{key}")
    apart = ask(coderd.api, settings({"apiUrl": URL, "accessUrl": "https://other.example.com"}))
    assert problems(apart)[0].startswith(key.replace("accessUrl", "apiUrl"))


def test_what_takes_an_owner_is_said_of_a_token_that_may_not() -> None:
    coderd = FakeCoderd()
    coderd.answers["/api/v2/organizations"] = httpx.Response(403, json={"message": "Forbidden."})
    server = {"slug": "x", "displayName": "X", "url": "https://x/"}
    (problem,) = problems(ask(coderd.api, settings(mcpServers=[server])))
    assert "GET /api/v2/organizations" in problem
    assert "role owner, which MCP servers" in problem


@pytest.mark.parametrize(("version", "allowed"), [("v2.36.9", False), ("v2.37.0", True)])
@pytest.mark.parametrize(("said", "shown"), [(True, "true"), ("isolated", '"isolated"')])
def test_that_agents_may_use_a_template_needs_a_release_that_has_them(
    version: str, allowed: bool, said: object, shown: str
) -> None:
    given = settings(
        templates=[{"name": "a"}, {"name": "b", "agentsAllowed": said}], network={"enabled": True}
    )
    found = problems(ask(FakeCoderd(version=version).api, given))
    assert (found == []) is allowed
    told = f"templates[1].agentsAllowed = {shown}: needs Coder 2.37.0"
    assert allowed or found[0].startswith(told)
    # That they may not holds on every release.
    given = settings(templates=[{"name": "a", "agentsAllowed": False}])
    assert problems(ask(FakeCoderd(version=version).api, given)) == []


def test_a_proxy_that_cannot_be_used_is_one_clear_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy.example:1080")
    (problem,) = problems(look_up(settings()))
    assert "pip install 'httpx[socks]'" in problem
