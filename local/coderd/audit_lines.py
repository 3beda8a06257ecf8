"""What Boundary's stand-ins report, as coderd logs it and counts it.

An agent hands batches of audit lines to coderd, which writes a line of its log for each request and
re-exports the agent's counters. Here the batches are read where the stand-ins for Boundary put
them, when somebody asks.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from local.coderd.store import Document, Store, new_id, now
from local.workspace.stand_in import StandInWorkspace

BATCHES: Final = "agent_boundary_log_proxy_batches_forwarded_total"


class AuditLines:
    """The audit lines of the deployment's log.

    Args:
        store: the deployment's memory, which keeps how far each workspace's batches were read.
        directory: holds the workspaces' folders, and the log beside them.
    """

    def __init__(self, store: Store, directory: Path) -> None:
        self._store = store
        self._directory = directory
        self._log = directory.with_name("boundary_request.jsonl")

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield time (RFC 3339) and text of every line, oldest first."""
        self.collect()
        if self._log.exists():
            for line in self._log.read_text(encoding="utf-8").splitlines():
                yield json.loads(line)["ts"], line

    def counters(self) -> Iterator[tuple[dict[str, str], int]]:
        """Yield labels and value of the batches that each agent forwarded."""
        self.collect()
        for read in self._store.all("audit_read"):
            yield read["labels"], read["batches"]

    def collect(self) -> None:
        """Take what the workspaces have reported since."""
        for workspace in self._store.all("workspace"):
            self.collect_from(workspace)

    def collect_from(self, workspace: Document) -> None:
        """Take what one workspace has reported since."""
        file = StandInWorkspace(self._directory / workspace["id"]).audit
        with self._store.transaction():
            batches = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
            owner = self._store.get("user", workspace["owner_id"]) or {}
            template = self._store.get("template", workspace["template_id"]) or {}
            labels = {
                "username": str(owner.get("username", "")),
                "workspace_name": str(workspace["name"]),
                "agent_name": "main",
                "template_name": str(template.get("name", "")),
            }
            read = self._store.get("audit_read", workspace["id"]) or {"batches": 0}
            new = batches[read["batches"] :]
            if not new and read["batches"]:
                return
            with self._log.open("a", encoding="utf-8") as log:
                for batch in new:
                    for request in json.loads(batch):
                        log.write(json.dumps(_line(workspace, labels, request)) + "\n")
            done = {"id": workspace["id"], "labels": labels, "batches": len(batches)}
            self._store.put("audit_read", done)


def _line(workspace: Document, labels: dict[str, str], request: dict[str, Any]) -> dict[str, Any]:
    allowed = "matched_rule" in request
    fields = {
        "owner": labels["username"],
        "workspace_name": labels["workspace_name"],
        "agent_name": labels["agent_name"],
        "decision": "allow" if allowed else "deny",
        "workspace_id": workspace["id"],
        "template_id": workspace["template_id"],
        "template_version_id": workspace["builds"][-1]["template_version_id"],
        "http_method": request["http_method"],
        "http_url": request["http_url"],
        "event_time": request["event_time"],
        **({"matched_rule": request["matched_rule"]} if allowed else {}),
        "request_id": new_id(),
    }
    return {
        "ts": now(),
        "level": "INFO",
        "msg": "boundary_request",
        "caller": "coderd/agentapi/boundary_logs.go:59",
        "func": "github.com/coder/coder/v2/coderd/agentapi.(*BoundaryLogsAPI).ReportBoundaryLogs",
        "logger_names": ["coderd", "agentrpc"],
        "fields": fields,
    }
