"""Runs the program of another checkout on the engine, in a process of its own.

`python host.py REQUEST ANSWER`, with that checkout first on PYTHONPATH. It needs of the checkout
only `__main__.py`, so that a commit of any age can be run; hence it imports nothing of ops, and
the modules of two commits never meet in one process.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

from pulumi import automation
from pulumi.runtime import settings as runtime


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Preview or apply; return the steps, the stack's outputs, and errors as (URN, message)."""
    steps: list[dict[str, Any]] = []
    outputs: dict[str, Any] = {}
    said: list[tuple[str, str]] = []

    def program() -> None:
        runtime.SETTINGS.root_directory = request["work_dir"]
        runpy.run_path(str(Path(request["root"]) / "__main__.py"), run_name="__main__")

    def on_event(event: automation.events.EngineEvent) -> None:
        if event.resource_pre_event:
            steps.append(_step(event.resource_pre_event.metadata))
        elif event.res_outputs_event:
            step = event.res_outputs_event.metadata
            if step.type == "pulumi:pulumi:Stack" and step.new and step.new.outputs:
                outputs.update(step.new.outputs)
        elif event.diagnostic_event and event.diagnostic_event.severity == "error":
            said.append((event.diagnostic_event.urn or "", event.diagnostic_event.message))

    workspace = automation.LocalWorkspace(
        work_dir=request["work_dir"],
        program=program,
        pulumi_command=automation.PulumiCommand(root=request["pulumi"]),
        env_vars=request["variables"],
    )
    stack = automation.Stack.select(request["stack"], workspace)
    options: dict[str, Any] = {
        "on_event": on_event,
        "target": request["target"] or None,
        "plan": request["plan"],
    }
    errors: list[tuple[str, str]] = []
    try:
        if request["operation"] == "up":
            stack.up(
                message=request["message"],
                on_output=_pass_on,
                show_secrets=False,
                suppress_outputs=True,
                **options,
            )
        else:
            stack.preview(**options)
    except automation.CommandError as problem:
        errors = said or [("", str(problem))]
    return {"steps": steps, "outputs": outputs, "errors": errors}


def _step(metadata: Any) -> dict[str, Any]:
    return {
        "op": getattr(metadata.op, "value", metadata.op),
        "urn": metadata.urn,
        "type": metadata.type,
        "diffs": list(metadata.diffs or ()),
        **{
            side: {"inputs": state.inputs} if state else None
            for side, state in (("old", metadata.old), ("new", metadata.new))
        },
    }


def _pass_on(text: str) -> None:
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Path(sys.argv[2]).write_text(json.dumps(run(asked)), encoding="utf-8")
