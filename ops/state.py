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
from typing import Any, Final, cast

from pulumi import automation

from components.errors import OperatorError
from ops import kept_files
from ops.tokens import SECRET_SIGNATURE, SIGNATURE

Resource = dict[str, Any]

# A run of ours that failed is recorded once, or twice where it ran the program as well.
_LATEST: Final = 8


class ChangedStateError(OperatorError):
    """Another update changed the state after it was read; it is left as that one wrote it."""

    def __init__(self, stack: str) -> None:
        super().__init__(
            f"another update changed the state of stack {stack} meanwhile, and what that one "
            "recorded stays: run the same command again"
        )


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
        self._there = _comparable(self._document)
        self._last: automation.UpdateSummary | None = None
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

    @property
    def waiting(self) -> list[Resource]:
        """What waits for its deletion, since an update that replaced it did not finish."""
        return [each for each in self._deployment.get("resources") or () if each.get("delete")]

    def put(self, resource: Resource) -> None:
        """Add a resource, or write it in place of one that is there.

        Where that one is something else, and not deleted already, it waits for its deletion then.
        """
        every = self._deployment.setdefault("resources", [])
        there = self.resources.get(resource["urn"])
        if there is None:
            every.append(resource)
        elif there.get("pendingReplacement") or there.get("id") == resource.get("id"):
            there.clear()
            there.update(resource)
            return
        else:
            there["delete"] = True
            # What depends on it comes after it.
            every.insert(self._place(there), resource)
        self.resources[resource["urn"]] = resource

    def keep(self, waiting: Resource) -> None:
        """Have a resource that waits for its deletion stay, and what took its place wait for it."""
        del waiting["delete"]
        other = self.resources.get(waiting["urn"])
        if other is not None:
            other["delete"] = True
            every = self._deployment["resources"]
            here, there = self._place(other), self._place(waiting)
            every[here], every[there] = waiting, other
        self.resources[waiting["urn"]] = waiting

    def forget(self, waiting: Resource) -> None:
        """Leave a resource out that waits for its deletion."""
        del self._deployment["resources"][self._place(waiting)]

    def _place(self, resource: Resource) -> int:
        every = self._deployment["resources"]
        return next(place for place, each in enumerate(every) if each is resource)

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
        """Write the state back; raises ChangedStateError and automation.CommandError.

        The engine's import takes the lock, and compares nothing: what an update recorded that
        began after the state was read, or was running then, would be lost.
        """
        if _comparable(self._export()) != self._there:
            raise ChangedStateError(self._stack.name)
        self._import(json.dumps(self._document))
        self._there = _comparable(self._export())
        self._last = self._stack.info()

    def restore(self, message: str) -> None:
        """Write the state back as it was read.

        Args:
            message: of our own runs since `save`, which have changed the state as well.

        Raises ChangedStateError when another one ended since, and automation.CommandError.
        """
        if _comparable(self._export()) != self._there and self._is_followed(message):
            raise ChangedStateError(self._stack.name)
        self._import(self._before)

    def _is_followed(self, message: str) -> bool:
        """Whether the history has another update after `save` than those with a message."""
        last = self._last
        for each in self._stack.history(_LATEST, 1, show_secrets=False):
            if last and _identity(each) == _identity(last):
                return False
            if each.message.strip() != message.strip():
                return True
        return last is not None

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


def _identity(update: automation.UpdateSummary) -> tuple[Any, ...]:
    return update.version, update.start_time, update.kind, update.message


def _comparable(document: Mapping[str, Any]) -> Any:
    """Return a deployment without what an engine may encrypt anew each time that it exports it."""
    return _without_ciphertexts(document.get("deployment") or {})


def _without_ciphertexts(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET_SIGNATURE:
            return SECRET_SIGNATURE
        return {key: _without_ciphertexts(each) for key, each in value.items()}
    return [_without_ciphertexts(each) for each in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET_SIGNATURE:
            return _plain(json.loads(value["plaintext"]))
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
