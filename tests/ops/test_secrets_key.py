"""A stack whose secrets the engine cannot read: one line that names it and what to set."""

from pathlib import Path

import pytest
from pulumi import automation
from pulumi.automation._cmd import CommandResult

from components.errors import OperatorError
from ops import diagnostics, engine, host, secrets_key, terminal
from ops.ways_out import with_way_out
from tests.ops.test_backend import opened, quiet, root

__all__ = ["root"]  # a fixture

HEAD = "error: getting stack configuration: get stack secrets manager: "
UNSET = (
    "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE "
    "environment variables"
)
SALT = "cipher: message authentication failed"
KMS = "operation error KMS: Decrypt, get identity: get credentials: no EC2 IMDS role found"
VAULT = "open keeper hashivault://k: neither VAULT_SERVER_URL nor VAULT_ADDR environment variables"
GOOGLE = "missing google credentials: unable to find gcp credentials: google: could not find"
PROVIDER = (
    "set what its secrets provider needs (docs/backends.md), or `secretsprovider` in "
    "stacks/Pulumi.dev.yaml right; it says: "
)
# As Pulumi 3.259 says it, of `preview` and of `config`.
SAID = [
    (f"{HEAD}{UNSET}", "its passphrase is not set; set PULUMI_CONFIG_PASSPHRASE, or "),
    (f"error: {UNSET}", "its passphrase is not set; set PULUMI_CONFIG_PASSPHRASE, or "),
    (
        f"{HEAD}unable to read PULUMI_CONFIG_PASSPHRASE_FILE: open /nope: no such file",
        "PULUMI_CONFIG_PASSPHRASE_FILE names /nope: no such file; set it to the file",
    ),
    (f"{HEAD}incorrect passphrase", "PULUMI_CONFIG_PASSPHRASE holds another passphrase; set the"),
    ("error: incorrect passphrase", "PULUMI_CONFIG_PASSPHRASE holds another passphrase; set the"),
    (
        f"error: failed to decrypt configuration key 'firewalled-coder:secrets': {SALT}",
        "they are encrypted with another key; bring `encryptionsalt`, or `encryptedkey`, back in "
        "stacks/Pulumi.dev.yaml as it was committed with them",
    ),
    (f"error: validating stack config: {SALT}", "they are encrypted with another key; bring"),
    (f"{HEAD}secrets (code=Unknown): {KMS}", f"{PROVIDER}secrets (code=Unknown): {KMS}"),
    (f"error: 2 errors occurred:\n    1) {KMS}\n    2) Unknown\n", f"{PROVIDER}{KMS}"),
    (f"{HEAD}{VAULT}", f"{PROVIDER}{VAULT}"),
    (f"error: {VAULT}", f"{PROVIDER}{VAULT}"),
    (f"error: {GOOGLE}", f"{PROVIDER}{GOOGLE}"),
    ('error: open secrets.Keeper: no scheme in URL "x"', f"{PROVIDER}open secrets.Keeper: no sch"),
]


@pytest.mark.parametrize(("said", "line"), SAID)
def test_the_line_names_the_stack_and_what_to_set(
    said: str, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "pp")
    error = automation.errors.create_command_error(CommandResult(stdout="", stderr=said, code=255))
    told = diagnostics.said(error, stack="dev")
    assert told.startswith(f"the secrets of stack dev cannot be read: {line}")
    assert "\n" not in told
    assert with_way_out(said, stack="dev") == told, "as a rollback's preview says it"
    # The engine's own words are not said beside it.
    if "errors occurred" not in said:
        terminal.echo_error(said)
        assert not capsys.readouterr().err


def test_a_passphrase_of_a_file_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    told = secrets_key.told("error: incorrect passphrase", "dev")
    assert told is not None
    assert "the file of PULUMI_CONFIG_PASSPHRASE_FILE holds another passphrase" in told


@pytest.mark.parametrize(
    "said", ["error: preview failed", "error: 2 errors occurred:\n    1) x\n    2) y\n", ""]
)
def test_other_errors_stay(said: str) -> None:
    assert secrets_key.told(said, "dev") is None
    assert not secrets_key.is_told(said)


def test_a_command_that_asks_for_the_settings_says_it_too(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = automation.LocalWorkspace(work_dir=str(root), pulumi_command=engine._command(quiet))
    stack = host.Stack("dev", workspace, host.StackInitMode.CREATE)
    stack.set_config("firewalled-coder:x", automation.ConfigValue("y", secret=True))
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    opened(root)
    with (
        pytest.raises(
            OperatorError, match=r"^the secrets of stack dev cannot be read: its passphr"
        ),
        engine.session("dev", quiet, root=root) as ready,
    ):
        ready.stack.get_all_config()
    with (
        pytest.raises(
            OperatorError, match=r"^the secrets of stack dev cannot be read: its passphr"
        ),
        engine.session("dev", quiet, root=root) as ready,
    ):
        diagnostics.run(ready.stack.refresh)
