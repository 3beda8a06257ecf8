"""Answers in the shapes of codersdk: the fields that coderd 2.30 was seen to send, and when.

What Go leaves out when it is empty is left out here.
"""

from collections.abc import Mapping
from typing import Any

from local.coderd.store import NO_ID, Document, Store

_WORKER = "7d0b3c52-8a55-4d6e-9f0a-2f3f5c3ed7a1"


# People


def minimal_user(user: Document) -> Document:
    """codersdk.MinimalUser."""
    return {"id": user["id"], "username": user["username"], **_given(user, "name")}


def reduced_user(user: Document) -> Document:
    """codersdk.ReducedUser."""
    names = ("email", "created_at", "updated_at", "last_seen_at", "status", "login_type")
    return {**minimal_user(user), **{name: user[name] for name in names}}


def show_user(store: Store, user: Document) -> Document:
    """codersdk.User."""
    return {
        **reduced_user(user),
        "organization_ids": [item["id"] for item in store.all("organization")],
        "roles": [_role(role) for role in user["roles"]],
    }


def _role(name: str) -> Document:
    return {"name": name, "display_name": name.title()}


def show_member(organization: Document, user: Document) -> Document:
    """codersdk.OrganizationMemberWithUserData."""
    return {
        "user_id": user["id"],
        "organization_id": organization["id"],
        "username": user["username"],
        **_given(user, "name"),
        "email": user["email"],
        "created_at": user["created_at"],
        "updated_at": user["updated_at"],
        "roles": [],
        "global_roles": [_role(role) for role in user["roles"]],
    }


def show_group(store: Store, group: Document) -> Document:
    """codersdk.Group."""
    organization = store.get("organization", group["organization_id"]) or {}
    members = [store.get("user", id) for id in group["members"]]
    if group["id"] == group["organization_id"]:
        members = list(store.all("user"))
    shown = [reduced_user(user) for user in members if user]
    return {
        **{key: value for key, value in group.items() if key != "members"},
        "members": shown,
        "total_member_count": len(shown),
        "source": "user",
        "organization_name": organization.get("name", ""),
        "organization_display_name": organization.get("display_name", ""),
    }


# Jobs, versions and templates


def show_job(job: Document) -> Document:
    """codersdk.ProvisionerJob."""
    names = ("id", "created_at", "status", "file_id", "tags", "queue_position", "queue_size")
    begun = job["started_at"] is not None
    return {
        **{name: job[name] for name in names},
        **_given(job, "started_at", "completed_at", "canceled_at", "error", "error_code"),
        **({"worker_id": _WORKER} if begun else {}),
        "organization_id": job["organization_id"],
        "initiator_id": job.get("initiator_id", NO_ID),
        "input": job.get("input", {}),
        "type": job["type"],
        "metadata": {
            "template_version_name": "",
            "template_id": NO_ID,
            "template_name": "",
            "template_display_name": "",
            "template_icon": "",
        },
        "logs_overflowed": False,
    }


def show_version(store: Store, version: Document) -> Document:
    """codersdk.TemplateVersion."""
    names = ("id", "organization_id", "created_at", "updated_at", "name", "message", "readme")
    author = store.get("user", version["created_by_id"])
    return {
        **{name: version[name] for name in names},
        "template_id": version["template_id"] or NO_ID,
        "job": show_job(version["job"]),
        "created_by": minimal_user(author) if author else None,
        "archived": False,
        "has_external_agent": False,
    }


def show_new_version(store: Store, version: Document) -> Document:
    """codersdk.TemplateVersion, as the request that makes one answers it."""
    provisioners = {"count": 1, "available": 1, "most_recently_seen": version["created_at"]}
    return {**show_version(store, version), "matched_provisioners": provisioners}


def show_template(store: Store, template: Document) -> Document:
    """codersdk.Template."""
    hidden = ("user_acl", "group_acl")
    organization = store.get("organization", template["organization_id"]) or {}
    author = store.get("user", template["created_by_id"]) or {}
    unknown = {"P50": None, "P95": None}
    return {
        **{key: value for key, value in template.items() if key not in hidden},
        "organization_name": organization.get("name", ""),
        "organization_display_name": organization.get("display_name", ""),
        "organization_icon": organization.get("icon", ""),
        "provisioner": "terraform",
        "active_user_count": len(
            {item["owner_id"] for item in workspaces_of(store, template["id"])}
        ),
        "build_time_stats": {"delete": unknown, "start": unknown, "stop": unknown},
        "created_by_name": author.get("username", ""),
        "deprecated": bool(template["deprecation_message"]),
    }


def workspaces_of(store: Store, template: str) -> list[Document]:
    """The workspaces of a template that are not deleted."""
    return [item for item in store.all("workspace") if item["template_id"] == template]


# Workspaces

_DOING = {"start": "starting", "stop": "stopping", "delete": "deleting"}
_DONE = {"start": "running", "stop": "stopped", "delete": "deleted"}
TRANSITIONS = tuple(_DONE)
"""What a build can do to a workspace."""


def _status(build: Document) -> str:
    job = build["job"]["status"]
    if job == "succeeded":
        return _DONE[build["transition"]]
    return _DOING[build["transition"]] if job == "running" else str(job)


def show_build(
    store: Store, workspace: Document, build: Document, *, new: bool = False
) -> Document:
    """codersdk.WorkspaceBuild; a `new` one, as the request that makes it answers."""
    version = store.get("version", build["template_version_id"]) or {}
    owner = store.get("user", workspace["owner_id"]) or {}
    initiator = store.get("user", build["initiator_id"]) or {}
    started = build["transition"] == "start" and build["job"]["status"] == "succeeded"
    return {
        **{key: value for key, value in build.items() if key not in ("job", "resources")},
        "workspace_id": workspace["id"],
        "workspace_name": workspace["name"],
        "workspace_owner_id": workspace["owner_id"],
        "workspace_owner_name": owner.get("username", ""),
        "template_version_name": "" if new else version.get("name", ""),
        "initiator_name": initiator.get("username", ""),
        "job": show_job(build["job"]),
        "reason": "initiator",
        "resources": build["resources"],
        "status": _status(build),
        "daily_cost": 0,
        "matched_provisioners": {
            "count": int(new),
            "available": int(new),
            "most_recently_seen": build["created_at"] if new else None,
        },
        "template_version_preset_id": None,
        **({"has_ai_task": False, "has_external_agent": False} if started else {}),
    }


def show_workspace(store: Store, workspace: Document, *, new: bool = False) -> Document:
    """codersdk.Workspace; a `new` one, as the request that makes it answers."""
    template = store.get("template", workspace["template_id"]) or {}
    organization = store.get("organization", workspace["organization_id"]) or {}
    owner = store.get("user", workspace["owner_id"]) or {}
    build = workspace["builds"][-1]
    of_template: Mapping[str, Any] = {
        "name": "",
        "display_name": "",
        "icon": "",
        "allow_user_cancel_workspace_jobs": True,
        "active_version_id": "",
        "require_active_version": False,
        "use_classic_parameter_flow": False,
    }
    return {
        **{key: value for key, value in workspace.items() if key not in ("builds", "parameters")},
        "owner_name": owner.get("username", ""),
        "owner_avatar_url": "",
        "organization_name": organization.get("name", ""),
        **{f"template_{key}": template.get(key, empty) for key, empty in of_template.items()},
        "latest_build": show_build(store, workspace, build, new=new),
        "latest_app_status": None,
        "outdated": build["template_version_id"] != template.get("active_version_id"),
        "automatic_updates": "never",
        "health": {"healthy": True, "failing_agents": []},
        "allow_renames": False,
        "favorite": False,
        "next_start_at": None,
        "is_prebuild": False,
        "task_id": None,
    }


def show_agent(id: str, name: str, moment: str, resource: str) -> Document:
    """codersdk.WorkspaceAgent: one that is ready at once, since it runs no scripts."""
    return {
        "id": id,
        "parent_id": None,
        "created_at": moment,
        "updated_at": moment,
        "first_connected_at": moment,
        "last_connected_at": moment,
        "started_at": moment,
        "ready_at": moment,
        "status": "connected",
        "lifecycle_state": "ready",
        "name": name,
        "resource_id": resource,
        "architecture": "amd64",
        "environment_variables": {},
        "operating_system": "linux",
        "logs_length": 0,
        "logs_overflowed": False,
        "version": "",
        "api_version": "",
        "apps": [],
        "connection_timeout_seconds": 120,
        "troubleshooting_url": "",
        "subsystems": [],
        "health": {"healthy": True},
        "display_apps": ["vscode", "ssh_helper", "port_forwarding_helper", "web_terminal"],
        "log_sources": [],
        "scripts": [],
        "startup_script_behavior": "non-blocking",
    }


def show_resource(id: str, kind: str, name: str, moment: str, job: str) -> Document:
    """codersdk.WorkspaceResource of a workspace that runs, without agents."""
    return {
        "id": id,
        "created_at": moment,
        "job_id": job,
        "workspace_transition": "start",
        "type": kind,
        "name": name,
        "hide": False,
        "icon": "",
        "daily_cost": 0,
    }


def _given(document: Document, *names: str) -> Document:
    """What is there and not empty."""
    return {name: document[name] for name in names if document.get(name)}
