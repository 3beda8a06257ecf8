"""The script of a workspace's start, and whether it can be run at all.

Coder's agent gives a script to its shell as one argument (coder, agentssh.CreateCommand), and Linux
starts nothing with a longer one: no policy would be written, no Claude Code would be installed.
"""

import base64
import json
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from typing import Final

from components import releases
from components.claude_code import ClaudePolicy
from components.programs import Program
from components.syntax import ARGUMENT_LENGTH
from components.workspace_template.source import SOURCE
from components.workspace_template.wiring import Firewall, ModuleVersions

# Both modules get the script of the policies, and put it in Base64 into one of their own. What else
# is in that, in bytes, as planned with the modules of coder/registry; later releases are taken for
# the last one.
_AROUND: Final = {"4.7": 37_500, "4.8": 41_700, "4.9": 48_700, "5.4": 800}
_LAST: Final = {4: "4.9", 5: "5.4"}
# An owner's prompt of some 2,000 characters, which module 4 puts there encoded twice.
_PROMPT: Final = {4: 4_000, 5: 0}
# The script in which module 5 has managed settings in Base64, itself put into another one so.
_INSTALL_5: Final = 9_500
_OWN_CLAUDE: Final = "$HOME/.local/share/firewalled-coder/programs/claude"
# As Terraform's jsonencode writes them.
_ESCAPED: Final = {ord(each): f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"}


def installs(firewall: Firewall | None, claude: Program | None, wiring: int) -> bool:
    """Whether the template fetches or records a program itself, which no module does then."""
    own_claude = claude is not None and claude.url is not None
    if firewall is None:
        return own_claude
    return own_claude or _brings_boundary(firewall, wiring)


def script_problems(
    firewall: Firewall | None,
    policy: ClaudePolicy | None,
    claude: Program | None,
    versions: ModuleVersions,
) -> Iterator[str]:
    """Yield why a workspace's start could not be run."""
    if not releases.is_claude_code_module(versions.claude_code):
        return
    wiring = versions.wiring
    script = policies(firewall, policy, claude, wiring)
    if script is None:
        return
    release = ".".join(versions.claude_code.split(".")[:2])
    around = _AROUND.get(release, _AROUND[_LAST[wiring]])
    lengths = [around + _PROMPT[wiring] + _encoded(len(script.encode()))]
    settings = len(managed_settings(policy)) if policy else 0
    if wiring == 5 and settings:
        lengths.append(around + _encoded(_INSTALL_5 + _encoded(settings)))
    if max(lengths) > ARGUMENT_LENGTH:
        made_of = (
            f"{size:,} bytes of {what}"
            for what, size in (
                ("the firewall's policy", len(firewall.config.encode()) if firewall else 0),
                ("Claude Code's managed settings", settings),
            )
            if size
        )
        yield (
            f"{' and '.join(made_of)} make a start script of {max(lengths):,} bytes in module "
            f"{wiring}, and Coder's agent hands it over as one argument, of which Linux takes "
            f"{ARGUMENT_LENGTH:,} bytes (MAX_ARG_STRLEN): shorten them"
        )


def policies(
    firewall: Firewall | None, policy: ClaudePolicy | None, claude: Program | None, wiring: int
) -> str | None:
    """Return the script of the policies as boundary.tf makes it, None for none.

    Args:
        firewall: the template's, None without one.
        policy: Claude Code's own, None without one.
        claude: a Claude Code of the stack's own.
        wiring: the module's, 4 or 5.
    """
    settings = managed_settings(policy) if policy else None
    parts = []
    if firewall is not None:
        parts.append(_put(firewall, settings, claude, wiring))
    if installs(firewall, claude, wiring):
        parts.append(_install(firewall, claude, wiring))
    if firewall is not None:
        encoded = base64.b64encode(firewall.config.encode()).decode()
        parts.append(_file("write_boundary_config.sh").replace("@CONFIG_BASE64@", encoded))
    if settings is not None:
        encoded = base64.b64encode(settings).decode()
        parts.append(_file("write_managed_settings.sh").replace("@SETTINGS_BASE64@", encoded))
    return "\n".join(["#!/bin/bash -p", *parts]) if parts else None


def managed_settings(policy: ClaudePolicy) -> bytes:
    """Return the file of managed settings as Terraform makes it of the template's."""
    text = json.dumps(policy.document(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"{text.translate(_ESCAPED)}\n".encode()


def _put(firewall: Firewall, settings: bytes | None, claude: Program | None, wiring: int) -> str:
    wrapper = _file("claude_in_jail.sh")
    wrapper = wrapper.replace("@POLICY_SHA256@", sha256(firewall.config.encode()).hexdigest())
    digest = "" if settings is None else sha256(settings).hexdigest()
    wrapper = wrapper.replace("@SETTINGS_SHA256@", digest)
    own = "" if claude is None else claude.path or _OWN_CLAUDE
    record = ".boundary" if _brings_boundary(firewall, wiring) else ""
    return (
        _file("put_claude_in_jail.sh")
        .replace("@WRAPPER_BASE64@", base64.b64encode(wrapper.encode()).decode())
        .replace("@RECORD_NAME@", record)
        .replace("@OWN_CLAUDE@", own)
    )


def _install(firewall: Firewall | None, claude: Program | None, wiring: int) -> str:
    said: dict[str, str | None] = dict.fromkeys(
        ("boundary_path", "boundary_release", "boundary_sha256", "boundary_url"), ""
    )
    if firewall is not None and _brings_boundary(firewall, wiring):
        if firewall.program is None:
            said["boundary_release"] = releases.boundary_tag(firewall.boundary_version)
        else:
            said |= _said("boundary", firewall.program)
    said |= {"claude_url": "", "claude_sha256": ""}
    if claude is not None:
        said |= _said("claude", claude)
        said.pop("claude_path")
    lines = [f"{name}='{value or ''}'" for name, value in sorted(said.items())]
    return "\n".join([*lines, _file("install_programs.sh")])


def _said(name: str, program: Program) -> dict[str, str | None]:
    return {f"{name}_{key}": getattr(program, key) for key in ("path", "sha256", "url")}


def _brings_boundary(firewall: Firewall, wiring: int) -> bool:
    return wiring == 5 or firewall.program is not None


@cache
def _file(name: str) -> str:
    return (SOURCE / name).read_text(encoding="utf-8")


def _encoded(length: int) -> int:
    """Return the length in Base64."""
    return -(-length // 3) * 4
