"""What a report says of the role with which Grafana reads Coder's database, and of its Job."""

from dataclasses import replace
from typing import Any

import pytest

from components.dashboards.tables import GRANTED_TABLES
from components.grafana_role import role_sql
from ops import report
from ops.assessment import StackPreview
from ops.changes import Step, without_secrets
from ops.headline import headline
from ops.program_changes import JOB_KIND
from ops.role_changes import role_changes
from ops.tokens import GRAFANA_ROLE

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
NOW = role_sql()
GRANT_ALL = "GRANT SELECT ON public.templates TO grafana_ro;"
GRANT_SOME = "GRANT SELECT (id, username) ON public.users TO grafana_ro;"
MORE = "Grafana reads more of Coder's database"
RIGHTS = "Grafana's database role is made with other rights"
IMAGE = "a Job with the credentials of the database's owner runs an image from another place"
SECRET = "a Job takes the credentials of the database's owner from another Secret"
COMES = "a Job gets the credentials of the database's owner"


def step(op: str, kind: str, old: dict[str, Any], new: dict[str, Any]) -> Step:
    urn = f"urn:pulumi:dev::p::{GRAFANA_ROLE}${kind}::grafana-role"
    return Step(op, urn, kind, without_secrets(old), without_secrets(new))


def script(old: str, new: str, op: str = "update") -> Step:
    sides = ({"data": {"grafana_ro.sql": text}} if text else {} for text in (old, new))
    return step(op, CONFIG_MAP, *sides)


def told(*steps: Step) -> tuple[list[str], str]:
    """The section's lines, and the headline."""
    found = StackPreview("dev", steps=steps)
    section = report.to_markdown([found]).partition("#### Grafana's database role\n\n")[2]
    lines = section.split("\n\n")[0].splitlines() if section else []
    json = report.to_json([found])["stacks"][0]["databaseRole"]
    assert [bool(each["warning"]) for each in json] == ["⚠️" in line for line in lines]
    return lines, headline([found])


def with_more(*lines: str) -> str:
    return NOW.replace("COMMIT;", "\n".join((*lines, "COMMIT;")))


@pytest.mark.parametrize(
    ("new", "lines", "warning"),
    [
        (
            with_more("GRANT SELECT ON public.api_keys TO grafana_ro;"),
            ["- ⚠️ newly read: **all** of `public.api_keys`"],
            MORE,
        ),
        (
            with_more(
                "SELECT 'GRANT SELECT (a) ON public.api_keys TO grafana_ro' "
                "WHERE to_regclass('public.api_keys') IS NOT NULL \\gexec"
            ),
            ["- ⚠️ newly read: `a` of `public.api_keys`"],
            MORE,
        ),
        (
            NOW.replace(GRANT_SOME, "GRANT SELECT ON public.users TO grafana_ro;"),
            ["- ⚠️ newly read: **all** of `public.users`; `id`, `username` before"],
            MORE,
        ),
        (
            NOW.replace("(id, username)", "(hashed_password, id)"),
            [
                "- ⚠️ newly read: `hashed_password` of `public.users`",
                "- no longer read: `username` of `public.users`",
            ],
            MORE,
        ),
        (NOW.replace(GRANT_ALL, ""), ["- no longer read: **all** of `public.templates`"], ""),
        (
            NOW.replace(GRANT_ALL, "GRANT SELECT (id) ON public.templates TO grafana_ro;"),
            ["- no longer read: **all** of `public.templates` but `id`"],
            "",
        ),
        # A table that not every Coder has is granted once it is there.
        (
            NOW.replace(
                GRANT_ALL,
                f"SELECT '{GRANT_ALL[:-1]}' WHERE to_regclass('public.templates') IS NOT NULL "
                "\\gexec",
            ),
            [],
            "",
        ),
        (
            with_more("GRANT pg_read_all_data TO grafana_ro;"),
            ["- ⚠️ its script newly says: `GRANT pg_read_all_data TO ROLE_NAME;`"],
            RIGHTS,
        ),
        (
            with_more("GRANT SELECT ON ALL TABLES IN SCHEMA public TO grafana_ro;"),
            [
                "- ⚠️ its script newly says: "
                "`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ROLE_NAME;`"
            ],
            RIGHTS,
        ),
        (
            NOW.replace(GRANT_ALL, f"{GRANT_ALL} GRANT ALL ON a TO grafana_ro;"),
            ["- ⚠️ its script newly says: `(read above); GRANT ALL ON a TO ROLE_NAME;`"],
            RIGHTS,
        ),
        (
            NOW.replace(GRANT_ALL, f"{GRANT_ALL[:-1]} WITH GRANT OPTION;"),
            ["- ⚠️ its script newly says: `(read above) WITH GRANT OPTION;`"],
            RIGHTS,
        ),
        (
            NOW.replace("ALTER ROLE grafana_ro SET default_transaction_read_only = on;\n", ""),
            [
                "- ⚠️ its script no longer says: "
                "`ALTER ROLE ROLE_NAME SET default_transaction_read_only = on;`"
            ],
            RIGHTS,
        ),
        (with_more("ANALYZE;"), ["- its script newly says: `ANALYZE;`"], ""),
        (f"{NOW}-- And a comment.\n", [], ""),
        # Another prefix of the stack's names.
        (role_sql("other_ro"), [], ""),
    ],
)
def test_what_the_role_may_do_newly_is_told_and_warned_of(
    new: str, lines: list[str], warning: str
) -> None:
    found, head = told(script(NOW, new))
    assert found == lines
    assert head == (f"⚠️ {warning}" if warning else headline([StackPreview("d", steps=QUIET)]))


QUIET = (script(NOW, f"{NOW}\n"),)


def test_every_table_that_is_granted_is_known_of_its_script() -> None:
    for table in GRANTED_TABLES:
        lines = [line for line in NOW.splitlines() if f".{table.NAME} TO" not in line]
        (found,) = role_changes([script("\n".join(lines), NOW)])
        assert table.NAME in found.words
        assert found.warning == MORE


def test_a_role_that_is_new_or_goes_reads_nothing_more() -> None:
    assert role_changes([script("", NOW, "create"), job("create", None, BY)]) == ()
    assert role_changes([script(NOW, "", "delete")]) == ()


BY = {"image": "docker.io/library/postgres:17.1", "secret": "coder-db-url", "password": "1"}


def job(op: str, old: dict[str, str] | None, new: dict[str, str] | None) -> Step:
    def inputs(by: dict[str, str] | None) -> dict[str, Any]:
        if by is None:
            return {}
        secret = {"name": by["secret"], "key": by.get("key", "url")}
        env = [{"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": secret}}]
        pod = {"containers": [{"name": "psql", "image": by["image"], "env": env}]}
        annotations = {"firewalled-coder/database-password-rotation": by["password"]}
        template = {"metadata": {"annotations": annotations}, "spec": pod}
        return {"metadata": {"namespace": "monitoring"}, "spec": {"template": template}}

    return step(op, JOB_KIND, inputs(old), inputs(new))


@pytest.mark.parametrize(
    ("new", "lines", "warning"),
    [
        ({**BY, "password": "2"}, [], ""),
        (
            {**BY, "image": "docker.io/library/postgres:17.2"},
            [f"- image of its Job: `{BY['image']}` → `docker.io/library/postgres:17.2`"],
            "",
        ),
        (
            {**BY, "image": "evil.example/postgres:17.1"},
            [f"- ⚠️ image of its Job: `{BY['image']}` → `evil.example/postgres:17.1`"],
            IMAGE,
        ),
        (
            {**BY, "secret": "other"},
            ["- ⚠️ Secrets of its Job: `monitoring/coder-db-url (url)` → `monitoring/other (url)`"],
            SECRET,
        ),
        (
            {**BY, "key": "root"},
            [
                "- ⚠️ Secrets of its Job: `monitoring/coder-db-url (url)` → "
                "`monitoring/coder-db-url (root)`"
            ],
            SECRET,
        ),
    ],
)
def test_a_job_that_runs_again_loses_nothing_and_is_told_where_it_is_another(
    new: dict[str, str], lines: list[str], warning: str
) -> None:
    again = job("replace", BY, new)
    found, head = told(again)
    assert found == lines
    assert head == (f"⚠️ {warning}" if warning else headline([StackPreview("d", steps=QUIET)]))
    preview = StackPreview("dev", steps=(again,))
    assert preview.destroyed == ()
    counted = "Resources: 1 to replace (marks of new versions, a Job that runs again)\n"
    assert counted in report.to_markdown([preview])


def test_a_job_that_comes_to_a_role_that_is_there_is_warned_of() -> None:
    lines, head = told(job("create", None, BY))
    assert lines == [
        "- ⚠️ a Job makes it from now on, with credentials from `monitoring/coder-db-url (url)`, "
        f"by the image `{BY['image']}`"
    ]
    assert head == f"⚠️ {COMES}"
    # A release brings another script with it.
    lines, head = told(script(NOW, with_more("SELECT 1;")), job("create", None, BY))
    assert lines[-1].startswith("- ⚠️ a Job makes it from now on")
    assert COMES in head


@pytest.mark.parametrize("whom", ["other", "PUBLIC"])
def test_a_grant_to_somebody_else_is_no_reading_of_grafanas(whom: str) -> None:
    grant = f"GRANT SELECT ON public.users TO {whom};"
    lines, head = told(script(NOW, with_more(grant)))
    assert lines == [f"- ⚠️ its script newly says: `{grant}`"]
    assert RIGHTS in head


def test_other_jobs_and_one_that_goes_are_lost() -> None:
    gone = job("delete", BY, None)
    other = replace(job("replace", BY, BY), urn="urn:pulumi:dev::p::x$y::other")
    assert StackPreview("dev", steps=(gone, other)).destroyed == (gone, other)
