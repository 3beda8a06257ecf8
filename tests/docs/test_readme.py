"""What README.md says of a stack of one's own goes through, and is what is printed."""

import re
from typing import Any

import pytest
import yaml

from components.settings.load import load
from components.settings.problems import SettingsError
from docs import examples

PAGE = (examples.ROOT / "README.md").read_text(encoding="utf-8")
COPIED = (examples.ROOT / "stacks" / "Pulumi.dev.yaml").read_text(encoding="utf-8")
SECRET = re.compile(r"pulumi config set --secret --path 'firewalled-coder:([\w.]+)'")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]


STEPS = section("Pointing it at an existing Coder deployment")


def settings(text: str) -> dict[str, Any]:
    """Return the settings of a copy of the stack dev, with the secrets that the page sets."""
    config = yaml.safe_load(text)["config"]
    values = {key.removeprefix("firewalled-coder:"): value for key, value in config.items()}
    for path in SECRET.findall(STEPS):
        place = values
        *parents, last = path.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = "a-secret"
    return values


def test_a_copied_stack_with_its_own_hosts_is_accepted() -> None:
    load("own", settings(COPIED.replace(".dev.example.com", ".own.example.org")))


def test_hosts_that_are_left_in_its_contract_are_refused() -> None:
    values = settings(COPIED)
    values["coder"]["accessUrl"] = "https://coder.own.example.org"
    values["externalAuth"]["providers"][0]["host"] = "gitlab.own.example.org"
    with pytest.raises(SettingsError) as error:
        load("own", values)
    for host in ("coder", "gitlab"):
        assert f"GET https://{host}.dev.example.com/" in str(error.value)
    assert "hosts in `policy.mustAllow` and `mustDeny`" in STEPS


@pytest.mark.parametrize("key", ["mcpServers", "templates[].lifetime.dormantAfterHours"])
def test_what_older_or_unlicensed_deployments_have_not_can_be_left_out(key: str) -> None:
    assert f"`{key.rpartition('.')[2]}`" in STEPS
    values = settings(COPIED.replace(".dev.example.com", ".own.example.org"))
    if key == "mcpServers":
        del values["mcpServers"], values["secrets"]["mcp"]
    else:
        for template in values["templates"]:
            del template["lifetime"]["dormantAfterHours"]
    load("own", values)


def test_wrong_settings_are_told_as_the_page_shows() -> None:
    values = settings(COPIED)
    values["templates"][0]["name"] = "fire_walled"
    values["policy"]["groups"] = ["coder", "gitlab", "anthropic", "npm"]
    with pytest.raises(SettingsError) as error:
        load("dev", values)
    assert f"```\nerror: {error.value}\n```" in section("Settings")


def test_every_page_that_is_linked_is_there() -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]+)(?:#([^)]*))?\)", PAGE):
        if "://" in target:
            continue
        text = (examples.ROOT / target).read_text(encoding="utf-8")
        titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in titles}
        assert not anchor or anchor in anchors, f"{target}#{anchor}"
