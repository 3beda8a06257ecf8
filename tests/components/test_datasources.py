"""DataSources on Pulumi's mocks: labels, addresses, and a password that stays secret."""

import base64
import json
from typing import Any

import pytest
import yaml

from components.datasources import DataSources, DataSourcesArgs, object_name
from components.errors import ArgsError
from components.network.namespace_args import STACK_ANNOTATION
from tests.components.recording import Recorder, record

PASSWORD = "generated-password-of-the-test"


def declare(**kwargs: str | None) -> tuple[Recorder, dict[str, Any]]:
    def program() -> dict[str, Any]:
        made = DataSources("grafana", DataSourcesArgs("db.example:5432", **kwargs))
        return {"password_secret": made.password_secret, "uids": made.uids}

    generated = {"random:index/randomPassword:RandomPassword": {"result": PASSWORD}}
    return record(program, generated)


def sources(recorder: Recorder) -> dict[str, dict[str, Any]]:
    found = {}
    for config_map in recorder.of("ConfigMap"):
        assert config_map["metadata"]["labels"] == {"grafana_datasource": "1"}
        for text in config_map["data"].values():
            for source in yaml.safe_load(text)["datasources"]:
                found[source["uid"]] = source
    return found


def test_the_database_is_read_by_its_own_role_with_the_password_from_the_environment():
    recorder, _ = declare()
    source = sources(recorder)["aibridge-postgres"]
    assert source["url"] == "db.example:5432"
    assert source["user"] == "grafana_ro"
    assert source["secureJsonData"] == {"password": "${AIGOV_DB_PASSWORD}"}
    assert (source["editable"], source["isDefault"]) == (False, False)
    assert source["jsonData"] == {
        "database": "coder",
        "sslmode": "require",
        "postgresVersion": 1500,
        "maxOpenConns": 5,
        "maxIdleConns": 2,
        "connMaxLifetime": 14400,
    }


def test_a_tenant_goes_with_every_request_to_loki_and_to_nothing_else():
    plain, _ = declare()
    assert "secureJsonData" not in sources(plain)["loki"]
    recorder, _ = declare(loki_tenant="coder|audit_(v1.2)", prometheus_url="http://p:9090")
    headers = {"jsonData": "httpHeaderName1", "secureJsonData": "httpHeaderValue1"}
    found = {
        uid: [source.get(part, {}).get(key) for part, key in headers.items()]
        for uid, source in sources(recorder).items()
    }
    assert found == {
        "loki": ["X-Scope-OrgID", "coder|audit_(v1.2)"],
        "prometheus": [None, None],
        "aibridge-postgres": [None, None],
    }


def test_a_uid_that_grafana_made_is_a_data_source_like_any_other():
    recorder, outputs = declare(loki_uid="P8E80F9AEF21F6940", postgres_uid="a_B")
    assert set(outputs["uids"]) == {"P8E80F9AEF21F6940", "a_B"}
    names = {each["metadata"]["name"]: list(each["data"]) for each in recorder.of("ConfigMap")}
    assert names == {
        "datasource-p8e80f9aef21f6940-9413ea38": ["P8E80F9AEF21F6940.yaml"],
        "datasource-a-b-8a8dd3ed": ["a_B.yaml"],
    }
    assert {len(object_name(uid)) for uid in ("_", "-", "_-_")} == {len("datasource-12345678")}
    # What is a name already stays it.
    assert object_name("aibridge-postgres") == "datasource-aibridge-postgres"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loki_uid": "x" * 41}, "up to 40 of letters"),
        ({"loki_uid": ""}, "up to 40 of letters"),
        ({"loki_uid": "a b"}, "up to 40 of letters"),
        ({"loki_tenant": "a/b"}, "tenant 'a/b' must be up to 150"),
        ({"loki_tenant": "a|"}, "must be up to 150"),
        ({"loki_tenant": ".."}, "tenant '..' must be up to 150"),
        ({"loki_tenant": "a" * 151}, "must be up to 150"),
        ({"loki_tenant": "a", "loki_url": None}, "lokiUrl is null"),
        ({"loki_uid": "prometheus"}, "loki_uid 'prometheus' is also prometheus_uid"),
        ({"loki_url": "https://u:s3cr3t@loki"}, "must hold no user or password"),
        ({"prometheus_url": "prometheus:9090"}, "must be a URL such as"),
        ({"ssl_mode": "verify-ca"}, "verify-ca needs the path of a CA"),
        ({"ca_file": "/ca.crt"}, "require uses no CA"),
        ({"ssl_mode": "verify-full", "ca_file": "ca.crt"}, "must be absolute"),
        ({"database_host": "db"}, "is not like db.example.com:5432"),
        ({"database_host": "db:70000"}, "is not like db.example.com:5432"),
    ],
)
def test_refused(given, message):
    with pytest.raises(ArgsError, match=message) as caught:
        DataSourcesArgs(**{"database_host": "db:5432", **given})
    assert "s3cr3t" not in str(caught.value)


def test_another_uid_takes_the_place_of_the_one_before_because_grafana_changes_no_uid():
    recorder, _ = declare(loki_uid="logs", postgres_uid="db")
    assert {s["name"] for s in sources(recorder).values()} == {"Loki", "AI Gateway DB"}
    files = [yaml.safe_load(t) for c in recorder.of("ConfigMap") for t in c["data"].values()]
    for file in files:
        (source,) = file["datasources"]
        assert file["deleteDatasources"] == [{"orgId": 1, "name": source["name"]}]
    # The uid of a source's first file needs none: deleted ones lose their permissions.
    recorder, _ = declare()
    assert "deleteDatasources" not in str(recorder.of("ConfigMap"))


def test_the_connection_to_the_database_is_verified_where_the_stack_says_so():
    recorder, _ = declare(ssl_mode="verify-full", ca_file="/etc/ca/ca.crt")
    data = sources(recorder)["aibridge-postgres"]["jsonData"]
    assert (data["sslmode"], data["sslRootCertFile"]) == ("verify-full", "/etc/ca/ca.crt")


def test_the_password_stands_in_its_secret_and_nowhere_else():
    recorder, outputs = declare()
    (secret,) = recorder.of("Secret")
    assert secret["metadata"] == {
        "name": "aigov-grafana-db",
        "namespace": "monitoring",
        "annotations": {STACK_ANNOTATION: "firewalled-coder/test"},
    }
    # The engine's mark of a secret around the value: the state holds it encrypted.
    assert secret["data"]["4dabf18193072939515e22adb298388d"]
    encoded = base64.b64encode(PASSWORD.encode()).decode()
    assert secret["data"]["value"] == {"AIGOV_DB_PASSWORD": encoded}
    others = [args.inputs for args in recorder.registered if not args.typ.endswith(":Secret")]
    assert PASSWORD not in json.dumps(others)
    assert outputs["password_secret"] == "aigov-grafana-db"
    assert PASSWORD not in json.dumps(outputs)


def test_a_password_grafana_cannot_mistake_for_a_variable_is_asked_for():
    recorder, _ = declare()
    (password,) = recorder.of("RandomPassword")
    assert password["special"] is False
    assert password["length"] >= 32
    assert password.get("keepers") is None


def test_another_revision_is_another_password():
    recorder, _ = declare(database_password_revision="2026-11")
    (password,) = recorder.of("RandomPassword")
    assert password["keepers"] == {"revision": "2026-11"}


def test_loki_is_there_unless_the_stack_has_one_and_prometheus_only_on_request():
    recorder, outputs = declare()
    assert set(sources(recorder)) == {"aibridge-postgres", "loki"} == set(outputs["uids"])
    loki = sources(recorder)["loki"]
    assert loki["url"] == "http://loki.monitoring.svc:3100"
    assert loki["jsonData"] == {"maxLines": 1000}

    recorder, _ = declare(loki_url=None, prometheus_url="http://prometheus.example:9090")
    assert set(sources(recorder)) == {"aibridge-postgres", "prometheus"}
