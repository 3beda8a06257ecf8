"""A credential in settings is refused by its name too, and shown in no message."""

from typing import Any

import pytest

from components.settings.load import load
from components.settings.problems import SettingsError
from tests.components.test_settings import PASSWORD, changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("templates.0.agentEnv", {"GITHUB_TOKEN": {"secure": PASSWORD}}),
        ("templates.0.agentEnv", {"GITHUB_TOKEN": [PASSWORD]}),
        ("templates.0.agentEnv", [f"GITHUB_TOKEN={PASSWORD}"]),
        ("templates.0.agentEnv", [{"name": "GITHUB_TOKEN", "value": PASSWORD}]),
        ("access", {"password": {"value": PASSWORD}}),
        ("coder.tokens", [PASSWORD]),
        ("workspaces.provisionerTags", {"api_key": PASSWORD}),
        ("alerts.labels", {"token": PASSWORD}),
        ("alerts.ruleLabels", {"deploy-token": PASSWORD}),
        ("policy.mustDeny", [{"url": "https://a.com/", "reason": f"use glpat-{PASSWORD * 2}"}]),
    ],
)
def test_a_credential_by_its_name_is_refused_and_not_shown(path: str, value: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        load("dev", changed(path, value))
    assert path.partition(".")[0] in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_number_under_such_a_name_is_not_shown() -> None:
    with pytest.raises(SettingsError, match=r"agentEnv\.GITHUB_TOKEN = \[secret\]: must be text"):
        load("dev", changed("templates.0.agentEnv", {"GITHUB_TOKEN": 4711081547}))


def test_a_url_that_the_contract_denies_may_pretend_to_have_a_user() -> None:
    load("dev", changed("policy.mustDeny", [{"url": "https://a:b@c.com/", "reason": "no logins"}]))


def test_labels_that_name_none_are_taken() -> None:
    load("dev", changed("alerts.labels", {"team": "platform", "auth": "true"}))
