"""What a verification knows of the stack's secrets, so that nothing of them is kept."""

import pytest

from ops import stacks
from ops.verification.access import Access


def test_every_secret_of_the_stack_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", "of-the-environment")
    secrets = {
        "coderToken": "of-the-stack",
        "externalAuth": {"gitlab": {"clientId": "shown-to-all", "clientSecret": "of-the-login"}},
        "mcp": {"github": "of-the-server"},
        "aiProviders": {"bedrock": {"accessKey": "a-key", "accessKeySecret": "its-secret"}},
        "verify": {"loki": "of-loki", "grafana": None},
    }
    found = set(Access(stacks.settings("dev"), "another", secrets).every_secret)
    assert found >= {
        "another", "of-the-stack", "of-the-login", "of-the-server", "a-key", "its-secret",
        "of-loki", "of-the-environment",
    }  # fmt: skip
    assert "shown-to-all" not in found
