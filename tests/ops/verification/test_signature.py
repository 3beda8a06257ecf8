"""Signatures by ssh keys, made and held by OpenSSH itself; cosign's command line."""

import json
import subprocess
from pathlib import Path

import pytest

from ops.verification import signature
from ops.verification.signature import SignatureError


def key(folder: Path, name: str) -> Path:
    path = folder / name
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
    subprocess.run(command, check=True)
    return path


def signers(folder: Path, **keys: Path) -> str:
    """A file of allowed signers."""
    path = folder / f"signers-{'-'.join(keys)}"
    lines = [f"{name}@example.com {each.with_suffix('.pub').read_text()}"
             for name, each in keys.items()]  # fmt: skip
    path.write_text("".join(lines))
    return str(path)


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    path = tmp_path / "SHA256SUMS"
    path.write_text("abc  evidence.json\n")
    return path


def test_who_signed_it(signed: Path, tmp_path: Path) -> None:
    dana, other = key(tmp_path, "dana"), key(tmp_path, "other")
    assert signature.verify(signed, None) == "not signed"
    assert signature.sign(signed, str(dana)) == tmp_path / "SHA256SUMS.sig"
    assert signature.verify(signed, None) == "signed, not verified: SHA256SUMS.sig"
    assert signature.verify(signed, signers(tmp_path, dana=dana)) == "signed by dana@example.com"
    both = signers(tmp_path, other=other, dana=dana)
    assert signature.verify(signed, both) == "signed by dana@example.com"


def test_the_wrong_key_is_found(signed: Path, tmp_path: Path) -> None:
    signature.sign(signed, str(key(tmp_path, "dana")))
    with pytest.raises(SignatureError):
        signature.verify(signed, signers(tmp_path, other=key(tmp_path, "other")))


def test_a_change_after_signing_is_found(signed: Path, tmp_path: Path) -> None:
    dana = key(tmp_path, "dana")
    signature.sign(signed, str(dana))
    signed.write_text("def  evidence.json\n")
    with pytest.raises(SignatureError, match="ssh-keygen"):
        signature.verify(signed, signers(tmp_path, dana=dana))


def test_a_signature_for_something_else_is_worth_nothing(signed: Path, tmp_path: Path) -> None:
    dana = key(tmp_path, "dana")
    command = ["ssh-keygen", "-Y", "sign", "-n", "git", "-f", str(dana), str(signed)]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(SignatureError):
        signature.verify(signed, signers(tmp_path, dana=dana))


def test_no_signature_although_a_signer_is_named(signed: Path, tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match=r"there is no SHA256SUMS\.sig"):
        signature.verify(signed, signers(tmp_path, dana=key(tmp_path, "dana")))
    with pytest.raises(SignatureError, match=r"there is no SHA256SUMS\.sigstore\.json"):
        signature.verify(signed, "cosign:cosign.pub")


def test_signing_again_takes_the_new_key(signed: Path, tmp_path: Path) -> None:
    first, second = key(tmp_path, "first"), key(tmp_path, "second")
    signature.sign(signed, str(first))
    signature.sign(signed, str(second))
    assert signature.verify(signed, signers(tmp_path, s=second)) == "signed by s@example.com"


def test_a_key_that_is_not_there(signed: Path, tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match="ssh-keygen: "):
        signature.sign(signed, str(tmp_path / "none"))
    assert signature.verify(signed, None) == "not signed"


def test_a_key_is_looked_for_before_there_is_anything_to_sign(tmp_path: Path) -> None:
    signature.look(str(key(tmp_path, "dana")))
    with pytest.raises(SignatureError, match=r"there is no ssh key .*/none"):
        signature.look(str(tmp_path / "none"))


def test_a_file_of_signers_that_is_not_there_is_named(tmp_path: Path) -> None:
    signature.look_at_signer(signers(tmp_path, dana=key(tmp_path, "dana")))
    with pytest.raises(SignatureError, match=r"there is no file of allowed signers .*/none"):
        signature.look_at_signer(str(tmp_path / "none"))


def test_a_tool_that_is_not_there(
    signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, tool in (("cosign:k.key", "cosign"), ("k", "ssh-keygen")):
        with pytest.raises(SignatureError, match=f"{tool} is not on PATH"):
            signature.sign(signed, name)
        with pytest.raises(SignatureError, match=f"{tool} is not on PATH"):
            signature.look(name)


COSIGN = """#!/bin/sh
# Refuses as cosign 3.1.3 does on a network that reaches no service of sigstore's.
echo "$@" >> "$ASKED"
case "$*" in
    *--new-bundle-format*) echo "Flag --new-bundle-format has been deprecated" >&2 ;;
    sign-blob*--signing-config*) cat "$6" >> "$ASKED"; echo signature > "$8"; exit 0 ;;
    verify-blob*--insecure-ignore-tlog*)
        [ "$KEY_IS_WRONG" ] || exit 0
        echo "error during command execution: failed to verify signature" >&2
        exit 1 ;;
esac
echo "error during command execution: error getting signing config from TUF" >&2
exit 1
"""


def test_cosign_is_asked_to_tell_nobody(
    signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    tool = tmp_path / "cosign"
    tool.write_text(COSIGN)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("ASKED", str(asked))
    for look in (signature.look, signature.look_at_signer):
        look("cosign:awskms:///alias/evidence")
        with pytest.raises(SignatureError, match=r"there is no key k\.key"):
            look("cosign:k.key")
    made = signature.sign(signed, "cosign:k.key")
    assert signature.verify(signed, "cosign:k.pub") == "signed by the key k.pub"
    signing, services, verifying = asked.read_text().splitlines()
    config = signing.split()[5]
    assert signing == (
        f"sign-blob --yes --key k.key --signing-config {config} --bundle {made} {signed}"
    )
    assert not Path(config).exists()
    assert json.loads(services)["rekorTlogConfig"] == json.loads(services)["tsaConfig"] == {}
    assert verifying == (f"verify-blob --key k.pub --insecure-ignore-tlog --bundle {made} {signed}")
    monkeypatch.setenv("KEY_IS_WRONG", "1")
    with pytest.raises(SignatureError, match=r"cosign: .*failed to verify signature"):
        signature.verify(signed, "cosign:k.pub")
