"""Calls the stand-in for Coder's provider as the engine does."""

from typing import Any

from local.providers.base import Call, Resource
from local.providers.coderd import CoderdProvider
from local.providers.wire import Properties, plain

TEMPLATE = "coderd:index/template:Template"


GROUP = "coderd:index/group:Group"


MCP = "coderd:index/agentsMcpServer:AgentsMcpServer"


SECRET = "correct-horse-battery"

MAIN = """
variable "image" {
  type    = string
  default = "ubuntu"
}
resource "coder_agent" "main" {
  os = "linux"
}
"""


class Engine:
    """Calls a provider in the engine's order, and keeps inputs and state as the engine does."""

    def __init__(self, provider: CoderdProvider, type: str, name: str) -> None:
        self.provider = provider
        self.type = type
        self.urn = f"urn:pulumi:test::test::{type}::{name}"
        self.id = ""
        self.inputs: Properties = {}
        self.state: Properties = {}

    def call(self, **more: Any) -> Call:
        return Call(urn=self.urn, type=self.type, name="x", id=self.id, **more)

    def check(self, **inputs: Any) -> Properties:
        checked = self.provider.check(self.call(), self.inputs, inputs)
        assert checked.failures == ()
        return checked.inputs

    def failures(self, **inputs: Any) -> dict[str, str]:
        return dict(self.provider.check(self.call(), self.inputs, inputs).failures)

    def changes(self, **inputs: Any) -> dict[str, str]:
        new = self.check(**inputs)
        found = self.provider.diff(self.call(), self.inputs, self.state, new)
        return {path: change.kind for path, change in found.changes.items()}

    def create(self, **inputs: Any) -> Properties:
        new = self.check(**inputs)
        made = self.provider.create(self.call(), new)
        return self._keep(made, new)

    def update(self, **inputs: Any) -> Properties:
        new = self.check(**inputs)
        self.state = self.provider.update(self.call(), self.inputs, self.state, new)
        self.inputs = new
        return self.outputs

    def preview(self, **inputs: Any) -> Properties:
        new = self.check(**inputs)
        call = self.call(preview=True)
        if not self.id:
            return self.provider.create(call, new).state
        return self.provider.update(call, self.inputs, self.state, new)

    def refresh(self) -> bool:
        found = self.provider.read(self.call(), self.inputs, self.state)
        if found is None:
            return False
        self._keep(found, found.inputs or {})
        return True

    def delete(self) -> None:
        self.provider.delete(self.call(), self.inputs, self.state)

    def _keep(self, made: Resource, inputs: Properties) -> Properties:
        self.id, self.state, self.inputs = made.id, made.state, inputs
        return self.outputs

    @property
    def outputs(self) -> Properties:
        return dict(plain(self.state))


def version(**more: Any) -> dict[str, Any]:
    return {"directory": "template", "active": True, "name": "one", **more}
