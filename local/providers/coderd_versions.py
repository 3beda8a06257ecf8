"""The versions of a template: which of them are there already, and which have to be imported.

The provider knows a version again by the digest of its directory, in a private state of its own
under `last_versions`, which the bridge keeps in `__meta` (internal/provider/template_resource.go in
coder/terraform-provider-coderd, pkg/pf/tfbridge/resource_state.go in
pulumi/pulumi-terraform-bridge). What is not in there is uploaded, even if coderd has it.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from local.providers import coderd_archive as archive
from local.providers.base import Call
from local.providers.coderd_client import BridgedError, Client, Json, Refusal, client_error
from local.providers.coderd_schema import Failures
from local.providers.wire import UNKNOWN, has_unknown

Version = dict[str, Any]
"""A version in inputs or state: name, directory, directoryHash, active, message, tfVars..."""
Memory = Mapping[str, Sequence[Mapping[str, Any]]]
"""The private state: digest of a directory to its versions (id, name, tf_vars, active)."""

META: Final = "__meta"
NO_ID: Final = "00000000-0000-0000-0000-000000000000"

_KEY: Final = "last_versions"
_NAME: Final = re.compile(r"[a-zA-Z0-9]+(?:[_.-]{1}[a-zA-Z0-9]+)*")
_NAME_CHARACTERS: Final = 64
_GIVEN: Final = ("name", "message", "directory", "active", "tfVars", "provisionerTags")


# The private state


def remembered(state: Mapping[str, Any]) -> Memory:
    """The private state in the outputs of a template; empty after an import."""
    meta = json.loads(state.get(META) or "{}")
    private = json.loads(base64.b64decode(meta.get("private_state", "")) or b"{}")
    found: Memory = json.loads(base64.b64decode(private.get(_KEY, "")) or b"{}")
    return found


def memory(versions: Sequence[Mapping[str, Any]]) -> str:
    """What `__meta` says once these versions are there."""
    found: dict[str, list[dict[str, Any]]] = {}
    for version in versions:
        found.setdefault(version["directoryHash"], []).append(
            {
                "id": version["id"],
                "name": version["name"],
                "tf_vars": pairs(version, "tfVars"),
                "active": version["active"],
            }
        )
    return json.dumps({"private_state": _encoded({_KEY: _encoded(found)})})


def _encoded(value: Any) -> str:
    return base64.b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()


# Plans


def check(versions: Any) -> Failures:
    """What is wrong with the versions of the inputs, beyond the schema."""
    if not isinstance(versions, list):
        return []
    if not versions:
        return [("versions", "must have at least 1 element")]
    known = [version for version in versions if version is not UNKNOWN]
    names = [version["name"] for version in known if isinstance(version.get("name"), str)]
    bad = [
        (f"versions[{place}].name", f"{version['name']!r} is no name of a version")
        for place, version in enumerate(versions)
        if version is not UNKNOWN and not _is_name(version.get("name"))
    ]
    if bad:
        return bad
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            return [("versions", f"Template version names must be unique. `{name}` appears twice.")]
    if sum(version.get("active") is True for version in known) > 1:
        return [("versions", "Only one template version can be active at a time.")]
    return []


def _is_name(name: Any) -> bool:
    if not isinstance(name, str):
        return True
    return len(name) <= _NAME_CHARACTERS and _NAME.fullmatch(name) is not None


def differ(given: Sequence[Version], held: Sequence[Version]) -> bool:
    """Whether the program asks for other versions than the state has."""
    if len(given) != len(held):
        return True
    return any(
        key in version and _value(key, version) != _value(key, before)
        for version, before in zip(given, held, strict=True)
        for key in _GIVEN
    )


def _value(key: str, version: Mapping[str, Any]) -> Any:
    if key in ("tfVars", "provisionerTags"):
        return UNKNOWN if has_unknown(version.get(key)) else pairs(version, key)
    return version.get(key)


def plan(root: Path, given: Sequence[Version], memory: Memory) -> list[Version]:
    """The versions as they will be; the id of one that has to be imported is UNKNOWN.

    Args:
        root: what relative directories start from.
        given: the versions of the inputs.
        memory: the private state.

    Raises:
        BridgedError: a directory cannot be read, or no version would be active any more.
    """
    planned = [
        {
            "name": UNKNOWN,
            "message": "",
            "active": False,
            **version,
            "id": UNKNOWN,
            "directoryHash": _digest(root, version["directory"]),
        }
        for version in given
    ]
    _reconcile(planned, given, memory)
    if not any(version["active"] is True for version in planned):
        for version in planned:
            known = memory.get(version["directoryHash"], ())
            if version["id"] is not UNKNOWN and any(
                before["id"] == version["id"] and before["active"] for before in known
            ):
                raise BridgedError(
                    f"Client Error: no version is active any more: {version['name']} was, and its "
                    "content is as it was"
                )
    return planned


def _digest(root: Path, directory: Any) -> Any:
    if directory is UNKNOWN:
        return UNKNOWN
    try:
        return archive.digest(root / directory)
    except archive.DirectoryError as error:
        raise BridgedError(f"Client Error: Failed to compute directory hash: {error}") from None


def _reconcile(planned: list[Version], given: Sequence[Version], memory: Memory) -> None:
    """Give the versions that are known again their ids: by digest and name, then by digest."""
    left = {digest: list(versions) for digest, versions in memory.items()}
    for version in planned:
        known = left.get(version["directoryHash"], [])
        same = next((each for each in known if each["name"] == version["name"]), None)
        if same is not None:
            version["id"] = same["id"]
            known.remove(same)
    for version, asked in zip(planned, given, strict=True):
        known = left.get(version["directoryHash"], [])
        if known and version["id"] is UNKNOWN:
            first = known.pop(0)
            version["id"] = first["id"]
            if asked.get("name") is None:
                version["name"] = first["name"]
    for version, asked in zip(planned, given, strict=True):
        if version["id"] is UNKNOWN:
            continue
        known = list(memory.get(version["directoryHash"], ()))
        before = next((each for each in known if each["id"] == version["id"]), None)
        values = _value("tfVars", version)
        if before is None or values is UNKNOWN or values != before["tf_vars"]:
            version["id"] = UNKNOWN
            if asked.get("name") is None:
                version["name"] = UNKNOWN


def pairs(version: Mapping[str, Any], key: str) -> dict[str, str]:
    """A set of names and values as a mapping."""
    return {item["name"]: item["value"] for item in version.get(key) or []}


# Imports


@dataclass(frozen=True)
class Importer:
    """Brings versions into coderd.

    Args:
        client: coderd's REST API.
        call: what is being made.
        root: what relative directories start from.
        organization: id of the organization the versions are of.
    """

    client: Client
    call: Call
    root: Path
    organization: str

    def bring(self, version: Mapping[str, Any], template: str) -> Json:
        """Import a version and return it; of a template, or of NO_ID when that is only to be made.

        Raises:
            BridgedError: the import fails, with the provisioner's log; or the template has a
                version of this name, whatever is in it.
        """
        body = {
            "name": "" if version["name"] is UNKNOWN else version["name"],
            "message": version["message"],
            "template_id": template,
            "storage_method": "file",
            "file_id": self._upload(version),
            "provisioner": "terraform",
            "tags": pairs(version, "provisionerTags"),
            "user_variable_values": [
                {"name": name, "value": value}
                for name, value in sorted(pairs(version, "tfVars").items())
            ],
        }
        path = f"/api/v2/organizations/{self.organization}/templateversions"
        try:
            made: Json = self.client.post(path, body)
        except Refusal as refusal:
            raise BridgedError(
                f"Provisioner Error: failed to create template version: {refusal}\n"
            ) from None
        done = self.client.await_version(made["id"])
        job = done["job"]
        if job["status"] != "succeeded":
            log = "".join(
                f"{_moment(line['created_at'])} {line['output']}\n"
                for line in self.client.get(f"/api/v2/templateversions/{made['id']}/logs") or []
                if line["output"]
            )
            raise BridgedError(
                "Provisioner Error: failed to wait for job: provisioner job did not succeed: "
                f"{job['status']} ({job.get('error') or ''})\n{log}"
            )
        return made

    def rename(self, version: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        """Give a version that is there its new name, with the message; a message alone stays.

        Raises:
            BridgedError: coderd refuses.
        """
        if version["name"] == before["name"]:
            return
        with client_error("Failed to update template version metadata"):
            self.client.patch(
                f"/api/v2/templateversions/{version['id']}",
                {"name": version["name"], "message": version["message"]},
            )

    def promote(self, version: str, template: str) -> None:
        """Make a version the active one; raises as `rename`."""
        with client_error("failed to update active template version"):
            self.client.patch(f"/api/v2/templates/{template}/versions", {"id": version})

    def _upload(self, version: Mapping[str, Any]) -> str:
        try:
            files = archive.read(self.root / version["directory"])
            return self.client.upload(archive.pack(files))
        except (archive.DirectoryError, Refusal) as error:
            raise BridgedError(
                f"Provisioner Error: failed to upload directory: {error}\n"
            ) from None


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
