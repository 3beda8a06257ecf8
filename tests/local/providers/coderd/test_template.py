"""A template from its first preview to its deletion."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.providers.base import ProviderError
from local.providers.coderd import CoderdProvider
from local.providers.wire import UNKNOWN
from tests.local.providers.coderd.engine import MAIN, TEMPLATE, Engine, version


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
