"""What a report says of where Grafana's data comes from."""

from dataclasses import replace

import pytest

from components.datasources import DataSourcesArgs
from ops import deployed, report
from ops.assessment import StackPreview
from ops.changes import Step, without_secrets
from ops.headline import headline
from ops.tokens import ALERTS, DATA_SOURCES, RANDOM_PASSWORD

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
NOW = DataSourcesArgs("db.example.com:5432", loki_tenant="a")
ELSEWHERE = "the audit is looked for elsewhere"
PASSWORD = "Grafana's database password goes to another address"
LESS = "Grafana's connection to the database is less protected"


def steps(old: DataSourcesArgs | None, new: DataSourcesArgs) -> tuple[Step, ...]:
    before, after = (each.provisioning() if each else {} for each in (old, new))
    found = []
    for uid in sorted(before.keys() | after.keys()):
        inputs = [
            without_secrets({"data": {f"{uid}.yaml": files[uid]}}) if uid in files else {}
            for files in (before, after)
        ]
        op = "create" if uid not in before else "update" if uid in after else "delete"
        urn = f"urn:pulumi:dev::p::{DATA_SOURCES}${CONFIG_MAP}::data-sources-{uid}"
        if before.get(uid) != after.get(uid):
            found.append(Step(op, urn, CONFIG_MAP, *inputs))
    return tuple(found)


@pytest.mark.parametrize(
    ("new", "warning", "lines"),
    [
        (
            replace(NOW, loki_url="http://evil:3100"),
            ELSEWHERE,
            ["- ⚠️ `Loki`, address: `http://loki.monitoring.svc:3100` → `http://evil:3100`"],
        ),
        (replace(NOW, loki_tenant="b"), ELSEWHERE, ["- ⚠️ `Loki`, tenant: `a` → `b`"]),
        (replace(NOW, loki_tenant=None), ELSEWHERE, ["- ⚠️ `Loki`, tenant: `a` → **removed**"]),
        (
            replace(NOW, loki_url=None, loki_tenant=None),
            ELSEWHERE,
            ["- ⚠️ `Loki`: `http://loki.monitoring.svc:3100` → **removed**"],
        ),
        (
            replace(NOW, database_host="evil.example:5432"),
            PASSWORD,
            ["- ⚠️ `AI Gateway DB`, address: `db.example.com:5432` → `evil.example:5432`"],
        ),
        (
            replace(NOW, ssl_mode="disable"),
            LESS,
            ["- ⚠️ `AI Gateway DB`, protected by: `require` → `disable`"],
        ),
        (
            replace(NOW, ssl_mode="verify-full", ca_file="/ca.crt"),
            "",
            [
                "- `AI Gateway DB`, protected by: `require` → `verify-full`",
                "- `AI Gateway DB`, file of its CA: not set → `/ca.crt`",
            ],
        ),
        (
            replace(NOW, prometheus_url="http://p:9090"),
            "metrics are looked for elsewhere",
            ["- ⚠️ `Prometheus`: not set → `http://p:9090`"],
        ),
        (replace(NOW, loki_uid="other"), "", ["- `Loki`, uid: `loki` → `other`"]),
    ],
)
def test_where_data_comes_from_is_told_before_and_after(
    new: DataSourcesArgs, warning: str, lines: list[str]
) -> None:
    found = StackPreview("dev", steps=steps(NOW, new))
    section = report.to_markdown([found]).split("#### Data sources\n\n")[1].split("\n\n")[0]
    assert section.splitlines() == lines
    assert found.sources[0].warning == warning
    if warning:
        assert warning in headline([found])
    told = report.to_json([found])["stacks"][0]["dataSources"][0]
    assert told["warning"] == warning


def test_a_stack_that_is_new_looks_nowhere_else() -> None:
    assert StackPreview("dev", steps=steps(None, NOW)).sources == ()


def test_which_logs_alerts_look_in() -> None:
    old, new = '{namespace="coder"}', '{namespace="coder", app="other"}'
    found = StackPreview("dev", old_logs=old, new_logs=new)
    assert found.warnings == (ELSEWHERE,)
    line = f"- ⚠️ `the audit's logs in Loki`: `{old}` → `{new}`"
    assert line in report.to_markdown([found])
    assert StackPreview("dev", new_logs=new).warnings == (), "the last update did not record it"
    urn = f"urn:pulumi:dev::p::{ALERTS}::alerts"
    assert deployed.of([(urn, {"logs": old})]).logs == old
    assert deployed.of([(urn, {})]).logs == ""


def test_a_new_password_is_in_the_headline_and_says_by_which_revision() -> None:
    urn = f"urn:pulumi:dev::p::{DATA_SOURCES}${RANDOM_PASSWORD}::data-sources-database"
    old, new = {"length": 40}, {"length": 40, "keepers": {"revision": "2"}}
    found = StackPreview("dev", steps=(Step("replace", urn, RANDOM_PASSWORD, old, new),))
    (told,) = found.sources
    assert told.line == "- ⚠️ `the database's password`, revision: not set → `2`"
    assert "Grafana's database password is replaced" in headline([found])
    made = Step("create", urn, RANDOM_PASSWORD, {}, new)
    assert StackPreview("dev", steps=(made,)).sources == ()
