"""`python -m ops dashboards`: files to import by hand, from a stack's settings file alone."""

import json

import pytest
import typer
from typer.testing import CliRunner

from components.dashboards import CATALOGUE
from components.grafana_role import role_sql
from ops import dashboards

STACK = """\
config:
  firewalled-coder:coder: {accessUrl: https://coder.example, namespace: coder-prod}
  firewalled-coder:secrets: {coderToken: {secure: v1:abc}}
  firewalled-coder:grafana:
    lokiUid: loki-prod
    lokiSelector: {container: coder}
"""


@pytest.fixture
def stacks(tmp_path, monkeypatch):
    (tmp_path / "stacks").mkdir()
    monkeypatch.setattr(dashboards, "ROOT", tmp_path)

    def write(text: str, stack: str = "prod") -> None:
        (tmp_path / "stacks" / f"Pulumi.{stack}.yaml").write_text(text, encoding="utf-8")

    return write


def run(*arguments: object):
    app = typer.Typer()
    app.command()(dashboards.dashboards)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_every_dashboard_and_the_roles_sql_are_written_for_the_stack(stacks, tmp_path):
    stacks(STACK)
    done = run("prod", "--open-dir", tmp_path / "out" / "deep")
    assert done.exit_code == 0, done.output
    files = {file.name: file for file in (tmp_path / "out" / "deep").iterdir()}
    assert set(files) == {*(f"{uid}.json" for uid in CATALOGUE), "grafana_ro.sql"}
    assert files["grafana_ro.sql"].read_text() == role_sql()
    firewall = files["agent-firewall.json"].read_text(encoding="utf-8")
    assert json.loads(firewall)["uid"] == "agent-firewall"
    assert "{namespace=`coder-prod`, container=`coder`}" in firewall
    assert '"loki-prod"' in firewall
    again = run("prod", "--open-dir", tmp_path / "out" / "deep")
    assert again.exit_code == 0
    assert files["agent-firewall.json"].read_text(encoding="utf-8") == firewall


def test_a_stack_may_leave_out_all_of_it(stacks, tmp_path):
    stacks("config: {}\n")
    assert run("prod", "--open-dir", tmp_path).exit_code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config: {firewalled-coder:grafana: {folder: 5}}", "grafana.folder = 5"),
        ("config: {firewalled-coder:grafana: {dashboards: [nope]}}", "there are agent-firewall"),
        ("config: {firewalled-coder:grafana: {lokiSelector: {a: b}}}", "no stream label 'a'"),
        ("config: [\n", "Pulumi.prod.yaml: no YAML at line 2"),
    ],
)
def test_what_is_wrong_is_one_clear_error(stacks, tmp_path, text, message):
    stacks(text)
    done = run("prod", "--open-dir", tmp_path / "out")
    assert done.exit_code == 1
    assert message in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()


def test_a_stack_that_is_not_there_is_named_with_those_that_are(stacks, tmp_path):
    stacks(STACK)
    done = run("prd", "--open-dir", tmp_path / "out")
    assert done.exit_code == 1
    assert "no such stack; there are prod" in done.output


def test_a_directory_that_cannot_be_made_is_named(stacks, tmp_path):
    stacks(STACK)
    (tmp_path / "file").write_text("")
    done = run("prod", "--open-dir", tmp_path / "file" / "under")
    assert done.exit_code == 1
    assert f"cannot write to {tmp_path / 'file' / 'under'}" in done.output
