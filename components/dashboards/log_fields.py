"""What the dashboards may read of log lines in Loki: every label and field, by name.

Queries are built from these values alone, so a name that does not exist is an attribute error
in Python and an error of the type checker, not an empty panel. Source: `boundary_request` lines
are written by `coderd/agentapi/boundary_logs.go` of Coder v2.34.
"""

from __future__ import annotations

from enum import StrEnum


class StreamLabel(StrEnum):
    """The labels of a log stream in Loki. There is no `logger` label."""

    APP = "app"
    NAMESPACE = "namespace"
    POD = "pod"
    CONTAINER = "container"
    NODE_NAME = "node_name"


class AuditDecision(StrEnum):
    """What Boundary decided about one request."""

    ALLOW = "allow"
    DENY = "deny"


AUDIT_MESSAGE = "boundary_request"
"""The message of an audit line, under the key `msg` of coderd's JSON log."""


class AuditField(StrEnum):
    """A field of a `boundary_request` line; the value is its path in the JSON document."""

    MESSAGE = "msg"
    DECISION = "fields.decision"
    WORKSPACE_ID = "fields.workspace_id"
    TEMPLATE_ID = "fields.template_id"
    TEMPLATE_VERSION_ID = "fields.template_version_id"
    HTTP_METHOD = "fields.http_method"
    HTTP_URL = "fields.http_url"
    EVENT_TIME = "fields.event_time"
    MATCHED_RULE = "fields.matched_rule"
    OWNER = "fields.owner"
    WORKSPACE_NAME = "fields.workspace_name"
    AGENT_NAME = "fields.agent_name"

    @property
    def label(self) -> str:
        """The label a query gives the field: the last step of its path."""
        return self.value.rpartition(".")[2]


class BuildField(StrEnum):
    """A field of coderd's log lines about one workspace, as its provisioner writes them.

    Source: the logger's fields in `provisionerd/runner/runner.go` of Coder v2.34.
    """

    WORKSPACE_ID = "fields.workspace_id"
    WORKSPACE_NAME = "fields.workspace_name"
    TEMPLATE_NAME = "fields.template_name"

    @property
    def label(self) -> str:
        """The label a query gives the field: the last step of its path."""
        return self.value.rpartition(".")[2]


class UrlPart(StrEnum):
    """A part of `http_url` that a query takes out with a regular expression."""

    DOMAIN = "domain"
    PATH = "path"
