"""Coder's own agents (Coder Agents): whether they may use a template, and from where.

Their loop runs in coderd, their tools through an agent of the workspace. coderd takes the one whose
name has the suffix, else the first: coderd/x/chatd/agentselect of coder/coder, which calls the name
"not a stable contract", and docs/ai-coder/agents/platform-controls/agent-isolation.md.
"""

from __future__ import annotations

from typing import Final, Literal

AgentsAllowed = bool | Literal["isolated"]
"""Whether they may use a template; `isolated`: by an agent in a pod of its own alone."""
ISOLATED: Final[Literal["isolated"]] = "isolated"
_CHAT_SUFFIX: Final = "-coderd-chat"


def allowed(said: AgentsAllowed | None, *, confined: bool) -> AgentsAllowed | None:
    """Return whether they may use a template; None leaves it to Coder, whose default is yes.

    Args:
        said: what the template is told.
        confined: whether it has a firewall. Their tools run outside of the jail, so that keeps
            them out where nothing is said, also while it is switched off.
    """
    return False if said is None and confined else said


def is_chat_agent(name: str) -> bool:
    """Whether coderd runs the tools of its own agents through a workspace's agent of this name."""
    return name.lower().endswith(_CHAT_SUFFIX)
