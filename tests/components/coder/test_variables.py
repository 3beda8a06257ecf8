import pytest

from components.coder import variables


def test_a_secret_tells_whose_variables_it_holds() -> None:
    assert variables.secret_name("dev") == "firewalled-coder-env-dev"
    assert variables.stack_of("firewalled-coder-env-dev") == "dev"
    assert variables.stack_of("coder-env") is None


@pytest.mark.parametrize(
    ("stack", "name"),
    [
        ("Team_A.dev", "firewalled-coder-env-team-a-dev"),
        ("-_-", "firewalled-coder-env-stack"),
        ("a" * 300, "firewalled-coder-env-" + "a" * 232),
    ],
)
def test_a_stacks_name_becomes_a_kubernetes_name(stack: str, name: str) -> None:
    assert variables.secret_name(stack) == name
    assert len(name) <= 253


def test_names_of_an_external_login() -> None:
    name = variables.login_name(12, "CLIENT_SECRET")
    assert name == "CODER_EXTERNAL_AUTH_12_CLIENT_SECRET"
    assert variables.login_part(name) == (12, "CLIENT_SECRET")
    assert variables.login_part("CODER_EXTERNAL_AUTH_GITHUB_DEFAULT") is None


@pytest.mark.parametrize(
    ("name", "own", "login"),
    [
        ("CODER_EXTERNAL_AUTH_0_ID", True, True),
        ("CODER_OAUTH2_GITHUB_DEFAULT_PROVIDER_ENABLE", True, True),
        ("CODER_LOGGING_JSON", True, False),
        ("CODER_ACCESS_URL", False, False),
    ],
)
def test_whose_a_variable_is(name: str, own: bool, login: bool) -> None:
    assert variables.is_own(name) is own
    assert variables.is_login(name) is login


def test_what_the_dashboards_need() -> None:
    assert variables.AUDIT == {
        "CODER_LOGGING_JSON": "/dev/stderr",
        "CODER_LOGGING_HUMAN": "/dev/null",
        "CODER_PROMETHEUS_ENABLE": "true",
        "CODER_PROMETHEUS_ADDRESS": "0.0.0.0:2112",
        "CODER_PROMETHEUS_COLLECT_AGENT_STATS": "true",
    }


def test_keys_of_the_credentials() -> None:
    assert variables.credential_key("gitlab", "CLIENT_ID") == "gitlab-client-id"
    assert variables.credential_key("gitlab", "CLIENT_SECRET") == "gitlab-client-secret"
