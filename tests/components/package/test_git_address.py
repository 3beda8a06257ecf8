"""`pulumi package add` from a git address, with the engine's own git, over TLS."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from components import VERSION
from ops.project import ROOT
from tests.components.package.git_server import NAME, serving
from toolchain import engine, tools

ADDRESS = f"{NAME}/platform/firewalled-coder.git/components"
(OURS,) = (path for path in sys.path if path.endswith("site-packages"))


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def forge(tmp_path: Path) -> Path:
    """A folder of repositories with this one, its release tagged."""
    source = tmp_path / "source"
    kept = shutil.ignore_patterns("build", "__pycache__", "*.egg-info")
    for name in ("components", "sdks"):
        shutil.copytree(ROOT / name, source / name, ignore=kept)
    shutil.copy(ROOT / "pyproject.toml", source)
    git(source, "init", "--quiet", "--initial-branch=main")
    git(source, "add", "--all")
    git(source, "commit", "--quiet", "--message=first")
    git(source, "tag", "v0.0.1")
    git(source, "commit", "--quiet", "--allow-empty", "--message=second")
    git(source, "tag", f"v{VERSION}")
    repository = tmp_path / "forge" / "platform" / "firewalled-coder.git"
    git(source, "clone", "--quiet", "--bare", ".", str(repository))
    return tmp_path / "forge"


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """A folder with the language hosts; Python's has packages from an index, not by the proxy."""
    folder = tmp_path / "hosts"
    folder.mkdir()
    host = folder / "pulumi-language-python"
    host.write_text(
        "#!/bin/sh\nunset HTTPS_PROXY SSL_CERT_FILE\n"
        f'PYTHONPATH={ROOT}:$PYTHONPATH exec {sys.executable} -m local.python_host "$@"\n'
    )
    host.chmod(0o755)
    (folder / "pulumi-language-yaml").symlink_to(tools.build("pulumi-language-yaml"))
    return folder


def test_a_package_is_added_by_its_git_address(
    forge: Path, hosts: Path, builds: dict[str, str], tmp_path: Path
) -> None:
    """Without a release, which is its newest; then by its release, which is there already."""
    keys = tmp_path / "keys"
    keys.mkdir()
    # Of one that is there, the engine writes down its release.
    for version, written in (("", ""), (f"@v{VERSION}", f"@{VERSION}")):
        project = tmp_path / f"project{version}"
        project.mkdir()
        (project / "Pulumi.yaml").write_text("name: governed\nruntime: yaml\n")
        with serving(forge, keys) as proxy:
            environ = {
                **os.environ,
                **builds,
                "PATH": f"{hosts}:{os.environ['PATH']}",
                "PULUMI_HOME": str(tmp_path / "home"),
                "PULUMI_BACKEND_URL": tmp_path.as_uri(),
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                "SSL_CERT_FILE": str(keys / "ca.crt"),
                "HTTPS_PROXY": proxy,
                # The plugin's environment is its own; what it is made of is here already.
                "PYTHONPATH": f"{builds['PYTHONPATH']}:{OURS}",
            }
            # Language hosts are looked for on PATH only without it.
            environ.pop("PULUMI_IGNORE_AMBIENT_PLUGINS", None)
            address = f"https://{ADDRESS}{version}"
            done = subprocess.run(
                [engine.find(), "package", "add", address, "--non-interactive"],
                cwd=project,
                env=environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=300,
                check=False,
            )
        assert done.returncode == 0, done.stdout
        packages = yaml.safe_load((project / "Pulumi.yaml").read_text())["packages"]
        assert packages == {"firewalledcoder": f"{ADDRESS}{written}"}
        (plugin,) = (
            each for each in (tmp_path / "home" / "plugins").glob("resource-*") if each.is_dir()
        )
        assert re.fullmatch(rf"resource-{NAME}_.*-v{re.escape(VERSION)}", plugin.name)
        assert (plugin / "components" / "PulumiPlugin.yaml").is_file()
