"""The reference of the settings is that of the model."""

from components.settings.model import Settings
from docs import write_settings


def test_the_committed_page_is_the_models() -> None:
    assert write_settings.PAGE.read_text(encoding="utf-8") == write_settings.page(), "make schema"


def test_every_key_is_there_and_no_secret_is_offered_in_clear() -> None:
    page = write_settings.page()
    for name, field in Settings.model_fields.items():
        assert f"## {field.alias or name}\n" in page
    assert "`templates[].maxPortShareLevel`" in page
    assert "| `policy.rules[].why` | text | required |" in page
    assert "| `secrets.coderToken` | secret | required |" in page
    assert "number from 1 to 65535 | `8087`" in page


def test_a_key_of_what_may_be_left_out_is_required_where_that_is_set() -> None:
    page = write_settings.page()
    for key in ("workspaces.resources.cpu", "mcpServers[].oauth2"):
        assert f"| required where `{key}` is set |" in page
    assert "| `coder.accessUrl` | text | required |" in page
    assert "| `externalAuth.providers[].host` | text | required |" in page, "of each entry"
