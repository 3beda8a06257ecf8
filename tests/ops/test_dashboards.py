"""`python -m ops dashboards`: files to import by hand, from a stack's settings file alone."""

import dataclasses
import json

import pytest
import yaml
from typer.testing import CliRunner

from components.alerts.component import AlertsArgs
from components.dashboards.catalogue import CATALOGUE
from components.grafana_role import role_sql
from ops import dashboards, stacks
from ops.cli import app
from program import plan


def run(*arguments: object):
    return CliRunner().invoke(app, ["dashboards", *map(str, arguments)])


@pytest.mark.parametrize("stack", stacks.names())
def test_every_dashboard_and_the_roles_sql_are_written_for_the_stack(stack, tmp_path):
    directory = tmp_path / "out" / "deep"
    done = run(stack, "--open-dir", directory)
    assert done.exit_code == 0, done.output
    written = {file.name: file.read_text(encoding="utf-8") for file in directory.iterdir()}
    settings = stacks.settings(stack)
    expected = plan.dashboards(settings).render()
    alerts = plan.alerts(settings)
    assert yaml.safe_load(written.pop("prometheus-rule.yaml")) == alerts.prometheus_rule()
    assert yaml.safe_load(written["grafana-alerts.yaml"]) == alerts.grafana_rules()
    assert written == {
        **{f"{uid}.json": text for uid, text in expected.items()},
        "grafana-alerts.yaml": alerts.grafana_file(),
        "grafana_ro.sql": role_sql(),
    }
    assert all(str(directory / name) in done.output for name in written)
    again = run(stack, "--open-dir", directory)
    assert again.exit_code == 0, again.output


def test_the_files_are_those_of_the_stacks_own_names(tmp_path):
    args = plan.dashboards(stacks.settings("local"))
    mine = dataclasses.replace(
        args, coder_namespace="coder-prod", loki_uid="loki-prod", dashboards=("agent-firewall",)
    )
    (file, *_) = dashboards.write(mine, AlertsArgs(), tmp_path)
    assert file.name == "agent-firewall.json"
    text = file.read_text(encoding="utf-8")
    assert json.loads(text)["uid"] in CATALOGUE
    assert "{namespace=`coder-prod`" in text
    assert '"loki-prod"' in text


def test_a_stack_that_is_not_there_is_named_with_those_that_are(tmp_path):
    done = run("prd", "--open-dir", tmp_path / "out")
    assert done.exit_code == 1
    assert f"no stack 'prd'; there are {', '.join(stacks.names())}" in done.output
    assert not (tmp_path / "out").exists()


def test_a_selector_loki_has_no_label_for_is_one_clear_error(tmp_path, monkeypatch):
    settings = stacks.settings("local")
    grafana = settings.grafana.model_copy(update={"loki_selector": {"logger": "coderd"}})
    wrong = settings.model_copy(update={"grafana": grafana})
    monkeypatch.setattr(stacks, "settings", lambda stack: wrong)
    done = run("local", "--open-dir", tmp_path / "out")
    assert done.exit_code == 1
    assert "no stream label 'logger'" in done.output
    assert "Traceback" not in done.output


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("local", "--open-dir", tmp_path / "file" / "under")
    assert done.exit_code == 1
    assert f"cannot write to {tmp_path / 'file' / 'under'}" in done.output
