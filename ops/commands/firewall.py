"""`python -m ops firewall`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from ops import git, project, stacks, terminal
from ops.firewall import Switch, SwitchError, last_day, next_step, set_switch
from ops.terminal import StackName


def firewall(
    stack: StackName,
    state: Annotated[Switch, typer.Argument(help="off, with a reason, or on.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is off; required then.")] = "",
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="DAY", help="Last day, UTC; 24 hours ahead if not given."),
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option("--template", help="This template alone; may be given again."),
    ] = None,
) -> None:
    """Switch the firewall of STACK off in its settings, for some days at most, or on again."""
    with terminal.reported():
        if state is Switch.ON:
            if stack in stacks.names(project.ROOT) and not stacks.has_switch(stack, project.ROOT):
                # What is no settings of a stack has no firewall either.
                stacks.settings(stack, project.ROOT)
                terminal.console.print(
                    f"the firewall of stack {stack} is on already; nothing was written",
                    markup=False,
                )
                return
            path = set_switch(project.ROOT, stack, None)
            said = f"the firewall of stack {stack} is on in {path.name}"
        else:
            if not reason.strip():
                raise SwitchError("--reason is required: it stands in the reports and the history")
            day = last_day(until, datetime.now(UTC))
            switch = {
                "state": "off",
                "reason": " ".join(reason.split()),
                "who": git.who(project.ROOT),
                "until": str(day),
                **({"templates": template} if template else {}),
            }
            path = set_switch(project.ROOT, stack, switch)
            which = f"templates {', '.join(template)}" if template else "every template"
            said = f"the firewall is off for {which} of stack {stack} until {day} in {path.name}"
        terminal.console.print(said, markup=False)
        terminal.console.print(next_step(project.ROOT, stack), markup=False, soft_wrap=True)
