import base64
import json
import os
import re
import stat
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from components.claude_code import ClaudePolicy
from components.errors import ArgsError
from components.workspace_template.args import WorkspaceTemplateArgs
from components.workspace_template.render import render
from components.workspace_template.source import SOURCE
from components.workspace_template.values import SizeChoice, Sizes
from components.workspace_template.wiring import Firewall, ModuleVersions, ProviderVersions
from tests.components.workspace_template.sessions import MANAGED_SETTINGS

Make = Callable[..., WorkspaceTemplateArgs]
BOUNDARY = {
    "boundary.yaml",
    "claude_in_jail.sh",
    "jail_audit.sh",
    "jail_state.sh",
    "jail_watch.sh",
    "put_claude_in_jail.sh",
    "root_path.sh",
    "workspace_stat.sh",
    "write_boundary_config.sh",
}


def tree(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*")}


def test_same_arguments_same_bytes(template_args: Make, tmp_path: Path) -> None:
    args = template_args(agent_variables={"B": "2", "A": "1"})
    one, two = render(args), render(replace(args, agent_variables={"A": "1", "B": "2"}))
    assert one == two
    assert tree(one.write(tmp_path / "1")) == tree(two.write(tmp_path / "2")) == one.files


def test_firewall_on(template_args: Make) -> None:
    rendered = render(template_args())
    assert rendered.files.keys() >= BOUNDARY
    assert rendered.files["boundary.yaml"] == template_args().firewall.config.encode()
    assert rendered.variables == {
        "boundary_version": "v0.9.0",
        "firewall": "true",
        "git_credentials": "true",
        "gitlab_external_auth_id": "gitlab",
        "jail_type": "landjail",
        "namespace": "coder-workspaces",
        "no_user_namespace": "false",
        "seccomp_unconfined": "false",
        "use_kubeconfig": "false",
        "workspace_image": "codercom/enterprise-base:ubuntu-noble-20260601",
    }


def test_firewall_off_is_the_same_source_without_boundary(template_args: Make) -> None:
    on, off = render(template_args()), render(template_args(firewall=None))
    assert set(on.files) - set(off.files) == BOUNDARY
    different = {name for name, data in off.files.items() if data != on.files[name]}
    assert different == {"agent_env.json"}
    assert json.loads(off.files["agent_env.json"]) == {}
    assert off.variables["firewall"] == "false"
    assert on.variables.keys() - off.variables.keys() == {"boundary_version", "jail_type"}


def test_tasks_are_one_file_or_the_other(template_args: Make) -> None:
    on, off = render(template_args()).files, render(template_args(tasks=False)).files
    assert ("tasks.tf" in on, "without_tasks.tf" in on) == (True, False)
    assert ("tasks.tf" in off, "without_tasks.tf" in off) == (False, True)
    # Coder takes a template for a Task template when the resource is there, whatever its count.
    hcl = b"".join(data for name, data in off.items() if name.endswith(".tf"))
    assert b'"coder_ai_task"' not in hcl
    assert b"data.coder_task" not in hcl


def test_sizes_and_module_versions_are_data(template_args: Make) -> None:
    args = template_args(
        sizes=Sizes(cpu=SizeChoice((1, 3), 3)), module_versions=ModuleVersions("4.8.1", "1.4.0")
    )
    files = render(args).files
    assert json.loads(files["sizes.json"])["cpu"] == {"options": [1, 3], "default": 3}
    assert json.loads(files["versions_override.tf.json"]) == {
        "module": {"claude_code": {"version": "4.8.1"}, "code_server": {"version": "1.4.0"}}
    }
    assert "versions_override.tf.json" not in render(template_args()).files


def test_what_is_taken_from_elsewhere_is_told_by_its_release(template_args: Make) -> None:
    pins = render(template_args(provider_versions=ProviderVersions(coder="2.21.0"))).pins
    assert pins == {
        "image": "codercom/enterprise-base:ubuntu-noble-20260601",
        "Boundary": "v0.9.0",
        "module claude-code": "4.7.3",
        "module code-server": "1.3.1",
        "provider coder/coder": "2.21.0",
        "provider hashicorp/kubernetes": "3.2.1",
    }
    assert "Boundary" not in render(template_args(firewall=None)).pins


@pytest.mark.parametrize(
    "given",
    [
        {"firewall": None},
        {"firewall": Firewall("allowlist: []\n")},
        {"firewall": Firewall("allowlist: []\n", jail_type="nsjail")},
        {"image": "other:1"},
        {"namespace": "other"},
        {"use_kubeconfig": True},
        {"gitlab_external_auth_id": "gitlab-eu"},
        {"sizes": Sizes(cpu=SizeChoice((2,), 2))},
        {"tasks": False},
        {"git_credentials": False},
        {"agent_variables": {"A": "1"}},
        {"module_versions": ModuleVersions("4.7.4")},
        {"provider_versions": ProviderVersions(coder="2.21.0")},
        {"provisioner_tags": {"zone": "gov"}},
    ],
)
def test_digest_changes_with_content(template_args: Make, given: dict[str, object]) -> None:
    assert render(template_args(**given)).digest != render(template_args()).digest


@pytest.mark.parametrize(
    "given", [{"description": "new words"}, {"name": "other"}, {"stack": "usgov"}, {"icon": "/x"}]
)
def test_digest_stays_without_new_content(template_args: Make, given: dict[str, object]) -> None:
    assert render(template_args(**given)).digest == render(template_args()).digest


def test_directory_is_by_stack_and_template(template_args: Make) -> None:
    assert str(render(template_args()).directory) == "build/templates/dev/firewalled"


def test_write_refuses_a_directory_that_is_somebody_elses(
    template_args: Make, tmp_path: Path
) -> None:
    rendered = render(template_args(directory="docs"))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("mine")
    with pytest.raises(ArgsError, match=r"directory docs holds page\.md and no template"):
        rendered.write(tmp_path)
    assert [each.name for each in (tmp_path / "docs").iterdir()] == ["page.md"]


def test_write_removes_what_is_foreign_and_leaves_what_is_right(
    template_args: Make, tmp_path: Path
) -> None:
    rendered = render(template_args())
    directory = rendered.write(tmp_path)
    outside = tmp_path / "outside"
    outside.write_text("untouched")
    (directory / ".main.tf.0badcafe").write_text("left by a killed run")
    (directory / ".terraform").mkdir()
    (directory / ".terraform" / "x").write_text("x")
    (directory / "sizes.json").write_text("{}")
    (directory / "main.tf").unlink()
    (directory / "main.tf").symlink_to(outside)
    kept = directory / "kubernetes.tf"
    before = kept.stat()
    rendered.write(tmp_path)
    assert tree(directory) == rendered.files
    assert not (directory / "main.tf").is_symlink()
    assert outside.read_text() == "untouched"
    assert (kept.stat().st_mtime_ns, kept.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def boundary_script(files: dict[str, bytes]) -> bytes:
    """What the HCL makes of the two files; test_terraform.py holds it to the same."""
    config = base64.b64encode(files["boundary.yaml"])
    return files["write_boundary_config.sh"].replace(b"@CONFIG_BASE64@", config)


def run(script: bytes, home: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash"],
        input=script,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **env},
        capture_output=True,
        check=False,
    )


def test_script_writes_the_config_byte_for_byte(template_args: Make, tmp_path: Path) -> None:
    files = dict(render(template_args()).files)
    script = boundary_script(files)
    for _ in range(2):
        done = run(script, tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        config = tmp_path / ".config/coder_boundary/config.yaml"
        assert config.read_bytes() == files["boundary.yaml"]
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        assert [p.name for p in config.parent.iterdir()] == ["config.yaml"]
        assert Path("/tmp/boundary_logs").is_dir()


def test_script_writes_where_boundary_reads(template_args: Make, tmp_path: Path) -> None:
    files = dict(render(template_args()).files)
    config = tmp_path / "a b" / "policy.yaml"
    assert run(boundary_script(files), tmp_path, BOUNDARY_CONFIG=str(config)).returncode == 0
    assert config.read_bytes() == files["boundary.yaml"]
    assert not (tmp_path / ".config").exists()


def test_script_replaces_an_older_policy(template_args: Make, tmp_path: Path) -> None:
    config = tmp_path / ".config/coder_boundary/config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("allowlist: ['']\n")
    config.chmod(0o644)
    files = dict(render(template_args()).files)
    assert run(boundary_script(files), tmp_path).returncode == 0
    assert config.read_bytes() == files["boundary.yaml"]
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


def test_script_fails_and_keeps_the_old_policy(template_args: Make, tmp_path: Path) -> None:
    files = dict(render(template_args()).files)
    config = tmp_path / ".config/coder_boundary/config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("old")
    script = files["write_boundary_config.sh"].replace(b"@CONFIG_BASE64@", b"not*base64")
    assert run(script, tmp_path).returncode != 0
    assert config.read_text() == "old"
    assert [p.name for p in config.parent.iterdir()] == ["config.yaml"]


def test_managed_settings_are_a_file_and_a_script(template_args: Make) -> None:
    policy = ClaudePolicy.model_validate({"bypass": True})
    without, having = (render(template_args(**g)) for g in ({}, {"claude_policy": policy}))
    assert having.files.keys() - without.files.keys() == {
        "managed-settings.json",
        "write_managed_settings.sh",
    }
    assert having.files["managed-settings.json"] == policy.to_json().encode()
    assert having.digest != without.digest


@pytest.mark.skipif(os.geteuid() != 0, reason="without root it asks for sudo")
def test_managed_settings_are_written_for_everybody_to_read(tmp_path: Path) -> None:
    target = tmp_path / "etc" / "claude-code" / MANAGED_SETTINGS.name
    script = (SOURCE / "write_managed_settings.sh").read_text()
    assert script.count(f"={MANAGED_SETTINGS}\n") == 1
    script = script.replace(str(MANAGED_SETTINGS), str(target))
    for content in (b"{}\n", b'{"a": "\xc3\xa9 $x"}\n'):
        encoded = base64.b64encode(content).decode()
        done = run(f"umask 077\n{script}".replace("@SETTINGS_BASE64@", encoded).encode(), tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert target.read_bytes() == content
        assert stat.S_IMODE(target.stat().st_mode) == 0o644
        assert stat.S_IMODE(target.parent.stat().st_mode) == 0o755
        assert [each.name for each in target.parent.iterdir()] == [target.name]
    assert run(script.replace("@SETTINGS_BASE64@", "no*base64").encode(), tmp_path).returncode != 0
    assert target.read_bytes() == content


def test_without_root_managed_settings_are_written_with_sudo(tmp_path: Path) -> None:
    script = (SOURCE / "write_managed_settings.sh").read_text().replace("@SETTINGS_BASE64@", "e30K")
    for name, text in {
        "id": "echo 1000",
        "sudo": 'printf "%s " "$@" >> said; echo >> said',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash"], input=script.encode(), env={"PATH": path}, cwd=tmp_path, check=False
    )
    assert done.returncode == 0
    first, second = (tmp_path / "said").read_text().splitlines()
    assert first.startswith("-n install -D -m 0644 /")
    new = first.rpartition(" /")[2].rstrip()
    assert re.fullmatch(rf"{MANAGED_SETTINGS}\.\d+", f"/{new}")
    assert second == f"-n mv -f /{new} {MANAGED_SETTINGS} "


@pytest.mark.skipif(os.geteuid() != 0, reason="without root it asks for sudo")
def test_managed_settings_are_written_by_several_scripts_at_once(tmp_path: Path) -> None:
    target = tmp_path / "claude-code" / MANAGED_SETTINGS.name
    script = (SOURCE / "write_managed_settings.sh").read_text().replace("@SETTINGS_BASE64@", "e30K")
    script = script.replace(str(MANAGED_SETTINGS), str(target))
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: run(script.encode(), tmp_path), range(40)))
    assert {each.returncode for each in done} == {0}
    assert target.read_text() == "{}\n"
    assert [each.name for each in target.parent.iterdir()] == [target.name]


def test_every_file_of_the_source_is_told_used_or_not(template_args: Make) -> None:
    confined, free = render(template_args()), render(template_args(firewall=None))
    assert confined.source == free.source
    assert set(confined.source) == {path.name for path in SOURCE.iterdir()}
    assert confined.boundary["jail_type"] == "landjail"
    assert not free.boundary
