"""The versions of a template: which are there already, which have to be imported.

A version is known by its content. One whose directory and variables are those of a version in the
state is that version, whatever its name; any other is uploaded and imported, under a name that the
template does not have yet.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from local.providers import coderd_archive as archive
from local.providers.base import Call, Change, ProviderError
from local.providers.coderd_client import Client, Json, Refusal
from local.providers.coderd_schema import Failures
from local.providers.wire import UNKNOWN, Secret, has_unknown, plain

Version = Mapping[str, Any]
"""A version in inputs or state: name, directory, directoryHash, active, message, tfVars..."""

_NAME: Final = re.compile(r"[a-zA-Z0-9]+(?:[_.-]{1}[a-zA-Z0-9]+)*")
_NAME_CHARACTERS: Final = 64
_MESSAGE_CHARACTERS: Final = 72


@dataclass(frozen=True)
class Planned:
    """A version as it should be, and the one of the state that is it, None if it is new."""

    given: Any
    held: Version | None = None


# Inputs


def check(root: Path, given: Any) -> tuple[Any, Failures]:
    """The versions of the inputs with the digests of their directories, and what is wrong.

    Args:
        root: what relative directories start from.
        given: the versions, which fit the schema.
    """
    if isinstance(given, Secret):
        inner, found = check(root, given.value)
        return Secret(inner), found
    checked = []
    failures = _check_set(plain(given))
    for at, version in enumerate(given):
        completed, wrong = _check_one(root, version, f"versions[{at}]")
        checked.append(completed)
        failures += wrong
    return checked, failures


def _check_one(root: Path, version: Any, path: str) -> tuple[Any, Failures]:
    if isinstance(version, Secret):
        inner, found = _check_one(root, version.value, path)
        return Secret(inner), found
    if version is UNKNOWN:
        return version, []
    failures: Failures = []
    digest: Any = UNKNOWN
    name, directory = plain(version.get("name")), plain(version["directory"])
    if isinstance(name, str) and not _is_name(name):
        failures.append((f"{path}.name", f"{name!r} is no name of a version"))
    if isinstance(directory, str):
        try:
            files = archive.read(root / directory)
            archive.pack(files)
            digest = archive.digest(files)
        except archive.DirectoryError as error:
            failures.append((f"{path}.directory", str(error)))
    inputs = {key: value for key, value in version.items() if key != "id"}
    return {**inputs, "directoryHash": digest}, failures


def _is_name(name: str) -> bool:
    return len(name) <= _NAME_CHARACTERS and _NAME.fullmatch(name) is not None


def _check_set(versions: Sequence[Any]) -> Failures:
    failures: Failures = []
    known = [version for version in versions if version is not UNKNOWN]
    if not versions:
        failures.append(("versions", "must not be an empty list: leave it out or give a version"))
    names = [version["name"] for version in known if isinstance(version.get("name"), str)]
    failures += [
        ("versions", f"the name {name!r} is given to more than one version")
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if sum(version.get("active") is True for version in known) > 1:
        failures.append(("versions", "only one version can be active at a time"))
    return failures


def may_be_active(version: Any) -> bool:
    """Whether a version is the active one, as far as it is known."""
    return version is UNKNOWN or version.get("active") in (True, UNKNOWN)


# Comparison


def plan(versions: Sequence[Any], held: Sequence[Version]) -> list[Planned]:
    """Find the versions that are there already: by content and name, else by content and place.

    Raises:
        ProviderError: a version's content changes and its name does not, or the active version is
            to be so no longer and no other is.
    """
    left = list(held)
    found: dict[int, Version] = {}
    for by_name in (True, False):
        for at, version in enumerate(versions):
            if at in found or version is UNKNOWN:
                continue
            same = next((item for item in left if _is_same(version, item, by_name)), None)
            if same is not None:
                found[at] = same
                left.remove(same)
    names = {item["name"] for item in held}
    for at, version in enumerate(versions):
        if at not in found and version is not UNKNOWN and version.get("name") in names:
            raise ProviderError(
                f"version {version['name']}: its directory or its tf_vars have changed, so its "
                "name must change too"
            )
    active = [item["name"] for item in found.values() if item["active"]]
    if active and not any(may_be_active(version) for version in versions):
        raise ProviderError(
            f"version {active[0]} is to be active no longer, but no other is: set active on one"
        )
    return [Planned(version, found.get(at)) for at, version in enumerate(versions)]


def _is_same(version: Version, held: Version, by_name: bool) -> bool:
    if by_name and held["name"] != version.get("name"):
        return False
    return bool(held.get("directoryHash") == version["directoryHash"]) and not _differ(
        version, held, "tfVars"
    )


def _differ(version: Version, held: Version, key: str) -> bool:
    return has_unknown(version.get(key)) or _pairs(version, key) != _pairs(held, key)


def _pairs(version: Version, key: str) -> list[dict[str, str]]:
    """Names and values in one order, since they are a set."""
    return sorted(
        ({"name": item["name"], "value": item["value"]} for item in version.get(key) or []),
        key=lambda item: item["name"],
    )


def _message(version: Version) -> Any:
    message = version.get("message") or ""
    return message if message is UNKNOWN else str(message)[:_MESSAGE_CHARACTERS]


def changes(given: Any, state: Any) -> dict[str, Change]:
    """How versions differ from those of the state, by property path."""
    versions, held = plain(given), plain(state)
    if held is None:
        return {"versions": Change("add")}
    if versions is UNKNOWN:
        return {"versions": Change("update")}
    found: dict[str, Change] = {}
    for at, planned in enumerate(plan(versions, held)):
        if at >= len(held):
            found[f"versions[{at}]"] = Change("add")
        elif planned.given is UNKNOWN:
            found[f"versions[{at}]"] = Change("update")
        else:
            for key in _changed(planned, held[at]):
                found[f"versions[{at}].{key}"] = Change("update")
    for at in range(len(versions), len(held)):
        found[f"versions[{at}]"] = Change("delete")
    return found


def _changed(planned: Planned, there: Version) -> list[str]:
    version = planned.given
    wanted = {
        "directory": version["directory"],
        "message": _message(version),
        "active": version.get("active", False),
    }
    if version.get("name") is not None:
        wanted["name"] = version["name"]
    keys = [key for key, value in wanted.items() if value != there.get(key)]
    keys += [key for key in ("tfVars", "provisionerTags") if _differ(version, there, key)]
    if version["directoryHash"] != there.get("directoryHash"):
        keys.append("directoryHash")
    return keys


def previewed(planned: Planned) -> Any:
    """What the state will say of a version."""
    if planned.given is UNKNOWN:
        return UNKNOWN
    held = planned.held or {"name": UNKNOWN, "id": UNKNOWN}
    return {
        "name": held["name"],
        "active": False,
        **planned.given,
        "message": _message(planned.given),
        "id": held["id"],
    }


def as_found(version: Any, now: Version) -> Any:
    """A version of the inputs with what has been changed in coderd."""
    if not isinstance(version, Mapping):
        return version
    there = {key: now[key] for key in ("name", "active") if key in now}
    if "message" in version and _message(version) != now.get("message"):
        there["message"] = now.get("message")
    return {key: there.get(key, value) for key, value in version.items()}


# Imports


@dataclass(frozen=True)
class Importer:
    """Brings versions into coderd.

    Args:
        client: coderd's REST API.
        call: what is being made; its timeout holds for each import.
        root: what relative directories start from.
        organization: id of the organization the versions are of.
    """

    client: Client
    call: Call
    root: Path
    organization: str

    def bring(self, version: Version, template: str | None) -> str:
        """Import a version and return its id; of a template, unless that is only to be made.

        Raises:
            ProviderError: the import fails, with the provisioner's log; or the template has
                another version of this name.
        """
        file = self._upload(version)
        body = {
            "message": _message(version),
            "storage_method": "file",
            "provisioner": "terraform",
            "file_id": file,
            "user_variable_values": _pairs(version, "tfVars"),
            "tags": {item["name"]: item["value"] for item in _pairs(version, "provisionerTags")},
        }
        body |= {"template_id": template} if template else {}
        body |= {"name": version["name"]} if version.get("name") else {}
        path = f"/api/v2/organizations/{self.organization}/templateversions"
        try:
            made = self.client.post(path, body)
        except Refusal as refusal:
            if refusal.status != HTTPStatus.CONFLICT or not template:
                raise
            id = self.find(version, template)
            if id is None:
                raise ProviderError(
                    f"the template has another version {version['name']} already: the name must "
                    "change when the directory or the tf_vars do"
                ) from None
            return id
        return str(self.client.await_version(made["id"], self.call.timeout)["id"])

    def find(self, version: Version, template: str) -> str | None:
        """Id of the template's version of the same name, if content and variables are the same.

        Raises:
            ProviderError: they are, and its import failed.
        """
        if not version.get("name"):
            return None
        path = f"/api/v2/templates/{template}/versions/{version['name']}"
        found: Json | None = self.client.find(path)
        # The same content uploaded again by the same user is the same file.
        if found is None or found["job"].get("file_id") != self._upload(version):
            return None
        try:
            self.client.await_version(found["id"], self.call.timeout)
        except ProviderError as error:
            raise ProviderError(f"{error}\nTo try it again, change the version's name.") from None
        variables = self.client.get(f"/api/v2/templateversions/{found['id']}/variables") or []
        values = {item["name"]: item["value"] for item in variables if not item["sensitive"]}
        same = all(
            values.get(item["name"], item["value"]) == item["value"]
            for item in _pairs(version, "tfVars")
        )
        return str(found["id"]) if same else None

    def rename(self, planned: Planned) -> None:
        """Give a version that is there its new name or message."""
        if planned.held is None:
            return
        name = planned.given.get("name") or planned.held["name"]
        message = _message(planned.given)
        if (name, message) != (planned.held["name"], planned.held.get("message", "")):
            path = f"/api/v2/templateversions/{planned.held['id']}"
            self.client.patch(path, {"name": name, "message": message})

    def promote(self, versions: Sequence[Version], ids: Sequence[str], template: str) -> None:
        """Make the version active that should be, if it is not."""
        for version, id in zip(versions, ids, strict=True):
            if version.get("active"):
                path = f"/api/v2/templates/{template}"
                if self.client.get(path)["active_version_id"] != id:
                    self.client.patch(f"{path}/versions", {"id": id})

    def _upload(self, version: Version) -> str:
        try:
            files = archive.read(self.root / version["directory"])
            if archive.digest(files) != version["directoryHash"]:
                raise ProviderError(
                    f"{version['directory']} has changed since the update began: run it again"
                )
            return self.client.upload(archive.pack(files))
        except archive.DirectoryError as error:
            raise ProviderError(str(error)) from None
