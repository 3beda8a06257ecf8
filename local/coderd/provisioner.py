"""The stand-in's only provisioner: imports template versions and builds workspaces, one at a time.

Jobs that were waiting or running when the process ended are done again by the next one.
"""

import threading
from dataclasses import asdict
from datetime import timedelta
from typing import Final

from local.coderd import terraform
from local.coderd.processes import Workspaces
from local.coderd.shapes import show_agent, show_resource
from local.coderd.store import Document, Store, later, new_id, now

_ACTIVE: Final = ("pending", "running")


class Provisioner:
    """A thread that does the jobs in a store.

    Args:
        store: where the jobs are.
        workspaces: what starts, stops and removes a workspace's processes.
    """

    def __init__(self, store: Store, workspaces: Workspaces) -> None:
        self._store = store
        self._workspaces = workspaces
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="provisioner", daemon=True)

    def start(self) -> None:
        """Begin with the jobs that are waiting."""
        self._wake.set()
        self._thread.start()

    def wake(self) -> None:
        """Look for jobs."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the job at hand and end."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while not self._stopping and self._work():
                pass
            if self._stopping:
                return

    def _work(self) -> bool:
        """Do every waiting job; whether there was one."""
        versions = [item for item in self._store.all("version") if _waits(item["job"])]
        for version in versions:
            self._import(version)
        workspaces = [
            item for item in self._store.all("workspace") if _waits(item["builds"][-1]["job"])
        ]
        for workspace in workspaces:
            self._build(workspace)
        return bool(versions or workspaces)

    # Imports

    def _import(self, version: Document) -> None:
        log = _Log()
        started = now()
        try:
            files = terraform.unpack(self._store.file(version["job"]["file_id"]) or b"")
        except terraform.ArchiveError as unreadable:
            self._imported(version, started, log, error=f"extract files: {unreadable}")
            return
        log.say("Setting up", "Parsing template parameters", "Detecting persistent resources")
        found = terraform.plan(files, version["values"])
        for diagnostic in found.errors:
            log.say("Planning infrastructure", "", *diagnostic.lines(), level="error")
        error = code = ""
        unknown = [id for id, _ in found.external_auth if not self._store.get("external_auth", id)]
        if found.errors:
            error = (
                "template import provision for start: plan during template import provision "
                "error: terraform plan: exit status 1"
            )
        elif found.missing:
            code = "REQUIRED_TEMPLATE_VARIABLES"
            error = f"required template variables need values: {', '.join(found.missing)}"
        elif unknown:
            error = f'external auth provider "{unknown[0]}" is not configured'
        else:
            resources = len(found.resources) + len(found.agents)
            log.say(
                "Planning infrastructure", f"Plan: {resources} to add, 0 to change, 0 to destroy."
            )
            log.say("Cleaning Up", "Template import done")
        readme = files.get("README.md", b"").decode(errors="replace")
        self._imported(
            version,
            started,
            log,
            error=error,
            code=code,
            changes={"readme": readme, "plan": asdict(found)},
        )

    def _imported(
        self,
        version: Document,
        started: str,
        log: "_Log",
        *,
        error: str = "",
        code: str = "",
        changes: Document | None = None,
    ) -> None:
        with self._store.transaction():
            latest = self._store.get("version", version["id"]) or version
            job = _ended(latest["job"], started, log, error, code)
            self._store.put("version", {**latest, **(changes or {}), "job": job})

    # Builds

    def _build(self, workspace: Document) -> None:
        log = _Log()
        started = now()
        build = workspace["builds"][-1]
        version = self._store.get("version", build["template_version_id"]) or {}
        plan = version.get("plan") or {}
        error = ""
        if build["transition"] == "start":
            error = self._missing_login(workspace, plan)
        if not error:
            self._workspaces.follow(workspace, str(build["transition"]), version)
        if error:
            log.say("Starting workspace", f"Error: {error}", level="error")
        else:
            log.say("Starting workspace", "Apply complete!")
        with self._store.transaction():
            latest = self._store.get("workspace", workspace["id"]) or workspace
            if not _waits(latest["builds"][-1]["job"]):
                return  # canceled meanwhile
            moment, runs = now(), build["transition"] == "start" and not error
            done = {
                **build,
                "updated_at": moment,
                "job": _ended(build["job"], started, log, error),
                "resources": _resources(plan, build["job"]["id"], moment) if runs else [],
                "deadline": _deadline(latest["ttl_ms"]) if runs else None,
            }
            if build["transition"] == "delete" and not error:
                self._store.delete("workspace", workspace["id"])
                builds = [*latest["builds"][:-1], done]
                self._store.put("deleted_workspace", {**latest, "builds": builds})
            else:
                self._store.put("workspace", {**latest, "builds": [*latest["builds"][:-1], done]})

    def _missing_login(self, workspace: Document, plan: Document) -> str:
        owner = self._store.get("user", workspace["owner_id"]) or {}
        for id, optional in plan.get("external_auth", []):
            provider = self._store.get("external_auth", id) or {"logins": []}
            if not optional and owner.get("username") not in provider["logins"]:
                return (
                    f'external authentication "{id}" is required: '
                    f"{owner.get('username')} has not logged in to it"
                )
        return ""


class _Log:
    """Lines of a job's log (codersdk.ProvisionerJobLog)."""

    def __init__(self) -> None:
        self.lines: list[Document] = []

    def say(self, stage: str, *lines: str, level: str = "info") -> None:
        for line in lines:
            self.lines.append(
                {
                    "id": len(self.lines) + 1,
                    "created_at": now(),
                    "log_source": "provisioner",
                    "log_level": level,
                    "stage": stage,
                    "output": line,
                }
            )


def _waits(job: Document) -> bool:
    return job["status"] in _ACTIVE


def _deadline(milliseconds: int | None) -> str | None:
    return later(timedelta(milliseconds=milliseconds)) if milliseconds else None


def _ended(job: Document, started: str, log: _Log, error: str, code: str = "") -> Document:
    return {
        **job,
        "status": "failed" if error else "succeeded",
        "started_at": started,
        "completed_at": now(),
        "error": error,
        "error_code": code,
        "logs": log.lines,
    }


def _resources(plan: Document, job: str, moment: str) -> list[Document]:
    agents: list[str] = plan.get("agents", [])
    shown = []
    for kind, name in plan.get("resources", []):
        id = new_id()
        resource = show_resource(id, kind, name, moment, job)
        # The agents belong to what runs them.
        if agents and kind.startswith(
            ("kubernetes_pod", "kubernetes_deployment", "docker_contain")
        ):
            resource["agents"] = [show_agent(new_id(), agent, moment, id) for agent in agents]
            agents = []
        shown.append(resource)
    return shown
