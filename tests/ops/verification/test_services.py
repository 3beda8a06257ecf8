"""Where a verification asks Grafana, Loki and Prometheus, and with which token."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.settings.model import Settings
from ops import stacks
from ops.verification.clients.service import ServiceAccess
from ops.verification.services import places

GRAFANA = {"GRAFANA_URL": "https://grafana.test/", "GRAFANA_TOKEN": "of-grafana"}
LOKI = {"LOKI_URL": "https://loki.test"}


def settings(**changes: Mapping[str, Any]) -> Settings:
    found = stacks.settings("dev")
    changed = {
        name: getattr(found, name).model_copy(update=dict(each)) for name, each in changes.items()
    }
    return found.model_copy(update=changed)


def at(found: Settings, **environment: str) -> dict[str, ServiceAccess]:
    return places(found, environment, {"loki": "of-the-stack"})


def test_nothing_is_asked_without_an_address() -> None:
    assert at(settings()) == {}


def test_all_is_asked_through_grafana_by_its_token() -> None:
    there = at(settings(), **GRAFANA)
    assert {name: place.token for name, place in there.items()} == dict.fromkeys(
        ("grafana", "loki", "prometheus"), "of-grafana"
    )
    assert there["loki"].url == "https://grafana.test/api/datasources/proxy/uid/loki"


def test_an_address_of_its_own_has_a_token_of_its_own() -> None:
    assert at(settings(), **GRAFANA, **LOKI)["loki"].token == "of-the-stack"
    assert at(settings(), **LOKI, LOKI_TOKEN="given ")["loki"].token == "given"


@pytest.mark.parametrize(
    ("verify", "grafana", "tenant"),
    [(None, None, None), (None, "coder", "coder"), ("all", "coder", "all"), ("all", None, "all")],
)
def test_a_loki_of_many_tenants_is_told_which(
    verify: str | None, grafana: str | None, tenant: str | None
) -> None:
    found = settings(verify={"loki_tenant": verify}, grafana={"loki_tenant": grafana})
    headers = {"X-Scope-OrgID": tenant} if tenant else {}
    assert at(found, **LOKI)["loki"].headers == headers
    # Grafana's data source sends its own.
    assert at(found, **GRAFANA)["loki"].headers == {}
    assert at(found, **GRAFANA, **LOKI)["grafana"].headers == {}
