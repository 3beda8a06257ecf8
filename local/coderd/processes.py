"""The processes of workspaces: started, stopped and removed as their builds say."""

import secrets
import threading
from pathlib import Path

from local.coderd import people, terraform
from local.coderd.audit_lines import AuditLines
from local.coderd.store import Document, Store
from local.workspace.stand_in import AgentAccess, StandInWorkspace


class Workspaces:
    """The running workspaces of the deployment, where the system has /proc.

    Args:
        store: the deployment's memory.
        directory: holds a folder for each.
        access_url: the URL by which workspaces know coderd.
        url: where coderd is.
    """

    def __init__(self, store: Store, directory: Path, access_url: str, url: str) -> None:
        self._store = store
        self._directory = directory
        self._access_url = access_url
        self._url = url
        self.audit = AuditLines(store, directory)
        self._possible = Path("/proc/self/environ").exists()
        # Those that this process has started: of many nothing runs but what a terminal starts.
        self._started: set[str] = set()
        # Two terminals may be opened at once, and one start would end what the other has begun.
        self._starting = threading.Lock()

    def of(self, id: str) -> StandInWorkspace:
        """Return the workspace with an id, running or not."""
        return StandInWorkspace(self._directory / id)

    def follow(self, workspace: Document, transition: str, version: Document) -> None:
        """Do what a build did: start, stop or delete."""
        if not self._possible:
            return
        running = self.of(workspace["id"])
        self._started.discard(workspace["id"])
        if transition == "start":
            files = terraform.unpack(self._store.file(version["job"]["file_id"]) or b"")
            running.start(files, version["values"], self._coderd(workspace))
            self._started.add(workspace["id"])
        elif transition == "stop":
            running.stop()
        else:
            self.audit.collect_from(workspace)
            running.remove()

    def ready(self, workspace: Document) -> StandInWorkspace | None:
        """Return a workspace that should run, started again if need be; None where none can."""
        build = workspace["builds"][-1]
        if not self._possible or build["transition"] != "start" or build["job"]["error"]:
            return None
        running = self.of(workspace["id"])
        with self._starting:
            if workspace["id"] not in self._started and not running.running:
                version = self._store.get("version", build["template_version_id"]) or {}
                self.follow(workspace, "start", version)
        return running

    def _coderd(self, workspace: Document) -> AgentAccess:
        token = f"{secrets.token_urlsafe(10)}-{secrets.token_urlsafe(22)}"
        owner = self._store.get("user", workspace["owner_id"])
        if owner:
            people.add_token(self._store, owner, token)
        return AgentAccess(self._access_url, self._url, token)

    def stop(self) -> None:
        """End every process."""
        for folder in self._directory.glob("*") if self._directory.exists() else ():
            StandInWorkspace(folder).stop()
