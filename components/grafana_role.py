"""The read-only role with which Grafana reads Coder's database.

The role may log in and read what the dashboards' model names, and nothing else. Of the tables
that hold credentials beside what a dashboard shows, `users` and `workspace_agents`, it may read
only the columns named: whoever may view a dashboard can send SQL of their own through Grafana.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi
from pulumi_kubernetes.batch.v1 import Job, JobSpecArgs
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    PodSecurityContextArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    SeccompProfileArgs,
    SecretKeySelectorArgs,
    SecurityContextArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.dashboards.tables import GRANTED_TABLES, Table
from components.mark import marked
from components.observability import grafana_defaults
from components.observability.grafana_defaults import PASSWORD_SECRET, PASSWORD_VARIABLE
from components.role_revokes import revokes
from components.rotation import rotation_token

CONNECTION_LIMIT = 10
STATEMENT_TIMEOUT_SECONDS = 30
JOB = "grafana-ro-role"
ROTATION_ANNOTATION = "firewalled-coder/database-password-rotation"
_FILE = "grafana_ro.sql"
ADMIN_URL: Final = "DATABASE_URL"
"""The variable in which the Job gets the connection of the tables' owner."""
CONNECT: Final = Path(__file__).with_name("grafana_role_job.sh").read_text(encoding="utf-8")
"""What the Job's shell runs: it gives psql the owner's connection without an argument."""


def role_sql(role: str = grafana_defaults.ROLE, schema: str = "public") -> str:
    """Return the psql script that makes the role what it should be, whatever it was before.

    It runs as the owner of Coder's tables with the right to create roles, needs psql 14 or newer,
    and takes the password from the environment variable AIGOV_DB_PASSWORD, by a shell: psql's own
    command for that came with 15. All of it is one transaction, so that a Grafana that reads
    meanwhile never lacks a grant. What the tables' owner may not take back, and what the role has
    through PUBLIC or owns, is left: `audit.role` of a verification tells it.

    Raises:
        ValueError: A role or schema that is no plain identifier.
    """
    for identifier in (role, schema):
        if not re.fullmatch("[a-z_][a-z0-9_]*", identifier):
            raise ValueError(f"{identifier!r} is no plain lower-case SQL identifier")
    grants = "\n".join(_grant(table, role, schema) for table in GRANTED_TABLES)
    return f"""\
-- Makes the role {role}: log in, read what the dashboards show, nothing else.
-- Run again at will: psql -f {_FILE}, with {PASSWORD_VARIABLE} in the environment, and the
-- owner's connection there or in a service file: who sees processes reads arguments.
\\set ON_ERROR_STOP on
\\set given `test -n "${PASSWORD_VARIABLE}" && echo yes || echo no`
\\set password `printf '%s' "${PASSWORD_VARIABLE}"`
\\if :given
\\else
  \\warn 'error: the environment variable {PASSWORD_VARIABLE} is not set'
  DO $$ BEGIN RAISE EXCEPTION 'no password for {role}'; END $$;
\\endif
BEGIN;
SELECT 'CREATE ROLE {role}' WHERE NOT EXISTS
  (SELECT FROM pg_roles WHERE rolname = '{role}') \\gexec
{revokes(role)}\
ALTER ROLE {role} LOGIN CONNECTION LIMIT {CONNECTION_LIMIT} PASSWORD :'password';
ALTER ROLE {role} SET default_transaction_read_only = on;
ALTER ROLE {role} SET statement_timeout = '{STATEMENT_TIMEOUT_SECONDS}s';
SELECT format('GRANT CONNECT ON DATABASE %I TO {role}', current_database()) \\gexec
GRANT USAGE ON SCHEMA {schema} TO {role};
{grants}
COMMIT;
"""  # noqa: S608 (identifiers checked above)


def _grant(table: type[Table], role: str, schema: str) -> str:
    columns = ", ".join(name for name, _ in table.columns())
    what = f"SELECT ({columns})" if table.COLUMN_GRANT else "SELECT"
    grant = f"GRANT {what} ON {schema}.{table.NAME} TO {role}"
    if not table.OPTIONAL:
        return f"{grant};"
    # Granted once Coder has it: the script is run again at will.
    return f"SELECT '{grant}' WHERE to_regclass('{schema}.{table.NAME}') IS NOT NULL \\gexec"


@dataclass(frozen=True)
class RoleJob:
    """How a Job reaches the database.

    Attributes:
        admin_url_secret: Name of a Secret in Grafana's namespace that holds the connection URL of
            the tables' owner.
        admin_url_key: Its key.
        image: An image with psql 14 or newer, and sh.
        skip_await: Do not wait for the Job to end; for a cluster that runs no pods.
    """

    admin_url_secret: str
    admin_url_key: str = grafana_defaults.ADMIN_URL_KEY
    image: str = grafana_defaults.ROLE_IMAGE
    skip_await: bool = False


@dataclass(frozen=True)
class GrafanaRoleArgs:
    """Where the script goes, and who runs it.

    Attributes:
        namespace: Grafana's namespace, in which the password's Secret is.
        job: Runs the script; None: the owner of the database does, by hand.
        script_name: Name of the script's ConfigMap.
        job_name: Name of the Job.
        role: Name of the role in the database.
        firewall_records: Whether dashboards read the firewall's own records, whose table the
            script grants once it is there: the Job runs again when it comes.
        gateway_tables: Whether Coder has the tables that came with 2.34, prices and sessions: the
            Job runs again when they come.
    """

    namespace: str = grafana_defaults.NAMESPACE
    job: RoleJob | None = None
    script_name: str = grafana_defaults.ROLE_SCRIPT
    job_name: str = JOB
    role: str = grafana_defaults.ROLE
    firewall_records: bool = False
    gateway_tables: bool = grafana_defaults.GATEWAY_TABLES


class GrafanaRole(pulumi.ComponentResource):
    """The role's SQL in a ConfigMap, and a Job that runs it whenever it or the password changes.

    Args:
        name: Of the component.
        args: Where the script goes, and who runs it.
        opts: Pulumi's options.
        password_secret: Name of the Secret with the role's password, which the Job waits for.
        password: That password; the Job runs again when it changes.

    Attributes:
        script: Name of the ConfigMap, key `grafana_ro.sql`.
        job: Name of the Job, None without one.
    """

    script: pulumi.Output[str]
    job: pulumi.Output[str | None]

    def __init__(
        self,
        name: str,
        args: GrafanaRoleArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        password_secret: pulumi.Input[str] = PASSWORD_SECRET,
        password: pulumi.Input[str] | None = None,
    ) -> None:
        super().__init__("firewalledcoder:index:GrafanaRole", name, None, opts)
        script = ConfigMap(
            f"{name}-sql",
            metadata=ObjectMetaArgs(
                name=args.script_name, namespace=args.namespace, annotations=marked()
            ),
            data={_FILE: role_sql(args.role)},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.script = script.metadata.apply(lambda metadata: str(metadata.name))
        self.job = pulumi.Output.from_input(None)
        if args.job:
            # A Job's pod template never changes in place: another annotation is another Job.
            changed: dict[str, pulumi.Input[str]] = {
                "firewalled-coder/sql-sha256": hashlib.sha256(
                    role_sql(args.role).encode()
                ).hexdigest()
            }
            if args.firewall_records:
                changed["firewalled-coder/firewall-records"] = "true"
            if args.gateway_tables:
                changed["firewalled-coder/gateway-tables"] = "true"
            if password is not None:
                changed[ROTATION_ANNOTATION] = rotation_token(
                    f"{name}-password-rotation", {"password": password}, parent=self
                )
            job = Job(
                name,
                metadata=ObjectMetaArgs(
                    name=args.job_name,
                    namespace=args.namespace,
                    annotations=marked(
                        {"pulumi.com/skipAwait": "true"} if args.job.skip_await else {}
                    ),
                ),
                spec=_job_spec(args.job, args.script_name, password_secret, changed),
                opts=pulumi.ResourceOptions(
                    parent=self, depends_on=[script], delete_before_replace=True
                ),
            )
            self.job = job.metadata.apply(lambda metadata: str(metadata.name))
        self.register_outputs({"script": self.script, "job": self.job})


def _job_spec(
    job: RoleJob,
    script: str,
    password_secret: pulumi.Input[str],
    annotations: Mapping[str, pulumi.Input[str]],
) -> JobSpecArgs:
    container = ContainerArgs(
        name="psql",
        image=job.image,
        # The URL stands in no argument: whoever sees the node's processes reads those.
        command=["sh", "-c", CONNECT],
        env=[
            _from_secret(ADMIN_URL, job.admin_url_secret, job.admin_url_key),
            _from_secret(PASSWORD_VARIABLE, password_secret, PASSWORD_VARIABLE),
        ],
        volume_mounts=[
            VolumeMountArgs(name="sql", mount_path="/sql", read_only=True),
            VolumeMountArgs(name="connection", mount_path="/connection"),
        ],
        security_context=SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=CapabilitiesArgs(drop=["ALL"]),
        ),
    )
    return JobSpecArgs(
        backoff_limit=4,
        template=PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(annotations=dict(annotations)),
            spec=PodSpecArgs(
                restart_policy="Never",
                automount_service_account_token=False,
                containers=[container],
                volumes=[
                    VolumeArgs(name="sql", config_map=ConfigMapVolumeSourceArgs(name=script)),
                    VolumeArgs(
                        name="connection", empty_dir=EmptyDirVolumeSourceArgs(medium="Memory")
                    ),
                ],
                security_context=PodSecurityContextArgs(
                    run_as_non_root=True,
                    run_as_user=65534,
                    seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
                ),
            ),
        ),
    )


def _from_secret(variable: str, secret: pulumi.Input[str], key: str) -> EnvVarArgs:
    selector = SecretKeySelectorArgs(name=secret, key=key)
    return EnvVarArgs(name=variable, value_from=EnvVarSourceArgs(secret_key_ref=selector))
