"""What the program of another commit knows of the settings, as a rollback asks."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops import rollback_settings
from ops.project import ROOT
from ops.settings_then import SCHEMA, SettingsThen

TOKEN = {"secure": "v1:a"}
CLIENT = {"clientId": TOKEN, "clientSecret": TOKEN}
PRESENT = {
    "coderToken": TOKEN,
    "externalAuth": {"gitlab": CLIENT},
    "mcp": {"github": TOKEN},
    "aiProviders": {"claude": {"apiKey": TOKEN}},
    "verify": {"loki": TOKEN, "grafana": TOKEN},
}


def schema(*, without: str = "", service: str = "") -> dict[str, Any]:
    """Return the schema as a release had it that knew less."""
    found: dict[str, Any] = json.loads((ROOT / SCHEMA).read_text())
    secrets = found["$defs"]["Secrets"]["properties"]
    secrets.pop(without, None)
    if service:
        secrets["verify"]["propertyNames"]["enum"].remove(service)
    return found


def checkout(root: Path, found: dict[str, Any] | None) -> Path:
    (root / "stacks").mkdir(parents=True)
    if found is not None:
        (root / SCHEMA).write_text(json.dumps(found))
    return root


@pytest.mark.parametrize(
    ("then", "left_out"),
    [
        (schema(), ()),
        (schema(without="verify"), ("secrets.verify",)),
        (schema(without="aiProviders"), ("secrets.aiProviders",)),
        (schema(service="grafana"), ("secrets.verify.grafana",)),
        # One that is not to be had, or is none: the program itself says what it refuses.
        (None, ()),
        ({"properties": []}, ()),
    ],
)
def test_a_rollback_leaves_out_the_secrets_that_the_program_of_then_does_not_know(
    tmp_path: Path, then: dict[str, Any] | None, left_out: tuple[str, ...]
) -> None:
    now, old = checkout(tmp_path / "now", schema()), checkout(tmp_path / "old", then)
    key = "firewalled-coder:secrets"
    for root, secrets in ((now, PRESENT), (old, {"coderToken": {"secure": "v1:old"}})):
        text = yaml.safe_dump({"config": {key: secrets}})
        (root / "stacks/Pulumi.dev.yaml").write_text(text)
    assert rollback_settings.keep_secrets(old, now, "dev") == left_out
    kept = yaml.safe_load((old / "stacks/Pulumi.dev.yaml").read_text())["config"][key]
    assert kept["coderToken"] == TOKEN
    assert kept["externalAuth"] == PRESENT["externalAuth"]
    lost = {key for key in PRESENT if f"secrets.{key}" in left_out}
    assert kept.keys() == PRESENT.keys() - lost
    if "secrets.verify.grafana" in left_out:
        assert kept["verify"] == {"loki": TOKEN}


def test_a_place_of_the_settings_is_known_or_not(tmp_path: Path) -> None:
    then = schema(without="verify")
    del then["properties"]["config"]["properties"]["firewalled-coder:aiGateway"]
    found = SettingsThen(checkout(tmp_path, then))
    assert found.knows("coder")
    assert not found.knows("aiGateway")
    assert found.without_unknown("aiGateway", {"a": 1}) == (None, ("aiGateway",))
    assert found.knows_path("secrets.mcp.github")
    assert found.knows_path("secrets.externalAuth.gitlab.clientId")
    assert not found.knows_path("secrets.verify.loki")
    # All of them in one.
    assert found.without_unknown("secrets", TOKEN) == (TOKEN, ())
