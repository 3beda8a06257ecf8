from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings.problems import SettingsError
from ops import stacks

ROOT = Path(__file__).resolve().parents[2]
POLICY = "firewalled-coder:policy"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "stacks").mkdir()
    file = "stacks/Pulumi.dev.yaml"
    document: dict[str, Any] = yaml.safe_load((ROOT / file).read_text())
    document["config"][POLICY]["rules"] = [
        {"rule": rule, "why": "an example"}
        for rule in ("domain=New.example", "domain=github.com", "domain=fine.example")
    ]
    (tmp_path / file).write_text(yaml.safe_dump(document))
    return tmp_path


def test_findings_are_those_of_the_stacks_own_rules(root: Path) -> None:
    found = stacks.settings("dev", root).findings()
    assert [finding.rule for finding in found] == ["domain=New.example", "domain=github.com"]
    assert "upper case" in found[0].reason
    assert "duplicate" in found[1].reason


def test_a_release_that_is_not_answered_for_is_said_where_something_is_confined(root: Path) -> None:
    path = root / "stacks" / "Pulumi.dev.yaml"
    document = yaml.safe_load(path.read_text())
    document["config"]["firewalled-coder:workspaces"]["boundaryVersion"] = "v0.8.0"
    del document["config"][POLICY]["rules"]
    path.write_text(yaml.safe_dump(document))
    (finding,) = stacks.settings("dev", root).findings()
    assert str(finding).startswith("Boundary v0.8.0 decides otherwise: a `*` at the end")
    del document["config"]["firewalled-coder:templates"][0]["firewall"]
    path.write_text(yaml.safe_dump(document))
    assert stacks.settings("dev", root).findings() == ()


def test_a_release_that_lets_hosts_below_through_is_held_to_the_contract(root: Path) -> None:
    path = root / "stacks" / "Pulumi.dev.yaml"
    document = yaml.safe_load(path.read_text())
    denied = {"url": "https://evil.pypi.org/", "reason": "not ours"}
    document["config"][POLICY]["mustDeny"] = [denied]
    path.write_text(yaml.safe_dump(document))
    assert stacks.settings("dev", root)
    document["config"]["firewalled-coder:workspaces"]["boundaryVersion"] = "v0.5.4"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(SettingsError) as caught:
        stacks.settings("dev", root)
    assert "but rule 'domain=pypi.org' of group python allows it in Boundary v0.5.4: a " in str(
        caught.value
    )


@pytest.mark.parametrize("name", stacks.names())
def test_nothing_is_doubtful_in_what_shipped_stacks_add(name: str) -> None:
    assert stacks.settings(name).findings() == ()


@pytest.mark.parametrize("name", stacks.names())
def test_shipped_stacks_carry_the_contract_of_the_demonstration(name: str) -> None:
    settings = stacks.settings(name)
    contract = stacks.contract(name)
    allowed = " ".join(each.url for each in contract.must_allow)
    hosts = (settings.coder.access_url, settings.external_auth.providers[0].host)
    assert all(host in allowed for host in (*hosts, "https://pypi.org/", "https://github.com/"))
    denied = [each.url for each in contract.must_deny]
    assert any(url.startswith("https://registry.npmjs.org/") for url in denied)
    assert "https://example.com/" in denied
    (policy,) = stacks.policies(name).values()
    assert contract.check(policy) == ()


def test_a_provider_of_the_ai_gateway_is_read_without_its_secrets(root: Path) -> None:
    path = root / "stacks" / "Pulumi.dev.yaml"
    document = yaml.safe_load(path.read_text())
    providers = [
        {"name": "claude", "type": "anthropic", "baseUrl": "https://api.anthropic.com"},
        {
            "name": "aws",
            "type": "bedrock",
            "baseUrl": "https://bedrock.example.com",
            "credential": "aws_keys",
            "bedrock": {"region": "us-east-1"},
        },
    ]
    document["config"]["firewalled-coder:aiGateway"] = {"providers": providers}
    path.write_text(yaml.safe_dump(document))
    assert [each.name for each in stacks.settings("dev", root).ai_gateway.providers] == [
        "claude",
        "aws",
    ]


def written(root: Path, key: str, value: Any) -> None:
    path = root / "stacks" / "Pulumi.dev.yaml"
    document = yaml.safe_load(path.read_text())
    document["config"][key] = value
    path.write_text(yaml.safe_dump(document))


@pytest.mark.parametrize(
    "secrets",
    ["SuperSecretPlain123", {"coderToken": "SuperSecretPlain123", "bogus": "TopSecret999"}],
)
def test_secrets_in_clear_are_refused_without_an_engine(root: Path, secrets: Any) -> None:
    written(root, "firewalled-coder:secrets", secrets)
    with pytest.raises(SettingsError, match="stands in clear") as caught:
        stacks.settings("dev", root)
    told = str(caught.value)
    assert "SuperSecret" not in told
    assert "TopSecret" not in told
    assert "pulumi config set --secret --path 'firewalled-coder:secrets.coderToken'" in told
    assert ("secrets.bogus = [secret]: unknown key" in told) == ("bogus" in secrets)


def test_encrypted_secrets_are_read_and_an_unknown_one_is_named(root: Path) -> None:
    secure = {"secure": "AAAB"}
    login = {"gitlab": {"clientId": secure, "clientSecret": secure}}
    written(root, "firewalled-coder:secrets", {"coderToken": secure, "externalAuth": login})
    assert stacks.settings("dev", root)
    written(root, "firewalled-coder:secrets", secure)
    assert stacks.settings("dev", root)
    written(root, "firewalled-coder:secrets", {"coderTokn": secure})
    with pytest.raises(SettingsError, match=r"secrets\.coderTokn = \[secret\]: unknown key"):
        stacks.settings("dev", root)


def test_a_mistyped_namespace_is_refused(root: Path) -> None:
    written(root, "firewalledcoder:protected", True)
    with pytest.raises(SettingsError, match=r"  firewalledcoder:protected: .* firewalled-coder:p"):
        stacks.settings("dev", root)


@pytest.mark.parametrize("name", ["nosuch", "../x", ""])
def test_an_unknown_stack_is_told_with_those_that_there_are(root: Path, name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        stacks.settings(name, root)
    assert str(caught.value) == f"no stack {name!r}; there are dev"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("protected: true\n", "Pulumi.dev.yaml:protected: stands beside `config:`"),
        ("---\nconfig: {firewalled-coder:protected: true}\n", "a second YAML document"),
    ],
)
def test_what_the_engine_would_pass_over_is_refused_where_protection_is_asked_for(
    root: Path, text: str, told: str
) -> None:
    path = root / "stacks" / "Pulumi.dev.yaml"
    path.write_text(path.read_text() + text)
    with pytest.raises(SettingsError, match=told):
        stacks.protected("dev", root)
    with pytest.raises(SettingsError, match=told):
        stacks.settings("dev", root)


@pytest.mark.parametrize(
    ("url", "example"),
    [
        ("https://coder.dev.example.com", True),
        ("https://EXAMPLE.org:8443", True),
        ("https://coder.example", True),
        ("https://coder.acme.internal", False),
        ("https://notexample.com", False),
        ("https://example.com.acme.io", False),
        ("https://[", False),
        (7, False),
        (None, False),
    ],
)
def test_an_example_is_at_an_address_that_is_nobodys(
    root: Path, url: object, example: bool
) -> None:
    path = root / "stacks" / "Pulumi.dev.yaml"
    document = yaml.safe_load(path.read_text())
    document["config"]["firewalled-coder:coder"] = {"accessUrl": url}
    path.write_text(yaml.safe_dump(document))
    assert stacks.is_example("dev", root) is example


def test_a_file_that_cannot_be_read_is_no_example(root: Path) -> None:
    (root / "stacks" / "Pulumi.dev.yaml").write_text("config: [")
    assert not stacks.is_example("dev", root)
