"""`python -m ops dashboards STACK --open-dir DIR`: dashboards and alerts as files, to use by hand.

Reads the stack's settings file alone: no engine, no cluster, no secret is needed.
"""

from __future__ import annotations

from pathlib import Path

import typer
import yaml

from components.alerts.component import AlertsArgs
from components.dashboards.component import DashboardsArgs
from components.grafana_role import role_sql
from components.observability import grafana_defaults
from components.observability.grafana_defaults import ROLE
from ops import stacks
from program import plan

ROLE_FILE = "grafana_ro.sql"
RULE_FILE = "prometheus-rule.yaml"
ALERTS_FILE = "grafana-alerts.yaml"


def write(
    args: DashboardsArgs, alerts: AlertsArgs, directory: Path, role: str = ROLE
) -> list[Path]:
    """Write each dashboard, the alerts and the SQL of Grafana's role; return the files.

    Raises:
        OSError: The directory cannot be made or written to.
    """
    files = {f"{args.uid_prefix}{uid}.json": text for uid, text in args.render().items()}
    rule = alerts.prometheus_rule()
    if rule:
        files[RULE_FILE] = yaml.safe_dump(rule, sort_keys=False, width=1000)
    files[ALERTS_FILE] = alerts.grafana_file()
    files[ROLE_FILE] = role_sql(role)
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    return [directory / name for name in files]


def dashboards(
    stack: str,
    open_dir: Path,
) -> None:
    """Write the stack's dashboards, its alerts, and the SQL of Grafana's database role."""
    try:
        settings = stacks.settings(stack)
        role = grafana_defaults.role(settings.grafana.prefix or "")
        files = write(plan.dashboards(settings), plan.alerts(settings), open_dir, role)
    except ValueError as error:
        # SettingsError and ArgsError are ValueErrors; their messages stand on their own.
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"error: cannot write to {open_dir}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    for file in files:
        typer.echo(file)
    typer.echo(
        "Import each .json in Grafana under Dashboards, New, Import. "
        f"{RULE_FILE} is for kubectl apply, {ALERTS_FILE} for Grafana's folder "
        f"provisioning/alerting, {ROLE_FILE} for the owner of Coder's database."
    )
