"""`python -m ops dashboards STACK --open-dir DIR`: dashboards and alerts as files, to use by hand.

Reads the stack's settings file alone: no engine, no cluster, no secret is needed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Final

import typer
import yaml

from components.alerts.component import RULE_KIND, AlertsArgs
from components.dashboards.catalogue import CATALOGUE
from components.dashboards.component import DashboardsArgs
from components.grafana_role import role_sql
from components.observability import grafana_defaults
from components.observability.grafana_defaults import ROLE
from ops import stacks
from program import plan

ROLE_FILE = "grafana_ro.sql"
RULE_FILE = "prometheus-rule.yaml"
ALERTS_FILE = "grafana-alerts.yaml"

_USES: Final = {
    RULE_FILE: "kubectl apply",
    ALERTS_FILE: "Grafana's folder provisioning/alerting",
    ROLE_FILE: "the owner of Coder's database",
}


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


def remove_stale(
    args: DashboardsArgs, alerts: AlertsArgs, directory: Path, files: Collection[Path]
) -> list[Path]:
    """Remove what `write` once made there and made no more; return it.

    Whoever applies and imports the whole directory would bring it back. A file that has the name
    alone, of another dashboard or rule, stays.

    Raises:
        OSError: A file cannot be removed.
    """
    uids = [f"{args.uid_prefix}{uid}" for uid in CATALOGUE]
    stale = [
        path
        for uid in uids
        if (path := directory / f"{uid}.json") not in files and _read(path).get("uid") == uid
    ]
    rule = directory / RULE_FILE
    if rule not in files and _read(rule).get("kind") == RULE_KIND:
        metadata = _read(rule).get("metadata")
        if isinstance(metadata, dict) and metadata.get("name") == alerts.group:
            stale.append(rule)
    for path in stale:
        path.unlink()
    return stale


def _read(path: Path) -> dict[str, Any]:
    """Return what a file of YAML or JSON says, nothing of any other."""
    try:
        load = json.loads if path.suffix == ".json" else yaml.safe_load
        found = load(path.read_bytes())
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


def _uses(files: Iterable[Path]) -> str:
    """Say what each kind of files is for."""
    names = [path.name for path in files]
    uses = [f"{name} is for {use}" for name, use in _USES.items() if name in names]
    imported = "Import each .json in Grafana under Dashboards, New, Import. "
    boards = any(name.endswith(".json") for name in names)
    return f"{imported if boards else ''}{', '.join(uses)}."


def dashboards(
    stack: str,
    open_dir: Path,
) -> None:
    """Write the stack's dashboards, its alerts, and the SQL of Grafana's database role."""
    try:
        settings = stacks.settings(stack)
        role = grafana_defaults.role(settings.grafana.prefix or "")
        boards, alerts = plan.dashboards(settings), plan.alerts(settings)
        files = write(boards, alerts, open_dir, role)
        removed = remove_stale(boards, alerts, open_dir, files)
    except ValueError as error:
        # SettingsError and ArgsError are ValueErrors; their messages stand on their own.
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"error: cannot write to {open_dir}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    for file in files:
        typer.echo(file)
    for file in removed:
        typer.echo(f"removed: {file}, which the stack no longer has")
    typer.echo(_uses(files))
