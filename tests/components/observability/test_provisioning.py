"""A dollar in a provisioning file is a dollar, but for the one variable that is meant."""

import pytest
import yaml

from components.alerts.component import AlertsArgs
from components.datasources import DataSourcesArgs
from components.observability.provisioning import annotation, literal, repeated_uids
from tests.components.observability.grafana_values import expand, read

ENVIRONMENT = {"HOME": "/root", "labels": "lost", "AIGOV_DB_PASSWORD": "p"}
DOLLARS = [
    "$HOME",
    "${HOME}",
    "$$HOME",
    "$$$",
    "a$",
    "$1",
    "$__file{/x}",
    "{{ $labels.a }}",
    "5 $ x",
]


def test_what_is_not_escaped_is_expanded():
    assert expand("$HOME ${HOME} {{ $labels.a }}", ENVIRONMENT) == "/root /root {{ lost.a }}"
    assert expand("$${HOME} $$1 a$", ENVIRONMENT) == "${HOME} $1 a$"
    with pytest.raises(FileNotFoundError):
        expand("$__file{/x}", ENVIRONMENT)


@pytest.mark.parametrize("text", DOLLARS)
def test_an_escaped_text_is_read_as_it_was(text):
    assert expand(literal(text), ENVIRONMENT) == text
    nested = {"a": [text, 1, None, {"b": text}]}
    assert read(literal(nested), ENVIRONMENT) == nested


@pytest.mark.parametrize("text", DOLLARS)
def test_labels_and_the_folder_of_alerts_reach_grafana_as_they_were_given(text):
    args = AlertsArgs(
        evaluator="grafana",
        labels={"team": text},
        folder=(folder := text.replace("/", "")),  # no path is taken for one
        confined_templates=("firewalled",),
    )
    file = read(yaml.safe_load(args.grafana_file()), ENVIRONMENT)
    assert {group["folder"] for group in file["groups"]} == {folder}
    for rule in [rule for group in file["groups"] for rule in group["rules"]]:
        assert rule["labels"]["team"] == text
        # Queries and annotations are not expanded: nothing in them is escaped.
        assert "$$" not in str([step["model"] for step in rule["data"]])
    # Prometheus expands nothing: its rules hold what was given.
    assert {r["labels"]["team"] for r in _prometheus(text)} == {text}


def _prometheus(text):
    rules = AlertsArgs(labels={"team": text}, confined_templates=("firewalled",)).prometheus_rules()
    return rules["groups"][0]["rules"]


def test_an_annotation_means_the_same_where_braces_are_expanded():
    assert annotation("{{ $labels.a }} costs $5") == "{{ $labels.a }} costs $5"
    assert annotation("https://a/${HOME}") == 'https://a/{{ "$" }}{HOME}'
    assert annotation("$__file{/x}") == '{{ "$" }}__file{/x}'


@pytest.mark.parametrize("text", DOLLARS)
def test_data_sources_reach_grafana_as_they_were_given_and_the_password_from_the_pod(text):
    given = DataSourcesArgs("db:5432", database=text, database_role=text)
    file = read(yaml.safe_load(given.provisioning()["aibridge-postgres"]), ENVIRONMENT)
    (source,) = file["datasources"]
    assert source["jsonData"]["database"] == text == source["user"]
    assert source["secureJsonData"] == {"password": "p"}


def test_an_address_may_hold_a_dollar():
    args = DataSourcesArgs(
        "db:5432", loki_url="http://loki/$HOME", prometheus_url="http://p/${HOME}"
    )
    urls = {
        source["url"]
        for text in args.provisioning().values()
        for source in read(yaml.safe_load(text), ENVIRONMENT)["datasources"]
    }
    assert urls == {"db:5432", "http://loki/$HOME", "http://p/${HOME}"}


def test_a_repeated_uid_is_told_with_the_first_that_has_it() -> None:
    uids = {"prometheus": "x", "loki": "y", "postgres": "x"}
    assert list(repeated_uids(uids)) == [("postgres", "prometheus")]
