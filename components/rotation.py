"""Notices that a secret changed, without anything that tells what it is.

Kubernetes does not restart a pod when a Secret it reads changes, and Coder does not read a
write-only input again unless its version does. Both need a value that changes with the secret. A
digest in plain sight would let anybody who sees it test guesses, so the value is random: it is
made anew when the secret's fingerprint changes, and the fingerprint itself is a Pulumi secret. No
slow hash is needed for it: whoever can decrypt it can decrypt the settings, where the secret is.
"""

import hmac
import json
from collections.abc import Mapping
from typing import Final

import pulumi
import pulumi_random as random

_LARGEST_VERSION: Final = 2**31 - 1


def rotation_token(
    name: str, secrets: Mapping[str, pulumi.Input[str]], *, parent: pulumi.Resource
) -> pulumi.Output[str]:
    """A random text that is made anew whenever any of the secrets changes.

    Args:
        name: name of the random resource; part of the fingerprint, so that the same secret in two
            places has two fingerprints.
        secrets: the secrets by key.
        parent: the component that the random resource belongs to.
    """
    token = random.RandomId(
        name, byte_length=8, keepers=_keepers(name, secrets), opts=_options(parent)
    )
    result: pulumi.Output[str] = token.hex
    return result


def rotation_version(
    name: str, secrets: Mapping[str, pulumi.Input[str]], *, parent: pulumi.Resource
) -> pulumi.Output[int]:
    """A random version number, 1 to 2147483647, made anew whenever any of the secrets changes.

    Coder asks of a version only that it differs from the one before. Arguments as for
    rotation_token.
    """
    version = random.RandomInteger(
        name, min=1, max=_LARGEST_VERSION, keepers=_keepers(name, secrets), opts=_options(parent)
    )
    result: pulumi.Output[int] = version.result
    return result


def _keepers(name: str, secrets: Mapping[str, pulumi.Input[str]]) -> dict[str, pulumi.Output[str]]:
    return {
        "fingerprint": pulumi.Output.all(
            **{key: pulumi.Output.secret(value) for key, value in secrets.items()}
        ).apply(lambda values: fingerprint(name, values))
    }


def fingerprint(purpose: str, secrets: Mapping[str, str]) -> str:
    """HMAC-SHA-256 (RFC 2104) over the secrets, keyed with their purpose, in hexadecimal."""
    text = json.dumps(dict(secrets), sort_keys=True).encode()
    return hmac.digest(f"firewalled-coder/{purpose}".encode(), text, "sha256").hex()


def _options(parent: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(parent=parent, additional_secret_outputs=["keepers"])
