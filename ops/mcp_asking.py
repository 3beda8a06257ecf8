"""What a preview changes of how an MCP server is asked: by whom, for what, and whether to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from components.coder.mcp_headers import READ_ONLY_HEADER
from ops.changes import Step
from ops.markdown import code, some
from ops.mcp_kept import CLIENT, after, before, kept, made_anew
from ops.told import Told

_PROOFS: Final[Mapping[str, str]] = {
    "none": "nothing is sent",
    "api_key": "one key for everybody",
    "oauth2": "each person's own login at the server's",
    "user_oidc": "the token of each person's login to Coder",
}
_WHERE: Final[Mapping[str, str]] = {
    "oauth2AuthUrl": "people log in at",
    "oauth2TokenUrl": "Coder gets their tokens at",
    "oauth2RevocationUrl": "Coder gives tokens back at",
}
_IN_CHATS: Final[Mapping[str, str]] = {
    "force_on": "every chat has it, and nobody can leave it out",
    "default_on": "chats start with it",
    "default_off": "a chat has it only when it is chosen",
}
EXPLAINED: Final = frozenset(
    {"authType", "apiKeyHeader", "oauth2Scopes", "availability", *_WHERE},
)
"""Properties of which the lines here say what differs."""


def asking(step: Step) -> tuple[Told, ...]:
    """Return what a step changes of how a server is asked; one that goes is asked no more."""
    if step.op == "delete":
        return ()
    old, new = before(step), after(step)
    # One thing that is kept may be several properties.
    left = dict.fromkeys(kept(step).values())
    return (*made_anew(step), *_proof(old, new), *_login(old, new), *left, *_chats(old, new))


def _proof(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Told]:
    was, becomes = (_kind(inputs) if inputs else "" for inputs in (old, new))
    if was != becomes:
        told = [f"{code(each)} ({_PROOFS.get(each, '?')})" for each in (was, becomes) if each]
        warning = {
            "none": "an MCP server is asked without proof of who asks" if was else "",
            "user_oidc": "an MCP server gets the token of each person's login to Coder",
        }.get(becomes, "")
        yield Told(f"what proves who asks: {' → '.join(told)}", warning)
    reads, read = _reads(new), _reads(old) if old else None
    if read and not reads:
        words = "an MCP server is no longer asked to read only"
        yield Told(f"**no longer asked to read only** (`{READ_ONLY_HEADER}`)", words)
    elif read is None and not reads:
        yield Told("it is not asked to read only")
    elif read is False and reads:
        yield Told("asked to read only from now on")


def _login(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Told]:
    for key, words in _WHERE.items():
        was, becomes = (str(inputs.get(key) or "") for inputs in (old, new))
        if was == becomes:
            continue
        # Without a client Coder asks the server, whose answer nobody knows before.
        found = _kind(new) == "oauth2" and CLIENT not in new
        # A server that is made newly, or newly has logins, sent nobody elsewhere before.
        moved = bool(was and (becomes or found))
        unset = "what the server says" if found else code("not set")
        names = " → ".join(filter(None, (was and code(was), code(becomes) if becomes else unset)))
        warning = "an MCP server's login is at another address" if moved else ""
        yield Told(f"{words}: {names}", warning)
    was, becomes = (str(inputs.get("oauth2Scopes") or "") for inputs in (old, new))
    if was == becomes or _kind(new) != "oauth2":
        return
    more = [each for each in becomes.split() if each not in was.split()]
    less = [each for each in was.split() if each not in becomes.split()]
    said = [
        f"{word} {some(each, code)}"
        for word, each in (("more:", more), ("no longer:", less))
        if each
    ]
    if not becomes:
        said.append("whatever the login gives unasked")
    logged_in = bool(old) and _kind(old) == "oauth2"
    warning = (
        "an MCP server's login is asked for more" if logged_in and (more or not becomes) else ""
    )
    yield Told(f"scopes that Coder asks for: {'; '.join(said)}", warning)


def _chats(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Told]:
    was, becomes = (str(inputs.get("availability") or "default_off") for inputs in (old, new))
    if was != becomes:
        warning = "an MCP server is in every chat" if becomes == "force_on" else ""
        start = f"{code(was)} → " if old else ""
        yield Told(f"in chats: {start}{code(becomes)} ({_IN_CHATS.get(becomes, '?')})", warning)


def _kind(inputs: Mapping[str, Any]) -> str:
    """Return who asks, in the settings' words: Coder's name the number of headers."""
    kind = str(inputs.get("authType") or "none")
    alone = str(inputs.get("apiKeyHeader") or "").lower() == READ_ONLY_HEADER.lower()
    if kind == "api_key" and alone:
        return "none"
    return "api_key" if kind == "custom_headers" else kind


def _reads(inputs: Mapping[str, Any]) -> bool:
    """Whether a server is asked to read only, by its address or by the header.

    Two headers are the key's and this one.
    """
    if urlsplit(str(inputs.get("url") or "")).path.rstrip("/").endswith("/readonly"):
        return True
    alone = str(inputs.get("apiKeyHeader") or "").lower() == READ_ONLY_HEADER.lower()
    kind = inputs.get("authType")
    return kind == "custom_headers" or (kind == "api_key" and alone)
