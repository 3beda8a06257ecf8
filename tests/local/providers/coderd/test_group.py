"""A group from its first preview to its deletion."""

import httpx
import pytest

from local.providers.base import ProviderError
from local.providers.coderd import CoderdProvider
from local.providers.wire import UNKNOWN
from tests.local.providers.coderd.engine import GROUP, Engine


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
