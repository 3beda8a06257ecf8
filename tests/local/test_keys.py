"""The key service, asked as Vault is. That the engine takes its answers shows wherever it runs."""

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import keys

DATA_KEY = base64.b64encode(b"a data key").decode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text("correct horse battery staple")
    return file


def ask(
    environment: dict[str, str], what: str, token: str | None = None, **body: str
) -> tuple[int, Any]:
    answer = httpx.put(
        f"{environment['VAULT_SERVER_URL']}/v1/transit/{what}",
        json=body,
        headers={"X-Vault-Token": token or environment["VAULT_SERVER_TOKEN"]},
    )
    return answer.status_code, answer.json()


def test_another_run_decrypts_what_was_encrypted_with_the_same_file_and_no_other(
    file: Path,
) -> None:
    with keys.serve(file) as first:
        status, answer = ask(first, "encrypt/firewalled-coder", plaintext=DATA_KEY)
        _, again = ask(first, "encrypt/firewalled-coder", plaintext=DATA_KEY)
    sealed = answer["data"]["ciphertext"]
    assert (status, sealed.startswith("vault:v1:")) == (200, True)
    assert sealed != again["data"]["ciphertext"]
    assert "a data key" not in str(base64.b64decode(sealed.removeprefix("vault:v1:")))
    with keys.serve(file) as second:
        decrypted = ask(second, "decrypt/firewalled-coder", ciphertext=sealed)
    assert decrypted == (200, {"data": {"plaintext": DATA_KEY}})
    file.write_text("another")
    with keys.serve(file) as other:
        for ciphertext in (sealed, "vault:v1:", "vault:v1:???"):
            refused, said = ask(other, "decrypt/firewalled-coder", ciphertext=ciphertext)
            assert (refused, list(said)) == (400, ["errors"])


def test_who_has_no_token_or_names_another_key_gets_nothing(file: Path) -> None:
    denied = (403, {"errors": ["permission denied"]})
    with keys.serve(file) as environment:
        for what in ("encrypt", "decrypt"):
            body = {"plaintext": DATA_KEY, "ciphertext": "vault:v1:"}
            assert ask(environment, f"{what}/firewalled-coder", "other", **body) == denied
            assert ask(environment, f"{what}/another", **body) == denied
