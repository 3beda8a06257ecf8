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


def test_what_an_earlier_run_wrote_and_the_stack_no_longer_has_is_removed(tmp_path, monkeypatch):
    settings = stacks.settings("local")
    done = run("local", "--open-dir", tmp_path)
    assert "prometheus-rule.yaml is for kubectl apply" in done.output
    fewer = plan.dashboards(settings).dashboards[:2]
    changed = settings.model_copy(
        update={
            "alerts": settings.alerts.model_copy(update={"evaluator": "grafana"}),
            "grafana": settings.grafana.model_copy(update={"dashboards": fewer}),
        }
    )
    monkeypatch.setattr(stacks, "settings", lambda stack: changed)
    (tmp_path / "mine.json").write_text("{}")
    done = run("local", "--open-dir", tmp_path)
    assert done.exit_code == 0, done.output
    assert {file.name for file in tmp_path.iterdir()} == {
        *(f"{uid}.json" for uid in fewer),
        "mine.json",
        "grafana-alerts.yaml",
        "grafana_ro.sql",
    }
    assert f"removed: {tmp_path / 'prometheus-rule.yaml'}, which the stack no longer has" in (
        done.output
    )
    assert "kubectl apply" not in done.output
    assert "grafana-alerts.yaml is for Grafana's folder" in done.output


@pytest.mark.parametrize("text", ["kind: PrometheusRule\nmetadata: {name: other}\n", "[", "- a\n"])
def test_a_rule_of_someone_else_stays(text, tmp_path):
    settings = stacks.settings("local")
    alerts = plan.alerts(settings.model_copy(
        update={"alerts": settings.alerts.model_copy(update={"evaluator": "grafana"})}
    ))  # fmt: skip
    (tmp_path / "prometheus-rule.yaml").write_text(text)
    (tmp_path / f"{next(iter(CATALOGUE))}.json").write_text(text)
    args = dataclasses.replace(plan.dashboards(settings), dashboards=("agent-firewall",))
    files = dashboards.write(args, alerts, tmp_path)
    stale = dashboards.remove_stale(args, alerts, tmp_path, files)
    assert [path.name for path in stale] == []
    assert (tmp_path / "prometheus-rule.yaml").read_text() == text
