"""The functions of the package coderd: what a deployment already has."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import grpc

from local.providers.base import ProviderError
from local.providers.coderd_client import Json
from local.providers.coderd_settings import ResourceContext
from local.providers.wire import Properties


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


def _organization(deployment: ResourceContext, args: Mapping[str, Any]) -> Properties:
    given = [key for key in ("id", "name", "isDefault") if args.get(key)]
    if len(given) != 1:
        raise _invalid("getOrganization takes one of id, name and is_default")
    client = deployment.client()
    key = args.get("id") or args.get("name") or "default"
    found = client.find(f"/api/v2/organizations/{key}")
    if found is None:
        raise _missing("organization", key, client.get("/api/v2/organizations"), "name")
    if args.get("name") and found["name"] != args["name"]:
        # `default` is an alias in coderd's paths, and no name.
        raise _invalid(
            f"Organization name {found['name']} does not match requested name {args['name']}"
        )
    members = client.get(f"/api/v2/organizations/{found['id']}/members")
    return {
        "id": found["id"],
        "name": found["name"],
        "isDefault": found["is_default"],
        "createdAt": _seconds(found["created_at"]),
        "updatedAt": _seconds(found["updated_at"]),
        "members": sorted(member["user_id"] for member in members),
    }


def _group(deployment: ResourceContext, args: Mapping[str, Any]) -> Properties:
    if bool(args.get("id")) == bool(args.get("name")):
        raise _invalid("getGroup takes either id or name, the latter with organization_id")
    client = deployment.client()
    if args.get("id"):
        found = client.find(f"/api/v2/groups/{args['id']}")
        if found is None:
            raise _invalid(f"coderd has no group with the id {args['id']}")
    else:
        organization = deployment.organization(args)
        groups = f"/api/v2/organizations/{organization}/groups"
        found = client.find(f"{groups}/{args['name']}")
        if found is None:
            raise _missing("group", args["name"], client.get(groups), "name")
    return {
        "id": found["id"],
        "name": found["name"],
        "displayName": found["display_name"],
        "organizationId": found["organization_id"],
        "avatarUrl": found["avatar_url"],
        "quotaAllowance": found["quota_allowance"],
        "source": found["source"],
        "members": [_member(member) for member in found["members"]],
    }


def _member(user: Json) -> Properties:
    return {
        "id": user["id"],
        "username": user["username"],
        "email": user["email"],
        "createdAt": _seconds(user["created_at"]),
        "lastSeenAt": _seconds(user["last_seen_at"]),
        "loginType": user["login_type"],
        "status": user["status"],
    }


def _user(deployment: ResourceContext, args: Mapping[str, Any]) -> Properties:
    given = [args[key] for key in ("id", "username", "email") if args.get(key)]
    if len(given) != 1:
        raise _invalid("getUser takes one of id, username and email")
    client = deployment.client()
    (key,) = given
    if args.get("email"):
        users = client.get("/api/v2/users", {"q": key})["users"]
        found = next((each for each in users if each["email"] == key), None)
    else:
        found = client.find(f"/api/v2/users/{key}")
    if found is None:
        raise _invalid(f"coderd has no user {key}, or the token may not see it")
    return {
        "id": found["id"],
        "username": found["username"],
        "name": found.get("name", ""),
        "email": found["email"],
        "avatarUrl": found.get("avatar_url", ""),
        "createdAt": _seconds(found["created_at"]),
        "isServiceAccount": bool(found.get("is_service_account")),
        "lastSeenAt": _seconds(found["last_seen_at"]),
        "loginType": found["login_type"],
        "organizationIds": sorted(found["organization_ids"]),
        "roles": sorted(role["name"] for role in found["roles"]),
        "suspended": found["status"] == "suspended",
    }


def _invalid(message: str) -> ProviderError:
    return ProviderError(message, grpc.StatusCode.INVALID_ARGUMENT)


def _missing(what: str, name: str, there: list[Json], key: str) -> ProviderError:
    names = ", ".join(sorted(str(item[key]) for item in there)) or "none"
    return _invalid(f"coderd has no {what} {name}; there is {names}")


FUNCTIONS: Final[Mapping[str, Callable[[ResourceContext, Mapping[str, Any]], Properties]]] = {
    "coderd:index/getGroup:getGroup": _group,
    "coderd:index/getOrganization:getOrganization": _organization,
    "coderd:index/getUser:getUser": _user,
}
