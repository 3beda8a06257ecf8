"""`python -m ops dashboards STACK --open-dir DIR`: the dashboards as files, to import by hand.

Reads the stack's settings file alone: no engine, no cluster, no secret is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import yaml
from pydantic import BaseModel, ValidationError

from components.dashboards import DashboardsArgs
from components.grafana_role import role_sql
from components.settings import PROJECT, Grafana, Problem, SettingsError, Workspaces

ROOT = Path(__file__).parents[1]
DEFAULT_CODER_NAMESPACE = "coder"
ROLE_FILE = "grafana_ro.sql"

M = TypeVar("M", bound=BaseModel)


def stack_args(stack: str, root: Path | None = None) -> DashboardsArgs:
    """Return a stack's arguments of its dashboards.

    Raises:
        SettingsError: There is no such stack, or what it says about dashboards is wrong.
    """
    values = _values(stack, root or ROOT)
    grafana = _section(stack, "grafana", Grafana, values)
    workspaces = _section(stack, "workspaces", Workspaces, values)
    coder = values.get("coder")
    namespace = coder.get("namespace") if isinstance(coder, Mapping) else None
    return DashboardsArgs(
        namespace=grafana.namespace,
        dashboards=tuple(grafana.dashboards),
        folder=grafana.folder,
        coder_namespace=namespace or DEFAULT_CODER_NAMESPACE,
        workspaces_namespace=workspaces.namespace,
        prometheus_uid=grafana.prometheus_uid,
        loki_uid=grafana.loki_uid,
        postgres_uid=grafana.postgres_uid,
        loki_selector=grafana.loki_selector,
    )


def write(args: DashboardsArgs, directory: Path) -> list[Path]:
    """Write each dashboard and the SQL of Grafana's database role; return the files.

    Raises:
        OSError: The directory cannot be made or written to.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files = {f"{uid}.json": text for uid, text in args.render().items()}
    files[ROLE_FILE] = role_sql()
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    return [directory / name for name in files]


def dashboards(
    stack: Annotated[str, typer.Argument(help="Name of the stack.")],
    open_dir: Annotated[
        Path, typer.Option("--open-dir", help="Directory to write to; made if missing.")
    ],
) -> None:
    """Write the stack's dashboards as JSON files, and the SQL of Grafana's database role."""
    try:
        files = write(stack_args(stack), open_dir)
    except (SettingsError, ValueError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"error: cannot write to {open_dir}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    for file in files:
        typer.echo(file)
    typer.echo(
        "Import each .json in Grafana under Dashboards, New, Import. "
        f"{ROLE_FILE} is for the owner of Coder's database."
    )


def _values(stack: str, root: Path) -> dict[str, Any]:
    file = root / "stacks" / f"Pulumi.{stack}.yaml"
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        there = sorted(
            f.name.removeprefix("Pulumi.").removesuffix(".yaml")
            for f in file.parent.glob("Pulumi.*.yaml")
        )
        right = f"no such stack; there are {', '.join(there) or 'none'}"
        raise SettingsError(stack, [Problem(file.name, "", right)]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise SettingsError(stack, [Problem(file.name, "", f"no YAML{where}")]) from None
    config = document.get("config") if isinstance(document, Mapping) else None
    prefix = f"{PROJECT}:"
    return {
        key.removeprefix(prefix): value
        for key, value in (config if isinstance(config, Mapping) else {}).items()
        if isinstance(key, str) and key.startswith(prefix)
    }


def _section(stack: str, key: str, model: type[M], values: Mapping[str, Any]) -> M:
    try:
        return model.model_validate(values.get(key, {}))
    except ValidationError as error:
        problems = [
            Problem(".".join([key, *map(str, found["loc"])]), repr(found["input"]), found["msg"])
            for found in error.errors(include_url=False)
        ]
        raise SettingsError(stack, problems) from None
