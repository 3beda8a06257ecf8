"""What Coder has of an MCP server beside what its inputs say: as read back, and what it keeps.

Coder's Terraform provider sends what differs from its record, and nothing for a login's part that
is not set (agents_mcp_server_resource.go updateRequest): such a part stays in a server that stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ops.changes import Step
from ops.markdown import code
from ops.told import Told

CLIENT: Final = "oauth2ClientId"
_REVOCATION: Final = "oauth2RevocationUrl"
_SECRET: Final = "oauth2ClientSecretWoVersion"  # noqa: S105  a name
_ENDPOINTS: Final = (CLIENT, "oauth2AuthUrl", "oauth2TokenUrl")
_LOGIN: Final = (*_ENDPOINTS, _REVOCATION)
# What the inputs may leave out although Coder has it, and somebody can change there.
_ON_RECORD: Final = (
    *_LOGIN,
    *("url", "enabled", "toolAllowLists", "toolDenyLists"),
    *("authType", "apiKeyHeader", "oauth2Scopes", "availability"),
)
_WARNING: Final = "Coder keeps what the settings lack of an MCP server's login"
_WAY: Final = (
    "; to be rid of it, take the server out of the settings, `up`, put it back, `up` again"
)


def before(step: Step) -> Mapping[str, Any]:
    """Return what is there, by the provider's record where there is one."""
    if step.op == "create":
        return {}
    record = {key: step.live[key] for key in _ON_RECORD if step.live.get(key) is not None}
    return {**step.old, **record}


def after(step: Step) -> Mapping[str, Any]:
    """Return what will be there: the inputs, and of a login what they leave to Coder."""
    had = before(step)
    stays = step.op != "replace" or not (CLIENT in step.old or CLIENT in step.new)
    if not stays or not _is_login(had, step.new):
        return step.new
    return {**{key: had[key] for key in _LOGIN if key in had}, **step.new}


def kept(step: Step) -> dict[str, Told]:
    """Return what an update leaves in Coder although the settings lack it, by property."""
    return dict(_kept(step)) if step.op in {"update", "same"} else {}


def _kept(step: Step) -> Iterator[tuple[str, Told]]:
    had, new = before(step), step.new
    if not _is_login(had, new) or not (CLIENT in step.old or CLIENT in new):
        return
    if CLIENT not in new:
        told = f"Coder **stays** the client {code(str(had[CLIENT]))} of the login as it was{_WAY}"
        yield from ((key, Told(told, _WARNING)) for key in (*_LOGIN, _SECRET))
        return
    if _REVOCATION not in new and had.get(_REVOCATION):
        url = code(str(had[_REVOCATION]))
        yield _REVOCATION, Told(f"Coder **still** gives tokens back at {url}{_WAY}", _WARNING)
    if _SECRET in step.old and _SECRET not in new:
        yield _SECRET, Told(f"Coder **keeps** the secret of itself as a client{_WAY}", _WARNING)


def made_anew(step: Step) -> Iterator[Told]:
    """Yield why a server with a login is made anew, if that is why."""
    both = step.old, step.new
    if step.op != "replace" or not _is_login(*both):
        return
    if any((key in step.old) != (key in step.new) for key in (CLIENT, _REVOCATION, _SECRET)):
        yield Told(
            "made anew, as Coder keeps what is taken out of a login: **people log in again**, and "
            "chats that chose the server have it no longer"
        )


def _is_login(*inputs: Mapping[str, Any]) -> bool:
    return all(each.get("authType") == "oauth2" for each in inputs)
