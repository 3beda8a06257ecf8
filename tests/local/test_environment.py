"""What the local environment says of the engine's plugins."""

import json
import os
from pathlib import Path

import pytest
import yaml

from components.settings.load import structured
from components.settings.problems import SettingsError
from local import keys, providers
from local.coderd import LocalCoderd
from local.environment import Environment, access_url, external_logins
from ops import engine, stack_file
from ops.project import ROOT
from toolchain.plugins import Located, Origin, Plugin

SERVED = {"secretsprovider": keys.PROVIDER, "encryptedkey": "a2V5"}
RANDOM = Plugin("random", "4.18.2")


def test_where_the_plugins_are_from_is_said_once_and_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = Origin.STOOD_IN
    monkeypatch.setattr(providers, "locate", lambda *_: (Located(RANDOM, origin),))
    said: list[str] = []
    for now in (Origin.STOOD_IN, Origin.STOOD_IN, Origin.DOWNLOADED, Origin.DOWNLOADED):
        origin = now
        Environment(state=tmp_path)._locate(said.append)
    assert said == [
        "provider plugins: random 4.18.2 stood in for",
        "provider plugins: random 4.18.2 downloaded",
    ]


@pytest.mark.parametrize(
    ("kept", "then"),
    [
        ({"encryptionsalt": "v1:salt"}, {"encryptionsalt": "v1:salt"}),
        (SERVED, SERVED),
        ({}, {"secretsprovider": keys.PROVIDER}),
    ],
    ids=["passphrase", "key service", "none yet"],
)
def test_a_stack_keeps_the_key_with_which_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: dict[str, str], then: dict[str, str]
) -> None:
    monkeypatch.setattr(LocalCoderd, "url", "http://127.0.0.1:1")
    monkeypatch.setattr(LocalCoderd, "token", "token")
    environment = Environment(state=tmp_path)
    file = environment.workspace / "stacks" / "Pulumi.local.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump({**kept, "config": {}}))
    environment.prepare("local")
    found = yaml.safe_load(file.read_text())
    assert {key: each for key, each in found.items() if key != "config"} == then
    passphrase = Path(environment.variables()["PULUMI_CONFIG_PASSPHRASE_FILE"])
    assert passphrase.stat().st_mode & 0o077 == 0


def test_the_passphrase_of_another_stack_is_not_taken_for_the_local_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers, "locate", lambda *_: ())
    environment = Environment(state=tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    command = engine._command(lambda _: None)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    command.run(["stack", "init", "local"], str(tmp_path), environment.variables())
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "another stack's")
    with environment.serving() as variables:
        assert "PULUMI_CONFIG_PASSPHRASE" not in {**os.environ, **variables}
        setting = ["config", "set", "--secret", "key", "value", "--stack", "local"]
        command.run(setting, str(tmp_path), variables)
    assert os.environ["PULUMI_CONFIG_PASSPHRASE"] == "another stack's"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a stack local, whose stand-ins do not run."""
    monkeypatch.setattr(LocalCoderd, "url", "http://127.0.0.1:1")
    monkeypatch.setattr(LocalCoderd, "token", "token")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: firewalled-coder\nruntime: python\n")
    return tmp_path


def prepared(root: Path, content: bytes) -> bytes:
    """Return the copy that the engine reads of a stack's file."""
    (root / "stacks/Pulumi.local.yaml").write_bytes(content)
    environment = Environment(root)
    environment.prepare("local")
    return (environment.workspace / "stacks/Pulumi.local.yaml").read_bytes()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_copy_means_what_the_file_means(root: Path, encoding: str) -> None:
    text = """config:
  firewalled-coder:firewall: {state: on, until: 2026-12-31, reason: "1e3", set: 1_0, é: "\\u2028😀"}
  firewalled-coder:mainBranch: "010"
  firewalled-coder:protected: yes
  coder: {accessUrl: https://coder.example.com}
  firewalled-coder:templates: &x [{n: 1.0, m: 12:30, k: ~, j: '~', big: 12345678901234567890}]
  firewalled-coder:again: *x
"""
    before = stack_file.config(text.encode())
    after = stack_file.config(prepared(root, text.encode(encoding)))
    stood_in = {f"firewalled-coder:{key}" for key in ("coder", "kubernetes", "verify")}
    assert {key: each for key, each in after.items() if key not in stood_in} == {
        key: each for key, each in before.items() if key not in stood_in
    }
    assert structured(after["firewalled-coder:firewall"])["state"] == "on"
    assert structured(after["firewalled-coder:coder"]) == {
        "accessUrl": "https://coder.example.com",
        "apiUrl": "http://127.0.0.1:1",
    }
    assert access_url(root) == "https://coder.example.com"


@pytest.mark.parametrize(
    ("content", "right"),
    [
        ("config: {a: \xe9}".encode("latin-1"), "not YAML, unreadable"),
        (b"config: {a: [", "line 2: not YAML"),
        (b"config: []", "no settings under `config:`"),
    ],
)
def test_a_file_that_the_engine_refuses_is_one_error(
    root: Path, content: bytes, right: str
) -> None:
    with pytest.raises(SettingsError, match=right):
        prepared(root, content)
    assert access_url(root) == ""
    assert external_logins(root)


@pytest.mark.parametrize("wrong", ["off", "[a]", "{providers: [a, {id: [1]}]}", "{providers: b}"])
def test_settings_of_another_kind_are_left_for_the_program_to_refuse(
    root: Path, wrong: str
) -> None:
    keys_ = ("coder", "kubernetes", "verify", "externalAuth", "aiGateway", "mcpServers", "secrets")
    text = "config:\n" + "".join(f"  firewalled-coder:{key}: {wrong}\n" for key in keys_)
    after = stack_file.config(prepared(root, text.encode()))
    before = stack_file.config(text.encode())
    for key in ("externalAuth", "aiGateway", "mcpServers"):
        assert after[f"firewalled-coder:{key}"] == before[f"firewalled-coder:{key}"]


def test_a_commit_that_does_not_know_what_is_filled_in_gets_none_of_it(root: Path) -> None:
    """A rollback runs it with the secrets that are there, of which it would refuse those."""
    schema = json.loads((ROOT / "stacks/settings.schema.json").read_text())
    del schema["properties"]["config"]["properties"]["firewalled-coder:verify"]
    del schema["$defs"]["Secrets"]["properties"]["verify"]
    (root / "stacks/settings.schema.json").write_text(json.dumps(schema))
    environment = Environment(root)
    content = b"config: {firewalled-coder:coder: {accessUrl: http://a.example}}"
    (root / "stacks/Pulumi.local.yaml").write_bytes(content)
    copy = environment.workspace / "stacks/Pulumi.local.yaml"
    copy.parent.mkdir(parents=True)
    kept = {"coderToken": {"secure": "v1:a"}, "verify": {"loki": {"secure": "v1:b"}}}
    copy.write_text(yaml.safe_dump({"config": {"firewalled-coder:secrets": kept}}))
    missing = environment.prepare("local")
    found = yaml.safe_load(copy.read_text())["config"]
    assert "firewalled-coder:verify" not in found
    assert found["firewalled-coder:secrets"] == {"coderToken": {"secure": "v1:a"}}
    assert missing == {}
