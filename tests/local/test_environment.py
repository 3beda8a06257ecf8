"""What the local environment says of the engine's plugins."""

from pathlib import Path

import pytest

from local import providers
from local.environment import Environment
from toolchain.plugins import Located, Origin, Plugin

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
