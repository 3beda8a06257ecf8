"""What a stack's file may hold: secrets encrypted, and no key under another namespace."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings import stored
from components.settings.load import from_pulumi
from components.settings.problems import SettingsError

PLAIN = "SuperSecretPlain123"
SECURE = {"secure": "AAABAM1Q"}


@pytest.mark.parametrize(
    ("secrets", "keys"),
    [
        (None, []),
        ("", []),
        ({}, []),
        (SECURE, []),
        ({"coderToken": SECURE, "mcp": {"github": SECURE, "other": None}, "verify": ""}, []),
        (PLAIN, ["secrets"]),
        (12345, ["secrets"]),
        ({"coderToken": PLAIN}, ["secrets.coderToken"]),
        ({"coderToken": SECURE, "mcp": {"a": SECURE, "b": PLAIN}}, ["secrets.mcp.b"]),
        ({"coderToken": {**SECURE, "mine": PLAIN}}, ["secrets.coderToken.secure", "mine"]),
        ({"coderToken": [PLAIN]}, ["secrets.coderToken[0]"]),
        ({"coderToken": {"secure": [PLAIN]}}, ["secrets.coderToken.secure[0]"]),
        ({"coderToken": {"a: b": PLAIN}}, ["secrets.coderToken.a: b"]),
    ],
)
def test_a_value_that_is_not_encrypted_is_named_and_never_shown(
    tmp_path: Path, secrets: Any, keys: list[str]
) -> None:
    config = {"firewalled-coder:secrets": secrets}
    found = stored.in_config(config)
    assert len(found) == len(keys)
    assert all(key in problem.key for key, problem in zip(keys, found, strict=True))
    path = stored.file_of("dev", tmp_path)
    path.parent.mkdir()
    path.write_text(yaml.safe_dump({"config": config}, sort_keys=False))
    # The engine's reading of the file and ours tell the same.
    assert stored.in_file("dev", tmp_path) == found
    for problem in found:
        assert PLAIN not in str(problem)
        assert f"pulumi config set --secret --path 'firewalled-coder:{keys[0][:7]}" in str(problem)


@pytest.mark.parametrize(
    "text",
    [
        f"config:\n  secrets: {{coderToken: {PLAIN}}}\n",
        f'config:\n  firewalled-coder:secrets: \'{{"coderToken": "{PLAIN}"}}\'\n',
        f"config:\n  a:b: 2026-13-45\n  secrets: {PLAIN}\n---\nconfig: {{}}\n",
        f"x: &x {{coderToken: {PLAIN}}}\nconfig:\n  secrets: {{<<: *x}}\n",
    ],
)
def test_no_spelling_of_the_file_hides_one(tmp_path: Path, text: str) -> None:
    path = stored.file_of("dev", tmp_path)
    path.parent.mkdir()
    path.write_text(text)
    found = stored.in_file("dev", tmp_path)
    (problem,) = (each for each in found if not stored.passed_over(each))
    assert problem.key.startswith("secrets")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "config: {}\npolcy: {}\n",
            "polcy: unknown key; known here: config, environment, secretsp",
        ),
        ("Config: {}\n", "Config: unknown key; config is right"),
        (
            "config:\nprotected: true\n",
            "protected: stands beside `config:`; firewalled-coder:prote",
        ),
        ("firewalled-coder:policy.groups: []\n", "firewalled-coder:policy.groups: stands beside"),
        (
            "config: {}\n---\nconfig: {protected: true}\n",
            "line 3: a second YAML document, which th",
        ),
        ("---\n---\nconfig: {protected: true}\n", "line 3: a second YAML document"),
        ("config: {}\n---\nconfig: [\n", "line 4: a second YAML document"),
        ("config: {}\n...\nmore: 1\n", "line 3: a second YAML document"),
    ],
)
def test_what_the_engine_passes_over_is_refused_with_the_file_and_what_is_right(
    tmp_path: Path, text: str, told: str
) -> None:
    path = stored.file_of("dev", tmp_path)
    path.parent.mkdir()
    path.write_text(text)
    (problem,) = stored.in_file("dev", tmp_path)
    with pytest.raises(SettingsError) as caught:
        from_pulumi("dev", {}, (), [problem])
    assert f"\n  Pulumi.dev.yaml:{told}" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "# first\n---\nconfig: {}\n",
        "config: {}\n---\n",
        "config: {}\n...\n# end\n",
        "environment: [a]\nsecretsprovider: x\nencryptedkey: x\nencryptionsalt: x\nconfig: {}\n",
    ],
)
def test_a_file_that_the_engine_reads_whole_is_taken(tmp_path: Path, text: str) -> None:
    path = stored.file_of("dev", tmp_path)
    path.parent.mkdir()
    path.write_text(text)
    assert stored.in_file("dev", tmp_path) == []


def test_a_setting_that_stands_twice_is_refused() -> None:
    """The engine takes the later one, and a reader of the file may look at the other."""
    (problem,) = stored.in_config({"policy": {}, "firewalled-coder:policy": {}, "coder": {}})
    assert str(problem) == (
        "policy: stands twice, as policy and as firewalled-coder:policy; the second alone is right"
    )


def test_no_file_of_that_name_is_for_the_engine_to_tell(tmp_path: Path) -> None:
    assert stored.in_file("dev", tmp_path) == []


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("firewalledcoder:protected", "firewalled-coder:protected"),
        ("firewalled-code:policy", "firewalled-coder:policy"),
        ("FirewalledCoder:x", "firewalled-coder:x"),
        ("firewalled:x", "firewalled-coder:x"),
        ("coder:protected", "firewalled-coder:protected"),
        ("coder:policy.groups", "firewalled-coder:policy.groups"),
        ("pulumi:protected", "firewalled-coder:protected"),
    ],
)
def test_a_key_of_ours_with_another_namespace_is_told_with_the_right_one(
    key: str, right: str
) -> None:
    (problem,) = stored.strays([key])
    assert f"{problem.namespace}:{problem.key}" == key
    assert f"{right} is right" in problem.right


def test_what_others_read_stays() -> None:
    keys = ("pulumi:tags", "pulumi:template", "aws:region", "coderd:url", "kubernetes:context")
    assert list(stored.strays([*keys, "random:x", "firewalled-coder:protected", "protected"])) == []


def test_a_run_of_the_engine_is_refused_for_all_of_it() -> None:
    config = {
        "firewalled-coder:secrets": json.dumps({"coderToken": PLAIN, "bogus": PLAIN}),
        "firewalledcoder:protected": "true",
    }
    found = stored.in_config({"firewalled-coder:secrets": {"coderToken": PLAIN, "bogus": SECURE}})
    with pytest.raises(SettingsError) as caught:
        from_pulumi("dev", config, ["firewalled-coder:secrets"], found)
    told = str(caught.value)
    assert PLAIN not in told
    assert "\n  firewalled-coder:secrets.coderToken = [secret]: stands in clear" in told
    assert "\n  firewalled-coder:secrets.bogus = [secret]: unknown key; known here: aiPro" in told
    assert "\n  firewalledcoder:protected: no setting with the namespace firewalledcoder" in told


def test_of_a_copy_only_what_is_encrypted_is_kept() -> None:
    assert stored.encrypted(PLAIN) == {}
    assert stored.encrypted(SECURE) == SECURE
    secrets = {"coderToken": PLAIN, "bogus": [PLAIN], "mcp": {"a": SECURE, "b": PLAIN}}
    assert stored.encrypted(secrets) == {"mcp": {"a": SECURE}}


def test_an_unknown_key_is_named_encrypted_or_not() -> None:
    found = stored.in_config({"firewalled-coder:secrets": {"bogus": PLAIN, "other": SECURE}})
    assert [problem.key for problem in found] == ["secrets.bogus", "secrets.other"]
    assert all("unknown key; known here: aiProviders, coderToken" in each.right for each in found)
