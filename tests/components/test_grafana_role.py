"""The Job that makes grafana_ro, on Pulumi's mocks. The SQL itself runs in dashboards/test_sql."""

import re

import pytest

from components.grafana_role import GrafanaRole, GrafanaRoleArgs, RoleJob, role_sql
from tests.components.recording import record


def role(args, **credentials):
    def program():
        made = GrafanaRole("grafana-role", args, **credentials)
        return {"script": made.script, "job": made.job}

    recorder, outputs = record(program, {"random:index/randomId:RandomId": {"hex": "0badcafe"}})
    (config_map,) = recorder.of("ConfigMap")
    assert outputs["script"] == config_map["metadata"]["name"]
    return recorder, outputs, config_map


def job(**kwargs):
    recorder, outputs, config_map = role(GrafanaRoleArgs(job=RoleJob("coder-db-owner", **kwargs)))
    (made,) = recorder.of("Job")
    assert outputs["job"] == made["metadata"]["name"]
    return made, config_map


def test_without_a_job_the_script_is_there_for_the_databases_owner():
    recorder, outputs, config_map = role(GrafanaRoleArgs(namespace="observability"))
    assert config_map["data"] == {"grafana_ro.sql": role_sql()}
    assert config_map["metadata"]["namespace"] == "observability"
    assert recorder.of("Job") == []
    assert outputs["job"] is None


def test_a_new_password_is_a_new_job():
    args = GrafanaRoleArgs(job=RoleJob("coder-db-owner"))
    recorder, _, _ = role(args, password="s3cret")
    (made,) = recorder.of("Job")
    annotations = made["spec"]["template"]["metadata"]["annotations"]
    assert annotations["firewalled-coder/database-password-rotation"] == "0badcafe"
    assert "s3cret" not in str([each.inputs for each in recorder.registered])


@pytest.mark.parametrize(
    ("came", "annotation"),
    [
        ("firewall_records", "firewalled-coder/firewall-records"),
        ("gateway_tables", "firewalled-coder/gateway-tables"),
    ],
)
def test_the_job_runs_again_when_coder_gets_a_table_that_it_grants(came, annotation):
    def annotations(*, there):
        args = GrafanaRoleArgs(job=RoleJob("coder-db-owner"), **{came: there})
        (made,) = role(args)[0].of("Job")
        return made["spec"]["template"]["metadata"]["annotations"]

    before, after = annotations(there=False), annotations(there=True)
    assert after == {**before, annotation: "true"}


def test_the_job_runs_the_committed_script_with_credentials_from_secrets_alone():
    made, config_map = job()
    assert config_map["data"] == {"grafana_ro.sql": role_sql()}
    pod = made["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert all("value" not in variable for variable in container["env"])
    secrets = {
        variable["name"]: variable["valueFrom"]["secretKeyRef"] for variable in container["env"]
    }
    assert secrets == {
        "DATABASE_URL": {"name": "coder-db-owner", "key": "url"},
        "AIGOV_DB_PASSWORD": {"name": "aigov-grafana-db", "key": "AIGOV_DB_PASSWORD"},
    }
    script, connection = pod["volumes"]
    assert script["configMap"]["name"] == config_map["metadata"]["name"]
    assert connection["emptyDir"] == {"medium": "Memory"}
    # Kubernetes puts a variable that an argument names as $(NAME) into it, for all to read.
    for argument in [*container["command"], *container.get("args", [])]:
        assert "$(DATABASE_URL)" not in argument
        assert "$(AIGOV_DB_PASSWORD)" not in argument
    assert pod["securityContext"]["runAsNonRoot"] is True


def test_the_script_has_no_command_that_psql_14_does_not_know():
    # \getenv came with psql 15; what is asked here is in the manual of 14.
    commands = set(re.findall(r"\\[a-z]+", role_sql()))
    assert commands == {"\\set", "\\if", "\\else", "\\warn", "\\endif", "\\gexec"}


def test_only_a_cluster_without_pods_skips_the_wait():
    assert "pulumi.com/skipAwait" not in job()[0]["metadata"].get("annotations", {})
    waiting = job(skip_await=True)[0]["metadata"]["annotations"]
    assert waiting["pulumi.com/skipAwait"] == "true"


@pytest.mark.parametrize("name", ["Grafana", "a; DROP TABLE users", "", "ünï", "a-b"])
def test_a_role_that_is_no_identifier_is_refused(name):
    with pytest.raises(ValueError, match="plain lower-case SQL identifier"):
        role_sql(role=name)
