"""Templates in the stand-in for coderd."""

import httpx
import pytest

from tests.local.coderd.making import GOOD, imported, template


@pytest.mark.parametrize("bad", ["", "-a", "a--b", "a_b", "a b", "a" * 33, "a-"])
def test_template_names_that_coderd_refuses(api: httpx.Client, bad: str) -> None:
    version = imported(api, {"main.tf": GOOD}, {"image": "x"})
    answer = api.post(
        "organizations/default/templates",
        json={"name": bad, "template_version_id": version["id"]},
    )
    assert answer.status_code == 400
    assert answer.json()["validations"][0]["field"] == "name"


def test_template_names_are_unique(api: httpx.Client, name: str) -> None:
    template(api, name)
    second = template(api, f"{name}-2")
    version = imported(api, {"main.tf": GOOD}, {"image": "x"})
    for answer in (
        api.post(
            "organizations/default/templates",
            json={"name": name, "template_version_id": version["id"]},
        ),
        api.patch(f"templates/{second['id']}", json={"name": name}),
    ):
        assert answer.status_code == 409
        assert answer.json()["message"] == f'Template with name "{name}" already exists.'


def test_settings_are_kept_and_an_empty_change_is_not_modified(
    api: httpx.Client, name: str
) -> None:
    made = template(api, name, description="one", default_ttl_ms=1000)
    assert (made["description"], made["default_ttl_ms"]) == ("one", 1000)
    assert made["activity_bump_ms"] == 3_600_000
    assert api.patch(f"templates/{made['id']}", json={"description": "one"}).status_code == 304
    week = {"days_of_week": ["sunday", "monday"], "weeks": 2}
    change = {"description": "", "autostop_requirement": week, "max_port_share_level": "public"}
    changed = api.patch(f"templates/{made['id']}", json=change).json()
    assert changed["description"] == ""
    assert changed["autostop_requirement"] == {"days_of_week": ["monday", "sunday"], "weeks": 2}
    by_name = api.get(f"organizations/default/templates/{name}").json()
    assert by_name == api.get(f"templates/{made['id']}").json() == changed


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("default_ttl_ms", -1),
        ("default_ttl_ms", "1h"),
        ("max_port_share_level", "everyone"),
        ("cors_behavior", "none"),
        ("autostop_requirement", {"days_of_week": ["someday"]}),
        ("autostop_requirement", {"days_of_week": [], "weeks": 17}),
        ("display_name", " a"),
    ],
)
def test_settings_that_coderd_refuses(
    api: httpx.Client, name: str, field: str, value: object
) -> None:
    made = template(api, name)
    answer = api.patch(f"templates/{made['id']}", json={field: value})
    assert answer.status_code == 400
    assert answer.json()["validations"][0]["field"].startswith(field)
    assert api.get(f"templates/{made['id']}").json() == made


def test_only_a_good_version_of_the_template_is_promoted(api: httpx.Client, name: str) -> None:
    made = template(api, name)
    good = imported(api, {"main.tf": GOOD}, {"image": "y"}, template_id=made["id"])
    bad = imported(api, {"main.tf": "x"}, template_id=made["id"])
    foreign = imported(api, {"main.tf": GOOD}, {"image": "x"})
    versions = f"templates/{made['id']}/versions"
    for refused in (bad, foreign):
        assert api.patch(versions, json={"id": refused["id"]}).status_code == 400
    assert api.patch(versions, json={"id": made["id"]}).status_code == 404
    assert api.patch(versions, json={"id": good["id"]}).status_code == 200
    assert api.get(f"templates/{made['id']}").json()["active_version_id"] == good["id"]


def test_access_list(api: httpx.Client, name: str) -> None:
    made = template(api, name)
    organization = made["organization_id"]
    group = api.post("organizations/default/groups", json={"name": name}).json()
    acl = f"templates/{made['id']}/acl"
    assert [item["id"] for item in api.get(acl).json()["group"]] == [organization]
    roles = {organization: "", group["id"]: "admin"}
    assert api.patch(acl, json={"group_perms": roles}).status_code == 200
    shown = api.get(acl).json()
    assert [(item["id"], item["role"]) for item in shown["group"]] == [(group["id"], "admin")]
    for bad in ({group["id"]: "root"}, {made["id"]: "use"}, ["use"]):
        refused = api.patch(acl, json={"group_perms": bad})
        assert refused.status_code == 400
        assert refused.json()["validations"][0]["field"] == "group_perms"
    assert api.delete(f"groups/{group['id']}").status_code == 200
    assert api.get(acl).json()["group"] == []


def test_groups(api: httpx.Client, name: str) -> None:
    groups = "organizations/default/groups"
    made = api.post(groups, json={"name": name, "quota_allowance": 3}).json()
    assert api.get(f"{groups}/{name}").json() == made == api.get(f"groups/{made['id']}").json()
    assert api.post(groups, json={"name": name}).status_code == 409
    assert api.post(groups, json={"name": "Everyone"}).status_code == 400
    user = api.get("users/developer").json()
    change = {"add_users": [user["id"]], "display_name": "Some"}
    changed = api.patch(f"groups/{made['id']}", json=change).json()
    assert [item["username"] for item in changed["members"]] == ["developer"]
    assert changed["quota_allowance"] == 3
    unknown = api.patch(f"groups/{made['id']}", json={"add_users": [made["id"]]})
    assert unknown.status_code == 400
    removed = api.patch(f"groups/{made['id']}", json={"remove_users": [user["id"]]}).json()
    assert removed["members"] == []
    organization = made["organization_id"]
    assert len(api.get(f"groups/{organization}").json()["members"]) > 1
    assert api.delete(f"groups/{organization}").status_code == 400
    assert api.delete(f"groups/{made['id']}").status_code == 200
    assert api.get(f"groups/{made['id']}").status_code == 404
