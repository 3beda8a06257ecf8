"""What it means that the engine cannot read a stack's secrets: its passphrase or secrets provider.

The engine's words name neither the stack nor, of a provider, what is asked for.
"""

from __future__ import annotations

import os
import re
from typing import Final

from components.boundary.credentials import masked

_PASSPHRASE: Final = "PULUMI_CONFIG_PASSPHRASE"  # noqa: S105  the name of a variable
_FILE: Final = f"{_PASSPHRASE}_FILE"

_MISSING: Final = re.compile(rf"passphrase must be set with {_PASSPHRASE}")
_UNREADABLE: Final = re.compile(rf"unable to read {_FILE}: (?:open )?(?P<why>.*)")
_WRONG: Final = re.compile(r"\bincorrect passphrase\b")
_OTHER_KEY: Final = re.compile(r"cipher: message authentication failed")
# What gocloud.dev/secrets says, by which the engine reaches a provider: once it ends with the code
# of the error, as a second one.
_PROVIDER: Final = re.compile(
    r"(?:get stack secrets manager: "
    r"|error: (?=open keeper |open secrets\.Keeper|missing google credentials))(?P<why>.*)"
    r"|errors occurred:\s+1\) (?P<first>.*)\s+2\) (?:Unknown|NotFound|InvalidArgument|Internal|"
    r"FailedPrecondition|PermissionDenied|ResourceExhausted|Canceled|DeadlineExceeded)\b"
)
_EVERY: Final = (_MISSING, _UNREADABLE, _WRONG, _OTHER_KEY, _PROVIDER)


def is_told(said: str) -> bool:
    """Whether words of the engine are such that `told` says them better."""
    return any(pattern.search(said) for pattern in _EVERY)


def told(said: str, stack: str) -> str | None:
    """Return in one line why a stack's secrets cannot be read and what to set; None if they can.

    Args:
        said: all that the engine said.
        stack: name of the stack.
    """
    why = _why(said, f"stacks/Pulumi.{stack}.yaml")
    return None if why is None else f"the secrets of stack {stack} cannot be read: {why}"


def _why(said: str, file: str) -> str | None:
    if _MISSING.search(said):
        return f"its passphrase is not set; set {_PASSPHRASE}, or {_FILE} to a file that holds it"
    if found := _UNREADABLE.search(said):
        return f"{_FILE} names {found['why'].strip()}; set it to the file that holds the passphrase"
    if _WRONG.search(said):
        where = (
            f"{_PASSPHRASE} holds" if _PASSPHRASE in os.environ else f"the file of {_FILE} holds"
        )
        return f"{where} another passphrase; set the one that the stack was made with"
    if _OTHER_KEY.search(said):
        return (
            f"they are encrypted with another key; bring `encryptionsalt`, or `encryptedkey`, back "
            f"in {file} as it was committed with them"
        )
    if found := _PROVIDER.search(said):
        words = masked((found["why"] or found["first"]).strip())
        return (
            "set what its secrets provider needs (docs/backends.md), or `secretsprovider` in "
            f"{file} right; it says: {words}"
        )
    return None
