"""A stack's state as plain data: read, changed in places, and written back.

Nothing writes a state but adoption and the repair of an update that was cut off. Secrets are
written as the engine's own import takes them: what is unchanged stays encrypted, and only a changed
value stands in clear, in a file of this user alone for as long as the engine reads it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from pulumi import automation

from ops import kept_files
from ops.tokens import SECRET_SIGNATURE, SIGNATURE

Resource = dict[str, Any]


class StackState:
    """The resources of a stack, by URN, without those that wait for their deletion.

    `save` writes what was changed.

    Args:
        stack: the stack.
    """

    def __init__(self, stack: automation.Stack) -> None:
        self._stack = stack
        self._document = self._export()
        self._before = json.dumps(self._document)
        self._deployment = self._document.get("deployment") or {}
        self.resources: dict[str, Resource] = {
            each["urn"]: each
            for each in self._deployment.get("resources") or []
            if not each.get("delete")
        }

    @property
    def deployment(self) -> Mapping[str, Any]:
        """All of it, as the engine exports it."""
        return self._deployment

    @property
    def pending(self) -> list[dict[str, Any]]:
        """What the engine was doing when it was killed: `type` and `resource` each."""
        return list(self._deployment.get("pending_operations") or ())

    def forget_pending(self) -> None:
        """Leave no operation pending."""
        self._deployment["pending_operations"] = []

    def put(self, resource: Resource) -> None:
        """Add a resource, or write another in place of one that is there."""
        there = self.resources.get(resource["urn"])
        if there is not None:
            there.clear()
            there.update(resource)
            return
        self._deployment.setdefault("resources", []).append(resource)
        self.resources[resource["urn"]] = resource

    def of_type(self, kind: str) -> Iterator[Resource]:
        """Yield the resources of a type."""
        yield from [each for each in self.resources.values() if each["type"] == kind]

    def sibling(self, resource: Mapping[str, Any], kind: str) -> Resource | None:
        """Return the first resource of a type that belongs to the same component."""
        return self.child(resource.get("parent"), kind)

    def child(self, parent: str | None, kind: str) -> Resource | None:
        """Return the first resource of a type that belongs to a component."""
        return next((each for each in self.of_type(kind) if each.get("parent") == parent), None)

    def shown(self) -> dict[str, Resource]:
        """Return the resources by URN with their secrets in clear; for comparing, never to show."""
        # The export of our own stacks (ops/host.py) leaves them encrypted.
        shown = self._stack.workspace.export_stack(self._stack.name)
        deployment = shown.deployment or {}
        return {each["urn"]: _plain(each) for each in deployment.get("resources") or []}

    @property
    def changed(self) -> bool:
        """Whether anything is to be saved."""
        return json.dumps(self._document) != self._before

    def save(self) -> None:
        """Write the state back; raises automation.CommandError."""
        self._import(json.dumps(self._document))

    def restore(self) -> None:
        """Write the state back as it was read; raises automation.CommandError."""
        self._import(self._before)

    def _export(self) -> dict[str, Any]:
        kept = kept_files.deployment(self._stack)
        if kept is not None:
            return kept
        # The Automation API's export shows every secret.
        return cast("dict[str, Any]", json.loads(self._run("export")))

    def _import(self, text: str) -> None:
        with tempfile.TemporaryDirectory(prefix="firewalled-coder-state-") as folder:
            file = Path(folder, "state.json")
            file.write_text(text, encoding="utf-8")
            self._run("import", "--file", str(file))

    def _run(self, *command: str) -> str:
        workspace = self._stack.workspace
        return str(
            workspace.pulumi_command.run(
                ["stack", *command, "--stack", self._stack.name],
                workspace.work_dir,
                dict(workspace.env_vars),
            ).stdout
        )


def secret(value: Any) -> dict[str, str]:
    """Return a value as the engine imports a secret: it is encrypted when it is saved."""
    return {SIGNATURE: SECRET_SIGNATURE, "plaintext": json.dumps(value)}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET_SIGNATURE:
            return _plain(json.loads(value["plaintext"]))
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
