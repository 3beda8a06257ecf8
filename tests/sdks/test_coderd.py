"""The committed SDK of the coderd provider against its schema and the generator."""

import base64
import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pulumi_coderd
import pytest
import yaml

from toolchain import sdk, tools

SCHEMA = json.loads(sdk.SCHEMA.read_text())


def test_committed_sdk_is_what_the_generator_writes() -> None:
    assert sdk.stale() == ()


def test_any_difference_is_found(tmp_path: Path) -> None:
    copy = tmp_path / "coderd"
    shutil.copytree(sdk.SDK, copy, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    (copy / "pulumi_coderd" / "group.py").unlink()
    (copy / "pulumi_coderd" / "template.py").open("a").write("# edited\n")
    (copy / "pulumi_coderd" / "extra.py").touch()
    assert sdk.stale(copy) == (
        "pulumi_coderd/extra.py",
        "pulumi_coderd/group.py",
        "pulumi_coderd/template.py",
    )
    sdk.write(copy)
    assert sdk.stale(copy) == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is no package schema"),
        ('{"name": "x", "resources": {"x:index:A": {"properties": {"a": {}}}}}', "x:index:A"),
    ],
)
def test_a_bad_schema_changes_nothing(tmp_path: Path, text: str, reason: str) -> None:
    schema, folder = tmp_path / "schema.json", tmp_path / "kept"
    schema.write_text(text)
    folder.mkdir()
    (folder / "file").write_text("kept")
    with pytest.raises(sdk.SdkError, match=reason) as error:
        sdk.write(folder, schema)
    assert "goroutine" not in str(error.value)
    assert [path.read_text() for path in tmp_path.rglob("*") if path.is_file()].count("kept") == 1
    assert not list(tmp_path.glob(".*"))


def test_the_make_target_checks() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "toolchain.sdk", "--check"],
        cwd=tools.ROOT,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"")


def test_the_installed_package_is_the_committed_one() -> None:
    """What the program imports comes from sdks/coderd, not from an older installation."""
    installed = Path(pulumi_coderd.__file__).parent
    for path in (sdk.SDK / "pulumi_coderd").glob("*.py"):
        assert (installed / path.name).read_bytes() == path.read_bytes(), path.name
    assert metadata.version("pulumi_coderd") == SCHEMA["version"]


def test_the_package_is_the_one_that_the_project_declares() -> None:
    """`pulumi install` bridges the provider that Pulumi.yaml names: the schema must be of it."""
    declared = yaml.safe_load((tools.ROOT / "Pulumi.yaml").read_text())["packages"]["coderd"]
    name, version = declared["parameters"]
    bridge = SCHEMA["parameterization"]
    assert bridge["baseProvider"] == {"name": declared["source"], "version": declared["version"]}
    assert json.loads(base64.b64decode(bridge["parameter"])) == {
        "remote": {"url": f"registry.opentofu.org/{name}", "version": version}
    }
    assert SCHEMA["version"] == version
