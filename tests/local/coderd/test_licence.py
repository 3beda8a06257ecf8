"""A deployment without a licence: the stand-in answers and refuses as coderd 2.30 was recorded."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.coderd import LocalCoderd
from local.providers.base import Call, ProviderError
from local.providers.coderd import CoderdProvider
from local.providers.wire import Secret

RECORDED = Path(__file__).parents[2] / "recordings" / "coderd-2.30.0" / "coderd_rest.jsonl"
TEMPLATE = "coderd:index/template:Template"
ORGANIZATION = "coderd:index/getOrganization:getOrganization"


@pytest.fixture(scope="module")
def unlicensed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCoderd]:
    coderd = LocalCoderd(tmp_path_factory.mktemp("coderd"), licensed=False)
    coderd.start()
    try:
        yield coderd
    finally:
        coderd.stop()


@pytest.fixture
def provider(unlicensed: LocalCoderd, tmp_path: Path) -> Iterator[CoderdProvider]:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "main.tf").write_text('variable "image" {\n  default = "a"\n}\n')
    provider = CoderdProvider(tmp_path)
    provider.configure({"url": unlicensed.url, "token": Secret(unlicensed.token)})
    yield provider
    provider.close()


def recorded(path: str) -> tuple[int, Any]:
    for line in RECORDED.read_text().splitlines():
        exchange = json.loads(line)
        if (exchange["method"], exchange["path"]) == ("GET", path):
            return exchange["status"], exchange["response"]
    raise AssertionError(path)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v2/entitlements",
        "/api/v2/buildinfo",
        "/api/v2/organizations",
        "/api/v2/organizations/default",
        "/api/v2/organizations/nosuch",
        "/api/v2/organizations/coder/groups",
    ],
)
def test_it_answers_as_recorded(unlicensed: LocalCoderd, path: str) -> None:
    status, body = recorded(path)
    with unlicensed.client() as client:
        answer = client.get(path)
    assert answer.status_code == status
    assert shape(answer.json()) == shape(body)
    if path == "/api/v2/entitlements":
        assert answer.json()["features"]["template_rbac"] == body["features"]["template_rbac"]
        assert answer.json()["has_license"] is False
    if status != 200 or path.endswith("/default"):
        for key in ("message", "name", "is_default", "description"):
            assert answer.json().get(key) == body.get(key), key


def shape(value: Any) -> Any:
    """The keys and types of a value; a list by its first entry."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def test_a_licence_is_a_switch_that_holds_from_the_next_start(tmp_path: Path) -> None:
    found = []
    for licensed in (True, False):
        coderd = LocalCoderd(tmp_path, licensed=licensed)
        coderd.start()
        try:
            with coderd.client() as client:
                features = client.get("/api/v2/entitlements").json()["features"]
                groups = client.get("/api/v2/organizations/coder/groups")
        finally:
            coderd.stop()
        found.append((features["access_control"]["enabled"], groups.status_code))
    assert found == [(True, 200), (False, 403)]


def make(provider: CoderdProvider, *, preview: bool = False, **inputs: Any) -> None:
    call = Call(urn="urn:x", type=TEMPLATE, name="x", id="", preview=preview)
    given = {"name": "t", "versions": [{"directory": "t", "active": True}], **inputs}
    checked = provider.check(call, {}, given)
    assert checked.failures == ()
    provider.create(call, checked.inputs)


@pytest.mark.parametrize(
    ("inputs", "feature"),
    [
        ({"failureTtlMs": 1}, "advanced template scheduling"),
        ({"timeTilDormantMs": 1}, "advanced template scheduling"),
        ({"timeTilDormantAutodeleteMs": 1}, "advanced template scheduling"),
        ({"autoStopRequirement": {"daysOfWeeks": ["sunday"]}}, "advanced template scheduling"),
        ({"autoStartPermittedDaysOfWeeks": ["sunday"]}, "advanced template scheduling"),
        ({"allowUserAutoStart": False}, "advanced template scheduling"),
        ({"allowUserAutoStop": False}, "advanced template scheduling"),
        ({"requireActiveVersion": True}, "access control"),
        ({"acl": {"groups": [], "users": []}}, "template access control"),
        ({"maxPortShareLevel": "owner"}, "port sharing control"),
    ],
)
def test_the_provider_refuses_to_make_what_is_not_licensed_and_says_nothing_before(
    provider: CoderdProvider, unlicensed: LocalCoderd, inputs: dict[str, Any], feature: str
) -> None:
    make(provider, preview=True, **inputs)
    with pytest.raises(ProviderError, match=f"Feature not enabled: .* {feature}$"):
        make(provider, **inputs)
    with unlicensed.client() as client:
        assert client.get("/api/v2/organizations/coder/templates").json() == []


def test_what_needs_no_licence_is_made(provider: CoderdProvider, unlicensed: LocalCoderd) -> None:
    make(provider, defaultTtlMs=1000, activityBumpMs=2000, maxPortShareLevel="public")
    with unlicensed.client() as client:
        (made,) = client.get("/api/v2/organizations/coder/templates").json()
        assert (made["default_ttl_ms"], made["max_port_share_level"]) == (1000, "public")
        assert client.get(f"/api/v2/templates/{made['id']}/acl").status_code == 403
        client.delete(f"/api/v2/templates/{made['id']}").raise_for_status()


def test_an_organization_goes_by_its_name_alone(provider: CoderdProvider) -> None:
    assert provider.invoke(ORGANIZATION, {"name": "coder"})["isDefault"] is True
    assert provider.invoke(ORGANIZATION, {"isDefault": True})["name"] == "coder"
    with pytest.raises(ProviderError, match="coder does not match requested name default"):
        provider.invoke(ORGANIZATION, {"name": "default"})
