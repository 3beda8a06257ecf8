"""The package coderd against the stand-in: alone, and in programs on the real engine."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pulumi
import pulumi_coderd as coderd
import pulumi_random as random
import pytest
from pulumi import automation
from pulumi.runtime.proto import provider_pb2

from local.coderd import Coderd
from local.providers import serve
from local.providers.base import Call, ProviderError, Resource
from local.providers.coderd import CoderdProvider
from local.providers.wire import UNKNOWN, Properties, Secret, plain
from tests.local.providers.conftest import Bench

TEMPLATE = "coderd:index/template:Template"
GROUP = "coderd:index/group:Group"
MCP = "coderd:index/agentsMcpServer:AgentsMcpServer"
SECRET = "correct-horse-battery"

MAIN = """
variable "image" {
  type    = string
  default = "ubuntu"
}
resource "coder_agent" "main" {
  os = "linux"
}
"""
_names = iter(f"p{number}" for number in range(10_000))


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coderd]:
    stand_in = Coderd(tmp_path_factory.mktemp("coderd"))
    stand_in.start()
    try:
        yield stand_in
    finally:
        stand_in.stop()


@pytest.fixture
def api(deployment: Coderd) -> Iterator[httpx.Client]:
    with deployment.client() as client:
        client.base_url = f"{deployment.url}/api/v2/"
        yield client


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return next(_names)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "template").mkdir()
    (tmp_path / "template" / "main.tf").write_text(MAIN)
    return tmp_path


@pytest.fixture
def provider(deployment: Coderd, root: Path) -> Iterator[CoderdProvider]:
    provider = CoderdProvider(root)
    provider.configure({"url": deployment.url, "token": Secret(deployment.token)})
    yield provider
    provider.close()


class Engine:
    """Calls a provider in the engine's order, and keeps inputs and state as the engine does."""

    def __init__(self, provider: CoderdProvider, type: str, name: str) -> None:
        self.provider = provider
        self.type = type
        self.urn = f"urn:pulumi:test::test::{type}::{name}"
        self.id = ""
        self.inputs: Properties = {}
        self.state: Properties = {}

    def call(self, **more: Any) -> Call:
        return Call(urn=self.urn, type=self.type, name="x", id=self.id, **more)

    def check(self, **inputs: Any) -> Properties:
        checked = self.provider.check(self.call(), self.inputs, inputs)
        assert checked.failures == ()
        return checked.inputs

    def failures(self, **inputs: Any) -> dict[str, str]:
        return dict(self.provider.check(self.call(), self.inputs, inputs).failures)

    def changes(self, **inputs: Any) -> dict[str, str]:
        new = self.check(**inputs)
        found = self.provider.diff(self.call(), self.inputs, self.state, new)
        return {path: change.kind for path, change in found.changes.items()}

    def create(self, **inputs: Any) -> Properties:
        new = self.check(**inputs)
        made = self.provider.create(self.call(), new)
        return self._keep(made, new)

    def update(self, **inputs: Any) -> Properties:
        new = self.check(**inputs)
        self.state = self.provider.update(self.call(), self.inputs, self.state, new)
        self.inputs = new
        return self.outputs

    def preview(self, **inputs: Any) -> Properties:
        new = self.check(**inputs)
        call = self.call(preview=True)
        if not self.id:
            return self.provider.create(call, new).state
        return self.provider.update(call, self.inputs, self.state, new)

    def refresh(self) -> bool:
        found = self.provider.read(self.call(), self.inputs, self.state)
        if found is None:
            return False
        self._keep(found, found.inputs or {})
        return True

    def delete(self) -> None:
        self.provider.delete(self.call(), self.inputs, self.state)

    def _keep(self, made: Resource, inputs: Properties) -> Properties:
        self.id, self.state, self.inputs = made.id, made.state, inputs
        return self.outputs

    @property
    def outputs(self) -> Properties:
        return dict(plain(self.state))


def version(**more: Any) -> dict[str, Any]:
    return {"directory": "template", "active": True, "name": "one", **more}


@pytest.fixture
def template(provider: CoderdProvider, name: str) -> Engine:
    return Engine(provider, TEMPLATE, name)


# The provider itself


def test_it_becomes_the_package_of_the_sdk_and_no_other(provider: CoderdProvider) -> None:
    carried = json.loads((Path(coderd.__file__).parent / "pulumi-plugin.json").read_text())[
        "parameterization"
    ]
    value = provider_pb2.ParameterizeRequest.ParametersValue(
        name=carried["name"],
        version=carried["version"],
        value=base64.b64decode(carried["value"]),
    )
    request = provider_pb2.ParameterizeRequest(value=value)
    assert provider.parameterize(request) == ("coderd", "0.0.25")
    assert provider.schema()["name"] == "coderd"
    words = provider_pb2.ParameterizeRequest.ParametersArgs(args=["coder/coderd", "0.0.25"])
    by_words = provider_pb2.ParameterizeRequest(args=words)
    assert provider.parameterize(by_words) == ("coderd", "0.0.25")
    # What an earlier commit names is in states that it left.
    words = provider_pb2.ParameterizeRequest.ParametersArgs(args=["coder/coderd", "0.0.23"])
    earlier = provider_pb2.ParameterizeRequest(args=words)
    assert provider.parameterize(earlier) == ("coderd", "0.0.23")
    for args in (["coder/coderd", "0.0.22"], ["hashicorp/random"], []):
        words = provider_pb2.ParameterizeRequest.ParametersArgs(args=args)
        with pytest.raises(ProviderError, match=r"coder/coderd 0\.0\.25 alone"):
            provider.parameterize(provider_pb2.ParameterizeRequest(args=words))
    value.value = b"{"
    with pytest.raises(ProviderError, match="stands in for"):
        provider.parameterize(provider_pb2.ParameterizeRequest(value=value))


def test_options_are_checked(provider: CoderdProvider) -> None:
    good = {"url": "https://coder.example.com", "token": Secret("x"), "headers": '{"A": "b"}'}
    assert provider.check_config({}, good).failures == ()
    assert provider.check_config({}, {"url": UNKNOWN, "token": UNKNOWN}).failures == ()
    bad = {"url": "coder.example.com", "tokne": "x", "headers": "no"}
    failures = dict(provider.check_config({}, bad).failures)
    assert failures.keys() == {"url", "tokne", "headers"}


def test_a_deployment_that_is_not_said_or_not_there(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CODER_URL", raising=False)
    monkeypatch.delenv("CODER_SESSION_TOKEN", raising=False)
    for config, message in (
        ({}, r"url: url or \$CODER_URL is required"),
        ({"url": "http://127.0.0.1:1"}, r"token: token or \$CODER_SESSION_TOKEN is required"),
        ({"url": UNKNOWN, "token": "x"}, "url is not known yet"),
        (
            {"url": "http://127.0.0.1:1", "token": "x"},
            'failed to get default organization ID: Get "http://127.0.0.1:1/api/v2/users/me"',
        ),
    ):
        provider = CoderdProvider(root)
        with pytest.raises(ProviderError, match=message):
            provider.configure(config)
        provider.close()


def test_a_wrong_token_is_said_without_the_token(deployment: Coderd, root: Path) -> None:
    provider = CoderdProvider(root)
    with pytest.raises(ProviderError, match="401: You are signed out") as error:
        provider.configure({"url": deployment.url, "token": Secret(SECRET)})
    assert SECRET not in str(error.value)
    provider.close()


def test_the_environment_names_the_deployment(
    deployment: Coderd, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODER_URL", deployment.url + "/")
    monkeypatch.setenv("CODER_SESSION_TOKEN", deployment.token)
    provider = CoderdProvider(root)
    found = provider.invoke("coderd:index/getUser:getUser", {"username": "admin"})
    assert found["roles"] == ["owner"]
    provider.close()


# Templates: inputs


@pytest.mark.parametrize(
    ("inputs", "path", "reason"),
    [
        ({"name": "a_b"}, "name", "is no template name"),
        ({"name": "a" * 33}, "name", "is no template name"),
        ({"name": 1}, "name", "must be a string"),
        ({"nmae": "a"}, "nmae", "is not an input"),
        ({"defaultTtlMs": 1.5}, "defaultTtlMs", "must be a whole number"),
        ({"icon": True}, "icon", "must be a string"),
        ({"maxPortShareLevel": "all"}, "maxPortShareLevel", "is not one of"),
        ({"corsBehavior": "none"}, "corsBehavior", "simple, passthru"),
        ({"autoStopRequirement": {"daysOfWeeks": ["mon"]}}, "autoStopRequirement.daysOfWeeks", "m"),
        ({"autoStartPermittedDaysOfWeeks": ["x"]}, "autoStartPermittedDaysOfWeeks", "monday"),
        ({"acl": {"groups": []}}, "", "Missing required property 'acl.users'"),
        (
            {"acl": {"groups": [{"id": "a", "role": "root"}], "users": []}},
            "acl.groups[0].role",
            "is not one of admin, use",
        ),
        ({"versions": []}, "versions", "must have at least 1 element"),
        ({"versions": None}, "", "Missing required property 'versions'"),
        ({"versions": [{"active": True}]}, "", "Missing required property 'versions[0].directory'"),
        ({"versions": [version(name="a b")]}, "versions[0].name", "is no name of a version"),
        ({"versions": [version(), version(active=False)]}, "versions", "must be unique"),
        (
            {"versions": [version(), version(name="b")]},
            "versions",
            "Only one template version can be",
        ),
        (
            {"versions": [version(tfVars=[{"name": "image"}])]},
            "",
            "Missing required property 'versions[0].tfVars[0].value'",
        ),
    ],
)
def test_inputs_that_are_refused(
    template: Engine, name: str, inputs: dict[str, Any], path: str, reason: str
) -> None:
    failures = template.failures(**{"name": name, "versions": [version()], **inputs})
    assert failures.keys() == {path}
    assert reason in failures[path]


def test_all_problems_are_said_at_once(template: Engine) -> None:
    failures = template.failures(name="-", corsBehavior="none", versions=[])
    assert failures.keys() == {"name", "corsBehavior", "versions"}


def test_a_directory_is_looked_at_when_an_update_is_planned_and_packed_when_it_is_made(
    template: Engine, root: Path, name: str
) -> None:
    for folder in ("empty", "vars", "big"):
        (root / folder).mkdir()
    (root / "empty" / "README.md").touch()
    for folder in ("vars", "big"):
        (root / folder / "main.tf").write_text(MAIN)
    (root / "vars" / "terraform.tfvars").write_text('image = "x"\n')
    (root / "big" / "blob").write_bytes(b"x" * (1 << 20))
    with pytest.raises(ProviderError, match="Failed to compute directory hash"):
        template.preview(name=name, versions=[version(directory="gone")])
    for folder, reason in (("empty", "no .tf file"), ("vars", "as tf_vars"), ("big", "1048576")):
        versions = [version(directory=folder)]
        assert template.preview(name=name, versions=versions)["name"] == name
        with pytest.raises(ProviderError, match=f"failed to upload directory: .*{reason}"):
            template.create(name=name, versions=versions)


def test_what_coderd_refuses_is_found_when_it_is_asked(template: Engine, name: str) -> None:
    with pytest.raises(ProviderError, match=r"(?s)400: Validation failed.*Must be a positive"):
        template.create(name=name, failureTtlMs=-1, versions=[version()])


# Templates: life


def test_a_template_from_preview_to_delete(
    template: Engine, api: httpx.Client, root: Path, name: str
) -> None:
    inputs = {
        "name": name,
        "description": "one",
        "maxPortShareLevel": "authenticated",
        "autoStopRequirement": {"daysOfWeeks": ["sunday", "monday"]},
        "versions": [version(message="m" * 80, tfVars=[{"name": "image", "value": "a"}])],
    }
    before = template.preview(**inputs)
    assert before["versions"][0]["id"] is UNKNOWN
    assert before["description"] == "one"
    assert api.get(f"organizations/default/templates/{name}").status_code == 404

    made = template.create(**inputs)
    shown = api.get(f"organizations/default/templates/{name}").json()
    assert (template.id, made["versions"][0]["id"]) == (shown["id"], shown["active_version_id"])
    assert (shown["description"], shown["display_name"]) == ("one", name)
    assert shown["max_port_share_level"] == "authenticated"
    assert shown["autostop_requirement"] == {"days_of_week": ["monday", "sunday"], "weeks": 1}
    # coderd keeps 72 characters, and the provider finds out when it reads them again.
    assert made["versions"][0]["message"] == "m" * 80
    assert made["activityBumpMs"] == 3_600_000
    assert template.changes(**inputs) == {}
    assert template.refresh()
    assert "versions" in template.changes(**inputs)
    inputs["versions"][0]["message"] = "m" * 72
    assert template.changes(**inputs) == {}

    changed = {**inputs, "description": "two", "icon": "/icon.png"}
    # The display name is not given: what follows from the rest is known afterwards.
    follows = {"displayName": "update", "organizationId": "update"}
    expected = {"description": "update", "icon": "update", **follows}
    assert template.changes(**changed) == expected
    template.update(**changed)
    shown = api.get(f"templates/{template.id}").json()
    assert (shown["description"], shown["icon"]) == ("two", "/icon.png")
    assert len(api.get(f"templates/{template.id}/versions").json()) == 1

    del changed["icon"]
    assert template.changes(**changed) == {"icon": "update", **follows}
    template.update(**changed)
    assert api.get(f"templates/{template.id}").json()["icon"] == ""

    template.delete()
    assert api.get(f"templates/{template.id}").status_code == 404
    with pytest.raises(ProviderError, match=r"Failed to delete template: DELETE .* 404"):
        template.delete()
    assert not template.refresh()


def test_a_version_is_uploaded_again_when_its_content_or_variables_change(
    template: Engine, api: httpx.Client, root: Path, name: str
) -> None:
    def names() -> list[str]:
        return [item["name"] for item in api.get(f"templates/{template.id}/versions").json()]

    template.create(name=name, versions=[version()])
    first = template.outputs["versions"][0]["id"]

    (root / "template" / "more.json").write_text("{}")
    assert "versions" in template.changes(name=name, versions=[version()])
    with pytest.raises(ProviderError, match='409: A template version with name "one" already'):
        template.update(name=name, versions=[version()])
    assert "versions" in template.changes(name=name, versions=[version(name="two")])
    preview = template.preview(name=name, versions=[version(name=UNKNOWN)])
    assert preview["versions"][0]["id"] is UNKNOWN
    template.update(name=name, versions=[version(name="two")])
    second = template.outputs["versions"][0]["id"]
    assert second != first
    assert api.get(f"templates/{template.id}").json()["active_version_id"] == second

    variables = {"tfVars": [{"name": "image", "value": "debian"}]}
    template.update(name=name, versions=[version(name="three", **variables)])
    assert names() == ["one", "two", "three"]
    sent = api.get(f"templateversions/{template.outputs['versions'][0]['id']}/variables").json()
    assert sent[0]["value"] == "debian"

    # Only the name: the same version under another name.
    template.update(name=name, versions=[version(name="four", **variables)])
    assert names() == ["one", "two", "four"]

    # Only the message: it is said to have changed, and has not.
    changed = version(name="four", message="changed", **variables)
    assert template.update(name=name, versions=[changed])["versions"][0]["message"] == "changed"
    assert template.refresh()
    assert template.outputs["versions"][0]["message"] == ""


def test_several_versions_one_of_which_is_active(
    template: Engine, api: httpx.Client, root: Path, name: str
) -> None:
    (root / "next").mkdir()
    (root / "next" / "main.tf").write_text(MAIN + "# next\n")
    stable, following = version(), version(directory="next", name="next", active=False)
    template.create(name=name, versions=[stable, following])
    one, two = (item["id"] for item in template.outputs["versions"])
    assert api.get(f"templates/{template.id}").json()["active_version_id"] == one

    with pytest.raises(ProviderError, match="no version is active any more: one was"):
        template.changes(name=name, versions=[{**stable, "active": False}, following])
    swapped = [{**following, "active": True}, {**stable, "active": False}]
    template.update(name=name, versions=swapped)
    assert [item["id"] for item in template.outputs["versions"]] == [two, one]
    assert api.get(f"templates/{template.id}").json()["active_version_id"] == two
    assert template.changes(name=name, versions=swapped) == {}
    assert "versions" in template.changes(name=name, versions=swapped[:1])


def test_without_an_active_version_nothing_is_made(
    template: Engine, api: httpx.Client, name: str
) -> None:
    for act in (template.preview, template.create):
        with pytest.raises(ProviderError, match="none of these is active"):
            act(name=name, versions=[version(active=False)])
    assert api.get(f"organizations/default/templates/{name}").status_code == 404


@pytest.mark.parametrize("at", [0, 1])
def test_a_bad_first_version_makes_no_template_and_a_later_one_leaves_it_behind(
    template: Engine, api: httpx.Client, root: Path, name: str, at: int
) -> None:
    (root / "bad").mkdir()
    (root / "bad" / "main.tf").write_text("locals {\n  a = var.nope\n}\n")
    versions = [version(), version(name="two", active=False)]
    versions[at]["directory"] = "bad"
    with pytest.raises(ProviderError, match="did not succeed: failed") as error:
        template.create(name=name, versions=versions)
    assert 'An input variable with the name "nope" has not been declared.' in str(error.value)
    assert "on main.tf line 2" in str(error.value)
    there = api.get(f"organizations/default/templates/{name}").status_code
    assert there == (404 if at == 0 else 200)
    if at == 1:
        with pytest.raises(ProviderError, match="409: Template with name"):
            template.create(name=name, versions=[version()])


def test_a_bad_version_leaves_the_settings_changed_and_the_next_update_stuck(
    template: Engine, api: httpx.Client, root: Path, name: str
) -> None:
    template.create(name=name, versions=[version()])
    good = (root / "template" / "main.tf").read_text()
    (root / "template" / "main.tf").write_text("resource {")
    with pytest.raises(ProviderError, match="Invalid configuration syntax"):
        template.update(name=name, description="new", versions=[version(name="two")])
    assert api.get(f"templates/{template.id}").json()["description"] == "new"
    # The state does not know: the same settings are sent again, whatever the versions are.
    for content, other in (("resource {", "three"), (good, "one")):
        (root / "template" / "main.tf").write_text(content)
        with pytest.raises(ProviderError, match="template metadata not modified"):
            template.update(name=name, description="new", versions=[version(name=other)])
    assert template.refresh()
    template.update(name=name, description="new", versions=[version()])
    # The name of a version that failed is taken.
    (root / "template" / "main.tf").write_text(good + "# mended\n")
    with pytest.raises(ProviderError, match='409: A template version with name "two"'):
        template.update(name=name, description="new", versions=[version(name="two")])


def test_what_changes_by_hand_is_found_and_undone(
    template: Engine, api: httpx.Client, root: Path, name: str
) -> None:
    inputs = {"name": name, "description": "ours", "versions": [version()]}
    template.create(**inputs)
    managed = template.outputs["versions"][0]["id"]
    (root / "other").mkdir()
    (root / "other" / "main.tf").write_text(MAIN + "# by hand\n")
    hand = Engine(template.provider, TEMPLATE, "hand")
    hand.id, hand.state, hand.inputs = template.id, template.state, template.inputs
    hand.update(**{**inputs, "versions": [version(directory="other", name="by-hand")]})
    api.patch(f"templates/{template.id}", json={"description": "theirs", "icon": "/x.png"})

    assert template.refresh()
    assert template.inputs["description"] == "theirs"
    assert template.inputs["versions"][0]["active"] is False
    follows = {"displayName", "organizationId"}
    assert template.changes(**inputs).keys() == {"description", "icon", "versions", *follows}
    template.update(**inputs)
    shown = api.get(f"templates/{template.id}").json()
    assert (shown["description"], shown["icon"]) == ("ours", "")
    assert shown["active_version_id"] == managed
    assert template.changes(**inputs) == {}


def test_an_access_list_is_managed_only_if_it_is_given(
    template: Engine, api: httpx.Client, name: str
) -> None:
    group = api.post("organizations/default/groups", json={"name": name}).json()["id"]
    user = api.get("users/developer").json()["id"]
    everyone = api.get("organizations/default").json()["id"]

    def roles() -> dict[str, str]:
        acl = api.get(f"templates/{template.id}/acl").json()
        return {item["id"]: item["role"] for item in (*acl["group"], *acl["users"])}

    inputs: dict[str, Any] = {"name": name, "versions": [version()]}
    template.create(**inputs)
    assert roles() == {everyone: "use"}
    assert "acl" not in template.state

    acl = {"groups": [{"id": group, "role": "use"}], "users": [{"id": user, "role": "admin"}]}
    assert "acl" in template.changes(**inputs, acl=acl)
    template.update(**inputs, acl=acl)
    assert roles() == {group: "use", user: "admin"}
    assert template.changes(**inputs, acl=acl) == {}

    api.patch(f"templates/{template.id}/acl", json={"group_perms": {everyone: "use"}})
    assert template.refresh()
    assert "acl" in template.changes(**inputs, acl=acl)
    template.update(**inputs, acl=acl, description="other")
    assert roles() == {group: "use", user: "admin"}
    assert "acl" in template.changes(**inputs, description="other", acl={**acl, "users": []})
    unknown = {"groups": [{"id": UNKNOWN, "role": "use"}], "users": []}
    assert "acl" in template.changes(**inputs, description="other", acl=unknown)
    bad = {"groups": [{"id": template.id, "role": "use"}], "users": []}
    with pytest.raises(ProviderError, match="Failed to find resource with ID"):
        template.update(**inputs, acl=bad)


def test_a_template_that_is_there_is_not_taken_over(
    template: Engine, api: httpx.Client, name: str
) -> None:
    inputs = {"name": name, "versions": [version()]}
    template.create(**inputs)
    again = Engine(template.provider, TEMPLATE, "again")
    with pytest.raises(ProviderError, match=f'409: Template with name "{name}" already exists'):
        again.create(**inputs, description="finished")
    assert api.get(f"templates/{template.id}").json()["description"] == ""


def test_a_template_in_use_is_not_deleted(template: Engine, api: httpx.Client, name: str) -> None:
    template.create(name=name, versions=[version()])
    body = {"template_id": template.id, "name": name}
    assert api.post("users/developer/workspaces", json=body).status_code == 201
    with pytest.raises(ProviderError, match="400: All workspaces must be deleted"):
        template.delete()
    assert template.refresh()


def test_import_by_id_and_by_name(template: Engine, name: str) -> None:
    template.create(name=name, description="there", versions=[version()])
    for id in (template.id, f"coder/{name}", f"default/{name}"):
        engine = Engine(template.provider, TEMPLATE, "imported")
        engine.id = id
        assert engine.refresh()
        assert engine.id == template.id
        assert engine.inputs["name"] == name
        assert engine.inputs["description"] == "there"
        assert "icon" not in engine.inputs
        assert "versions" not in engine.state
        assert "__meta" not in engine.state
        # What the bridge reads back does not do for what it asks.
        assert engine.failures(**engine.inputs) == {"": "Missing required property 'versions'"}
        # The version that runs is unknown to it, whatever its content.
        assert engine.preview(**engine.inputs, versions=[version()])["versions"][0]["id"] is UNKNOWN
    engine = Engine(template.provider, TEMPLATE, "missing")
    engine.id = "coder/not-there"
    with pytest.raises(ProviderError, match=r"Failed to get template with name not-there: .* 404"):
        engine.refresh()
    engine.id = "00000000-0000-0000-0000-000000000001"
    assert not engine.refresh()


def test_another_organization_needs_another_template(template: Engine, name: str) -> None:
    template.create(name=name, versions=[version()])
    new = template.check(name=name, organizationId="other", versions=[version()])
    found = template.provider.diff(template.call(), template.inputs, template.state, new)
    assert found.changes["organizationId"].replace


def test_a_hundred_templates_are_previewed_quickly(provider: CoderdProvider, root: Path) -> None:
    started = time.perf_counter()
    for at in range(100):
        engine = Engine(provider, TEMPLATE, f"t{at}")
        engine.preview(name=f"t{at}", versions=[version()])
    assert time.perf_counter() - started < 1.0


# Groups


def test_a_group_from_preview_to_delete(
    provider: CoderdProvider, api: httpx.Client, name: str
) -> None:
    admin, developer = (api.get(f"users/{user}").json()["id"] for user in ("admin", "developer"))
    group = Engine(provider, GROUP, name)
    assert group.failures(quotaAllowance=-1) == {"": "Missing required property 'name'"}
    assert group.failures(name=name, quotaAllowance=-1) == {
        "quotaAllowance": "must not be negative"
    }
    inputs = {"name": name, "members": [developer], "quotaAllowance": 3}
    assert group.preview(**inputs)["organizationId"] is UNKNOWN
    made = group.create(**inputs)
    assert (made["displayName"], made["members"]) == (name, [developer])
    assert group.changes(**inputs) == {}

    api.patch(f"groups/{group.id}", json={"add_users": [admin], "display_name": "By hand"})
    assert group.refresh()
    assert set(group.inputs["members"]) == {admin, developer}
    assert group.changes(**inputs) == {"displayName": "delete", "members": "update"}
    group.update(**inputs)
    shown = api.get(f"groups/{group.id}").json()
    assert [member["id"] for member in shown["members"]] == [developer]
    assert shown["display_name"] == name
    assert group.changes(name=name, quotaAllowance=3) == {}

    with pytest.raises(ProviderError, match=f'409: A group named "{name}" already exists'):
        Engine(provider, GROUP, "again").create(**inputs)
    with pytest.raises(ProviderError, match="must be a member of organization"):
        Engine(provider, GROUP, "bad").create(name=f"{name}-bad", members=["nobody"])
    assert api.get(f"organizations/default/groups/{name}-bad").status_code == 200

    imported = Engine(provider, GROUP, "imported")
    imported.id = f"default/{name}"
    assert imported.refresh()
    assert imported.inputs == {"name": name, "displayName": name, "quotaAllowance": 3}
    group.delete()
    assert not group.refresh()


# MCP servers


@pytest.fixture
def server(name: str) -> dict[str, Any]:
    return {
        "displayName": "GitHub",
        "slug": name,
        "url": "https://api.githubcopilot.com/mcp/",
        "authType": "api_key",
        "apiKeyHeader": "Authorization",
        "apiKeyValueWo": Secret(f"Bearer {SECRET}"),
        "apiKeyValueWoVersion": 1,
        "toolAllowLists": ["get_me", "get_issue"],
    }


def test_an_mcp_server_from_preview_to_delete(
    provider: CoderdProvider, deployment: Coderd, api: httpx.Client, server: dict[str, Any]
) -> None:
    engine = Engine(provider, MCP, server["slug"])
    servers = f"{deployment.url}/api/experimental/organizations/default/mcp-servers"
    assert engine.preview(**server)["updatedAt"] is UNKNOWN
    made = engine.create(**server)
    assert (made["transport"], made["availability"], made["enabled"]) == (
        "streamable_http",
        "default_off",
        False,
    )
    assert api.get(f"{servers}/{engine.id}").json()["has_api_key"] is True
    for kept in (engine.inputs, engine.state):
        assert SECRET not in repr(plain(kept))
        assert not any(key.endswith("Wo") for key in kept)
    assert engine.changes(**server) == {}
    reordered = {**server, "toolAllowLists": ["get_issue", "get_me"]}
    assert engine.changes(**reordered) == {}

    # The value alone changes nothing, its version does.
    other = {**server, "apiKeyValueWo": Secret("Bearer another")}
    assert engine.changes(**other) == {}
    rotated = {**other, "apiKeyValueWoVersion": 2, "enabled": True}
    assert engine.changes(**rotated) == {"apiKeyValueWoVersion": "update", "enabled": "update"}
    assert engine.update(**rotated)["apiKeyValueWoVersion"] == 2

    api.patch(f"{servers}/{engine.id}", json={"enabled": False, "description": "by hand"})
    assert engine.refresh()
    assert engine.changes(**rotated) == {"description": "delete", "enabled": "update"}
    engine.update(**rotated)

    headers = {
        "displayName": "GitHub",
        "slug": server["slug"],
        "url": server["url"],
        "authType": "custom_headers",
        "customHeadersWo": Secret({"Authorization": SECRET, "X-MCP-Readonly": "true"}),
        "customHeadersWoVersion": 1,
    }
    assert engine.preview(**headers)["apiKeyHeader"] is UNKNOWN
    engine.update(**headers)
    shown = api.get(f"{servers}/{engine.id}").json()
    assert (shown["has_api_key"], shown["has_custom_headers"]) == (False, True)
    assert engine.changes(**headers) == {}
    engine.delete()
    assert not engine.refresh()


def test_an_mcp_server_that_is_there_is_imported_and_not_taken_over(
    provider: CoderdProvider, server: dict[str, Any]
) -> None:
    made = Engine(provider, MCP, server["slug"])
    made.create(**server)
    with pytest.raises(ProviderError, match=r"Unable to create MCP server, got error: .* 409"):
        Engine(provider, MCP, "again").create(**server)
    imported = Engine(provider, MCP, "imported")
    imported.id = f"{made.outputs['organizationId']}/{made.id}"
    assert imported.refresh()
    assert imported.inputs["slug"] == server["slug"]
    assert imported.id == made.id


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"authType": "basic"}, "authType"),
        ({"transport": "stdio"}, "transport"),
        ({"apiKeyValueWo": None}, "apiKeyValueWo"),
        ({"apiKeyValueWo": ""}, "apiKeyValueWo"),
        ({"apiKeyValueWoVersion": None}, "apiKeyValueWo"),
        ({"apiKeyHeader": None}, "apiKeyHeader"),
        ({"oauth2Scopes": "read"}, "oauth2Scopes"),
        ({"authType": "oauth2", "apiKeyHeader": None, "oauth2ClientId": "x"}, "oauth2ClientId"),
        ({"authType": "custom_headers", "apiKeyHeader": None}, "customHeadersWo"),
        ({"slug": ""}, "slug"),
    ],
)
def test_mcp_servers_that_are_refused(
    provider: CoderdProvider, server: dict[str, Any], change: dict[str, Any], path: str
) -> None:
    failures = Engine(provider, MCP, "bad").failures(**{**server, **change})
    assert path in failures
    assert SECRET not in repr(failures)


def test_a_new_version_of_a_secret_needs_the_secret(
    provider: CoderdProvider, server: dict[str, Any]
) -> None:
    engine = Engine(provider, MCP, server["slug"])
    engine.create(**server)
    without = {key: value for key, value in server.items() if key != "apiKeyValueWo"}
    assert engine.changes(**without) == {}
    assert engine.failures(**{**without, "apiKeyValueWoVersion": 2}).keys() == {"apiKeyValueWo"}


# Functions


def test_functions(provider: CoderdProvider, api: httpx.Client, name: str) -> None:
    def call(function: str, **args: Any) -> Properties:
        return provider.invoke(f"coderd:index/{function}:{function}", args)

    organization = call("getOrganization", isDefault=True)
    assert organization["name"] == "coder"
    assert call("getOrganization", id=organization["id"]) == organization
    assert call("getOrganization", name="coder") == organization
    user = call("getUser", username="developer")
    assert (user["email"], user["loginType"]) == ("developer@example.com", "password")
    assert call("getUser", id=user["id"]) == user
    assert user["id"] in organization["members"]
    made = api.post("organizations/default/groups", json={"name": name}).json()
    group = call("getGroup", name=name)
    assert group == call("getGroup", id=made["id"])
    assert group == call("getGroup", name=name, organizationId=organization["id"])
    assert group["members"] == []
    required = {
        function: set(
            provider.schema()["functions"][f"coderd:index/{function}:{function}"]["outputs"][
                "required"
            ]
        )
        for function in ("getOrganization", "getUser", "getGroup")
    }
    # Null where sharing is an experiment that is off, as in Coder 2.30.
    assert required["getOrganization"] - organization.keys() == {"workspaceSharing"}
    assert required["getUser"] <= user.keys()
    assert required["getGroup"] <= group.keys()

    for function, args, reason in (
        ("getGroup", {"name": "nobody"}, r"no group nobody; there is .*Everyone"),
        ("getGroup", {"id": str(UUID(int=1))}, "no group with the id 0"),
        ("getGroup", {}, "either id or name"),
        ("getGroup", {"nmae": "x"}, "nmae is not an input"),
        ("getOrganization", {"name": "other"}, "no organization other; there is coder"),
        ("getOrganization", {"name": "coder", "isDefault": True}, "takes one of"),
        ("getUser", {"username": "nobody"}, "no user nobody"),
        ("getUser", {}, "one of id, username and email"),
        ("getTemplate", {}, "does not serve the function"),
    ):
        with pytest.raises(ProviderError, match=reason):
            call(function, **args)


def test_outputs_are_those_of_the_schema(
    provider: CoderdProvider, template: Engine, server: dict[str, Any], name: str
) -> None:
    group, mcp = Engine(provider, GROUP, name), Engine(provider, MCP, name)
    template.create(name=name, versions=[version()])
    group.create(name=name)
    mcp.create(**server)
    for engine in (template, group, mcp):
        described = provider.schema()["resources"][engine.type]
        missing = set(described["required"]) - engine.state.keys()
        allowed = {"oauth2AuthUrl", "oauth2ClientId", "oauth2RevocationUrl", "oauth2TokenUrl"}
        assert missing <= allowed
        assert engine.state.keys() - {"id", "__meta"} <= described["properties"].keys()


# On the real engine


@pytest.fixture(scope="module")
def coderd_ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, int]]]:
    root = tmp_path_factory.mktemp("project")
    (root / "template").mkdir()
    with serve("random", "coderd", root=root) as ports:
        yield root, ports


@pytest.fixture
def stack_bench(
    tmp_path: Path,
    coderd_ports: tuple[Path, dict[str, int]],
    engine: automation.PulumiCommand,
    deployment: Coderd,
) -> Bench:
    bench = Bench(tmp_path, coderd_ports[1], (), engine)
    bench.environment |= {"CODER_URL": "", "CODER_SESSION_TOKEN": ""}
    return bench


def _program(deployment: Coderd, name: str, settings: dict[str, Any]) -> Any:
    def program() -> None:
        opts = pulumi.ResourceOptions(
            provider=coderd.Provider(
                # The package does not say that it is one.
                "coderd",
                url=deployment.url,
                token=pulumi.Output.secret(deployment.token),
            )
        )
        pet = random.RandomPet("version", keepers={"content": settings["content"]})
        everyone = coderd.get_group_output(
            name="Everyone", opts=pulumi.InvokeOutputOptions(provider=opts.provider)
        )
        made = coderd.Template(
            name,
            name=name,
            description=settings["description"],
            acl=coderd.TemplateAclArgs(
                groups=[coderd.TemplateAclGroupArgs(id=everyone.id, role="use")], users=[]
            ),
            versions=[
                coderd.TemplateVersionArgs(
                    name=pet.id,
                    directory="template",
                    active=True,
                    tf_vars=[coderd.TemplateVersionTfVarArgs(name="image", value="x")],
                )
            ],
            opts=opts,
        )
        coderd.AgentsMcpServer(
            "mcp",
            display_name="GitHub",
            slug=name,
            url="https://api.githubcopilot.com/mcp/",
            auth_type="api_key",
            api_key_header="Authorization",
            api_key_value_wo=pulumi.Output.secret(SECRET),
            api_key_value_wo_version=1,
            opts=opts,
        )
        pulumi.export("id", made.id)
        pulumi.export("active", made.versions.apply(lambda versions: versions[0].id))

    return program


def test_a_stack_from_preview_to_destroy(
    stack_bench: Bench,
    coderd_ports: tuple[Path, dict[str, int]],
    deployment: Coderd,
    api: httpx.Client,
    name: str,
) -> None:
    """One life of a stack: made, unchanged, changed, drifted, broken, repaired, destroyed."""
    directory = coderd_ports[0] / "template"
    (directory / "main.tf").write_text(MAIN)
    settings = {"content": "1", "description": "one"}
    stack = stack_bench.stack(_program(deployment, name, settings))
    assert stack.preview().change_summary == {"create": 5}
    first = stack.up()
    made = first.outputs
    assert api.get(f"templates/{made['id'].value}").json()["active_version_id"] == (
        made["active"].value
    )
    assert SECRET not in first.stdout + first.stderr
    assert SECRET not in stack_bench.state()
    assert deployment.token not in stack_bench.state()
    (server,) = (
        resource
        for resource in json.loads(stack_bench.state())["checkpoint"]["latest"]["resources"]
        if resource["type"] == MCP
    )
    assert {**server["inputs"], **server["outputs"]}.keys() >= {"slug", "apiKeyValueWoVersion"}
    assert "apiKeyValueWo" not in {**server["inputs"], **server["outputs"]}, server
    again = stack.up()
    assert again.summary.resource_changes == {"same": 5}

    (directory / "main.tf").write_text(MAIN + "# changed\n")
    settings["content"] = "2"
    assert stack.preview().change_summary == {"same": 3, "replace": 1, "update": 1}
    second = stack.up()
    assert second.outputs["id"].value == made["id"].value
    assert second.outputs["active"].value != made["active"].value

    api.patch(f"templates/{made['id'].value}", json={"description": "by hand"})
    refreshed = stack.refresh()
    assert refreshed.summary.resource_changes == {"same": 4, "update": 1}
    repaired = stack.up()
    assert repaired.summary.resource_changes == {"same": 4, "update": 1}
    assert api.get(f"templates/{made['id'].value}").json()["description"] == "one"

    (directory / "main.tf").write_text("locals {\n  a = var.nope\n}\n")
    settings["content"] = "3"
    with pytest.raises(automation.CommandError, match='with the name "nope"'):
        stack.up()
    shown = api.get(f"templates/{made['id'].value}").json()
    assert shown["active_version_id"] == second.outputs["active"].value
    (directory / "main.tf").write_text(MAIN + "# repaired\n")
    settings["content"] = "4"
    stack.up()

    stack.destroy()
    assert api.get(f"templates/{made['id'].value}").status_code == 404
    servers = f"{deployment.url}/api/experimental/organizations/default/mcp-servers"
    assert name not in [server["slug"] for server in api.get(servers).json()]
