"""Signatures of evidence, by cosign or by an ssh key; both tools are the signer's own.

OpenSSH signs files by itself since 8.0 (ssh-keygen(1), -Y): the signature stands beside the file in
`.sig`, and is verified against the signers' public keys in a file of allowed signers. cosign (3)
signs with a key or a key service into a bundle, `.sigstore.json`. It asks and tells no service of
sigstore's (tried with 3.1.3): evidence belongs in no public log, and a network may reach none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

NAMESPACE: Final = "firewalled-coder"
"""What an ssh signature is for, so that it is worth nothing elsewhere."""
SSH: Final = ".sig"
COSIGN: Final = ".sigstore.json"

# As `cosign signing-config create` prints it: no transparency log, no timestamp authority.
_NO_SERVICES: Final = (
    '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json",'
    '"rekorTlogConfig":{},"tsaConfig":{}}\n'
)
_SECONDS: Final = 120


class SignatureError(Exception):
    """A file could not be signed, or a signature does not hold; the message says why."""


def look(key: str) -> None:
    """Look whether a key may be one that signs, before there is anything to sign.

    Args:
        key: as of `sign`.

    Raises:
        SignatureError: the tool is missing, or the file of an ssh key.
    """
    _look(key, "ssh key")


def look_at_signer(key: str) -> None:
    """Look whether there is what says who may sign.

    Args:
        key: as of `verify`.

    Raises:
        SignatureError: the tool is missing, or the file.
    """
    _look(key, "file of allowed signers")


def _look(key: str, kind: str) -> None:
    scheme, colon, name = key.partition(":")
    if colon and scheme == "cosign":
        _find("cosign")
        # With a colon it is of a key service or a variable.
        if ":" not in name and not Path(name).is_file():
            raise SignatureError(f"there is no key {name}")
        return
    _find("ssh-keygen")
    if not Path(key).expanduser().is_file():
        raise SignatureError(f"there is no {kind} {key}")


def sign(path: Path, key: str) -> Path:
    """Sign a file; returns the signature's.

    Args:
        path: the file.
        key: the file of an ssh key, private or public with the private one in an agent; or
            `cosign:KEY` with what `cosign sign-blob --key` takes.

    Raises:
        SignatureError: the tool is missing or refuses.
    """
    scheme, colon, name = key.partition(":")
    if colon and scheme == "cosign":
        signature = path.with_name(path.name + COSIGN)
        with tempfile.TemporaryDirectory() as folder:
            services = Path(folder) / "services.json"
            services.write_text(_NO_SERVICES)
            _run(["cosign", "sign-blob", "--yes", "--key", name, "--signing-config",
                  str(services), "--bundle", str(signature), str(path)])  # fmt: skip
        return signature
    signature = path.with_name(path.name + SSH)
    signature.unlink(missing_ok=True)
    _run(
        ["ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", str(Path(key).expanduser()), str(path)]
    )
    return signature


def verify(path: Path, key: str | None) -> str:
    """Return who signed a file.

    Args:
        path: the file.
        key: a file of allowed signers (ssh-keygen(1)), or `cosign:KEY` with what `cosign
            verify-blob --key` takes; None to say whether there is a signature at all.

    Raises:
        SignatureError: there is none, or it does not hold.
    """
    ssh, cosign = (path.with_name(path.name + end) for end in (SSH, COSIGN))
    if key is None:
        there = [each.name for each in (ssh, cosign) if each.exists()]
        return f"signed, not verified: {', '.join(there)}" if there else "not signed"
    scheme, colon, name = key.partition(":")
    if colon and scheme == "cosign":
        if not cosign.exists():
            raise SignatureError(f"there is no {cosign.name}")
        _run(["cosign", "verify-blob", "--key", name, "--insecure-ignore-tlog",
              "--bundle", str(cosign), str(path)])  # fmt: skip
        return f"signed by the key {name}"
    if not ssh.exists():
        raise SignatureError(f"there is no {ssh.name}")
    signers = str(Path(key).expanduser())
    found = _run(
        ["ssh-keygen", "-Y", "find-principals", "-s", str(ssh), "-f", signers]
    ).strip().splitlines()  # fmt: skip
    if not found:
        raise SignatureError(f"no signer of {key} signed it")
    who = found[0]
    _run(["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-f", signers, "-I", who,
          "-s", str(ssh)], path)  # fmt: skip
    return f"signed by {who}"


def _run(command: Sequence[str], given: Path | None = None) -> str:
    _find(command[0])
    try:
        done = subprocess.run(
            command,
            input=given.read_bytes() if given else b"",
            capture_output=True,
            # A passphrase is asked for at a terminal, or by an agent.
            env={**os.environ, "LC_ALL": "C"},
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SignatureError(f"{command[0]} has not ended after {_SECONDS} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise SignatureError(f"{command[0]}: {said[-1] if said else f'status {done.returncode}'}")
    return done.stdout.decode(errors="replace")


def _find(tool: str) -> None:
    if shutil.which(tool) is None:
        raise SignatureError(f"{tool} is not on PATH")
