"""What the local environment says of the engine's plugins."""

import os
from pathlib import Path

import pytest
import yaml

from local import keys, providers
from local.coderd import LocalCoderd
from local.environment import Environment
from ops import engine
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
