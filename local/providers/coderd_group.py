"""The resource Group: a group of an organization, and its members if they are managed."""

from typing import Any, Final

from local.providers.base import Call, Checked, Difference, PropertyChange, Resource
from local.providers.coderd_client import Client, Json, client_error
from local.providers.coderd_settings import (
    ResourceContext,
    Setting,
    as_found,
    differing,
    not_default,
    request,
    shown,
    wanted,
)
from local.providers.wire import UNKNOWN, Properties, has_unknown, plain

_SETTINGS: Final = {
    "name": Setting("name"),
    "displayName": Setting("display_name"),
    "avatarUrl": Setting("avatar_url", ""),
    "quotaAllowance": Setting("quota_allowance", 0),
}


class GroupKind:
    """Serves Group.

    Args:
        deployment: where the groups are.
    """

    def __init__(self, deployment: ResourceContext) -> None:
        self._deployment = deployment

    def check(self, call: Call, old: Properties, new: Properties) -> Checked:
        """Nothing is to be said beyond the schema: coderd knows the rules."""
        failures = []
        quota = plain(new.get("quotaAllowance"))
        if isinstance(quota, int) and quota < 0:
            failures.append(("quotaAllowance", "must not be negative"))
        return Checked(new, tuple(failures))

    def diff(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Difference:
        """Compare with what is there."""
        changes = differing(_settings(new), new, state)
        if "organizationId" in new and plain(new["organizationId"]) != state.get("organizationId"):
            changes["organizationId"] = PropertyChange("update", replace=True)
        if "members" in new:
            changes |= _member_changes(new, state)
        return Difference(
            {name: changes[name] for name in changes if name not in call.ignore_changes},
            of_inputs=False,
            detailed=False,
        )

    def create(self, call: Call, new: Properties) -> Resource:
        """Make the group, then add its members."""
        if call.preview:
            return Resource("", self._preview(new, {}))
        client = self._deployment.client()
        given = plain(new)
        groups = f"/api/v2/organizations/{self._deployment.organization(new)}/groups"
        body = request(_settings(given), wanted(_settings(given), given, {}))
        with client_error("Unable to create group, got error"):
            group = client.post(groups, body)
        if "members" in given:
            with client_error("Unable to add members to group, got error"):
                group = _set_members(client, group, given["members"])
        return Resource(group["id"], _state(group, "members" in given))

    def read(self, call: Call, inputs: Properties, state: Properties) -> Resource | None:
        """The group as it is now."""
        client = self._deployment.client()
        organization, slash, name = call.id.partition("/")
        path = f"/api/v2/organizations/{organization}/groups/{name}"
        group = client.find(path if slash else f"/api/v2/groups/{call.id}")
        if group is None:
            return None
        if not inputs:
            found = _state(group, with_members=False)
            return Resource(group["id"], found, not_default(_SETTINGS, found))
        found = _state(group, "members" in inputs)
        refreshed = as_found(_settings(inputs), inputs, found)
        if "members" in inputs and _member_changes(inputs, found):
            refreshed["members"] = found["members"]
        return Resource(group["id"], found, refreshed)

    def update(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Properties:
        """Change what differs."""
        if call.preview:
            return self._preview(new, plain(state))
        client = self._deployment.client()
        given = plain(new)
        path = f"/api/v2/groups/{call.id}"
        group = client.get(path)
        settings = _settings(given)
        changed = differing(settings, given, shown(_SETTINGS, group))
        if changed:
            values = wanted(settings, given, shown(_SETTINGS, group))
            body = request({name: settings[name] for name in changed}, values)
            group = client.patch(path, body) or group
        if "members" in given:
            group = _set_members(client, group, given["members"])
        return _state(group, "members" in given)

    def delete(self, call: Call, old_inputs: Properties, state: Properties) -> None:
        """Remove the group."""
        with client_error("Unable to delete group, got error"):
            self._deployment.client().delete(f"/api/v2/groups/{call.id}")

    @staticmethod
    def _preview(new: Properties, held: Properties) -> Properties:
        state = wanted(_settings(new), new, held)
        state["organizationId"] = new.get("organizationId", held.get("organizationId", UNKNOWN))
        if "members" in new:
            state["members"] = new["members"]
        return state


def _settings(inputs: Properties) -> dict[str, Setting]:
    name = plain(inputs.get("name"))
    return {**_SETTINGS, "displayName": Setting("display_name", name)}


def _member_changes(inputs: Properties, state: Properties) -> dict[str, PropertyChange]:
    after, before = plain(inputs["members"]), plain(state.get("members"))
    if before is None:
        return {"members": PropertyChange("add")}
    if has_unknown(after) or set(after) != set(before):
        return {"members": PropertyChange("update")}
    return {}


def _members(group: Json) -> list[str]:
    return sorted(str(member["id"]) for member in group["members"])


def _set_members(client: Client, group: Json, members: list[str]) -> Json:
    held = set(_members(group))
    body: dict[str, Any] = {
        "add_users": sorted(set(members) - held),
        "remove_users": sorted(held - set(members)),
    }
    if not any(body.values()):
        return group
    return client.patch(f"/api/v2/groups/{group['id']}", body) or group


def _state(group: Json, with_members: bool) -> Properties:
    state = {**shown(_SETTINGS, group), "organizationId": group["organization_id"]}
    if with_members:
        state["members"] = _members(group)
    return state
