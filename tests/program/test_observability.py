"""What a stack gives Grafana and Prometheus, on the real engine and a real API server."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from pulumi import automation

from local.environment import Environment
from ops.engine import Session
from tests.program.conftest import ONE_BOARD, resources

RULES = "/apis/monitoring.coreos.com/v1/namespaces/monitoring/prometheusrules"
CONFIG_MAPS = "/api/v1/namespaces/monitoring/configmaps"
SECRETS = "/api/v1/namespaces/monitoring/secrets"
JOBS = "/apis/batch/v1/namespaces/monitoring/jobs"


def items(environment: Environment, path: str) -> dict[str, dict[str, Any]]:
    with environment.cluster.client() as client:
        listed = client.get(path).raise_for_status().json()["items"]
    return {item["metadata"]["name"]: item for item in listed}


def test_alerts_reach_prometheus_and_grafana(stack: Session, environment: Environment) -> None:
    names = stack.stack.outputs()["alerts"].value
    (rule,) = items(environment, RULES).values()
    assert rule["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    (group,) = rule["spec"]["groups"]
    assert [each["alert"] for each in group["rules"]] == names["prometheus"]
    assert all({"expr", "labels", "annotations"} <= set(each) for each in group["rules"])
    config_map = items(environment, CONFIG_MAPS)["alerts-firewalled-coder"]
    assert config_map["metadata"]["labels"]["grafana_alert"] == "1"
    (text,) = config_map["data"].values()
    titles = [rule["title"] for g in yaml.safe_load(text)["groups"] for rule in g["rules"]]
    assert sorted(titles) == sorted(names["grafana"])


def test_what_the_cluster_has_no_place_for_stops_the_run_before_anything_is_made(
    stack: Session, open_stack: Callable[..., Any], environment: Environment
) -> None:
    before = resources(environment)
    changes = {"grafana": {**ONE_BOARD, "namespace": "nosuch"}, "alerts": {"namespace": "neither"}}
    with open_stack(changes=changes) as session:
        for run in (session.stack.preview, session.stack.up):
            with pytest.raises(automation.CommandError) as refused:
                run()
            assert "2 settings are wrong, nothing was applied" in str(refused.value)
            assert 'grafana.namespace = "nosuch": the cluster has no such' in str(refused.value)
    assert resources(environment) == before


def test_thresholds_and_evaluators_change_the_rule_and_a_new_password_runs_the_roles_job_once(
    stack: Session, open_stack: Callable[..., Any], environment: Environment
) -> None:
    before = items(environment, RULES)["firewalled-coder"]
    password = items(environment, SECRETS)["aigov-grafana-db"]["data"]
    assert stack.stack.outputs()["databaseRole"].value == {"script": "grafana-ro-sql", "job": None}
    assert "grafana_ro.sql" in items(environment, CONFIG_MAPS)["grafana-ro-sql"]["data"]
    role = {"delivery": "job", "adminUrlSecret": "coder-db-owner"}
    owner = {"metadata": {"name": role["adminUrlSecret"]}, "stringData": {"url": "postgres://"}}
    with environment.cluster.client() as client:
        client.post(SECRETS, json=owner).raise_for_status()
    changes: dict[str, Any] = {
        "alerts": {"thresholds": {"droppedBatches": 4}},
        "grafana": {**ONE_BOARD, "databaseRole": role, "databasePasswordRevision": "2"},
    }
    with open_stack(changes=changes) as session:
        session.stack.up()
        after = items(environment, RULES)["firewalled-coder"]
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert "> 4.0" in str(after["spec"])
        made = items(environment, JOBS)["grafana-ro-role"]
        assert made["status"]["succeeded"] == 1
        replaced = items(environment, SECRETS)["aigov-grafana-db"]["data"]
        assert replaced.keys() == password.keys()
        assert replaced != password
    # Another evaluator moves the rule, and the job and the password are left as they are.
    with open_stack(changes={**changes, "alerts": {"evaluator": "grafana"}}) as session:
        session.stack.up()
        assert items(environment, RULES) == {}
        assert session.stack.outputs()["alerts"].value["prometheus"] == []
        again = items(environment, JOBS)["grafana-ro-role"]
        assert again["metadata"]["uid"] == made["metadata"]["uid"]
        assert items(environment, SECRETS)["aigov-grafana-db"]["data"] == replaced
    without = {"grafana": {**ONE_BOARD, "databaseRole": {"delivery": "none"}}}
    with open_stack(changes=without) as session:
        session.stack.up()
        assert "grafana-ro-sql" not in items(environment, CONFIG_MAPS)
        assert items(environment, JOBS) == {}
