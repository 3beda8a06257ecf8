"""What a plan makes of module 5 of claude-code, and of programs of a stack's own with both."""

import base64
import json
from typing import Any

import pytest

from components.programs import Program
from components.releases import CLAUDE_CODE
from components.workspace_template.render import render
from components.workspace_template.source import SOURCE
from components.workspace_template.wiring import Firewall, ModuleVersions
from tests.components.workspace_template.planning import (
    SESSION_TOKEN,
    TASK,
    Make,
    Plan,
    choose,
    every,
    outputs,
    resources,
)
from tests.components.workspace_template.sessions import SHEBANG, put_script

FIVE: dict[str, Any] = {"module_versions": ModuleVersions(), "tasks": False}
DIGEST = "0" * 64
BOUNDARY = Program(url="https://files.example.gov/boundary.tar.gz", sha256=DIGEST)
CLAUDE = Program(url="https://files.example.gov/claude?v=2", sha256="1" * 64)
PROGRAMS = "$HOME/.local/share/firewalled-coder/programs"


def app_command(prompt: str, program: str = "claude-terminal") -> str:
    """The app's command as the HCL makes it."""
    hcl = (SOURCE / "claude_code_5.tf").read_text().partition('join("; ", [')[2]
    lines = [json.loads(line.strip().rstrip(",")) for line in hcl.partition("])")[0].split("\n")
             if line.strip()]  # fmt: skip
    encoded = base64.b64encode(prompt.encode()).decode()
    script = "; ".join(lines).replace("${base64encode(local.prompt)}", encoded)
    script = script.replace("${local.claude_command}", program)
    return f"sh -c '{script}'"


def assignments(script: str) -> dict[str, str]:
    """What a policy script tells install_programs.sh."""
    names = ("boundary_release", "boundary_path", "boundary_url", "boundary_sha256")
    names += ("claude_url", "claude_sha256")
    lines = [line.partition("=") for line in script.splitlines()]
    return {name: value.strip("'") for name, _, value in lines if name in names and value != "''"}


def test_the_firewall_is_put_around_claude_by_the_template(plan: Plan, template_args: Make) -> None:
    planned = plan(**FIVE)
    given = outputs(planned, "claude_code")
    script = given.pop("pre_install_script")
    assert given == {
        "workdir": "/home/coder",
        "enable_ai_gateway": True,
        "install_claude_code": True,
        "claude_binary_path": "$HOME/.local/bin",
        "disable_autoupdater": False,
        "managed_settings": None,
    }
    (own,) = resources(planned, "coder_script")
    assert (own["script"], own["start_blocks_login"], own["timeout"]) == (script, True, 300)
    files = render(template_args(**FIVE)).files
    policy = files["boundary.yaml"]
    # First the claude that starts nothing yet, then what it needs, and last what it is held to.
    first = f"{SHEBANG}{put_script(policy, installed=True)}"
    rest = (SOURCE / "install_programs.sh").read_text()
    assert script.startswith(f"{first}\nboundary_path=''\nboundary_release='v0.9.0'\n")
    assert assignments(script) == {"boundary_release": "v0.9.0"}
    written = files["write_boundary_config.sh"].decode()
    written = written.replace("@CONFIG_BASE64@", base64.b64encode(policy).decode())
    assert script.endswith(f"\n{rest}\n{written}")


def test_the_module_is_the_one_that_the_hcl_names(template_args: Make) -> None:
    for wiring, release in CLAUDE_CODE.items():
        rendered = render(template_args(module_versions=ModuleVersions(release), tasks=False))
        assert "versions_override.tf.json" not in rendered.files
        hcl = rendered.files[f"claude_code_{wiring}.tf"].decode()
        assert f'version = "{release}"' in hcl
        assert rendered.pins["module claude-code"] == release
        assert f"claude_code_{9 - wiring}.tf" not in rendered.files


@pytest.mark.parametrize("confined", [True, False])
def test_the_owners_token_is_there_once(plan: Plan, confined: bool) -> None:
    planned = plan(**FIVE | ({} if confined else {"firewall": None}))
    found = [each for each in every(planned, "coder_env") if each["value"] == SESSION_TOKEN]
    assert [each["name"] for each in found] == ["ANTHROPIC_AUTH_TOKEN"]


def test_without_a_firewall_nothing_is_put_or_fetched(plan: Plan, template_args: Make) -> None:
    planned = plan(firewall=None, **FIVE)
    assert outputs(planned, "claude_code")["pre_install_script"] is None
    assert resources(planned, "coder_script") == []
    assert not [
        name for name in render(template_args(firewall=None, **FIVE)).files if ".sh" in name
    ]


@pytest.mark.parametrize("prompt", ["", "it's \"$HOME\" `id`\n-x 'é'"])
def test_an_app_starts_claude_in_a_terminal_with_the_owners_prompt(plan: Plan, prompt: str) -> None:
    # A Task's own prompt means nothing here: nothing of the template reads it.
    (app,) = resources(plan(TASK | choose(ai_prompt=prompt), **FIVE), "coder_app")
    assert (app["slug"], app["url"]) == ("claude-code", None)
    assert app["command"] == app_command(prompt)
    assert app["command"].count("'") == 2


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (BOUNDARY, {"boundary_url": BOUNDARY.url, "boundary_sha256": DIGEST}),
        (Program(path="/opt/b/boundary"), {"boundary_path": "/opt/b/boundary"}),
    ],
)
@pytest.mark.parametrize("wiring", [4, 5])
def test_programs_of_the_stacks_own(
    plan: Plan, program: Program, told: dict[str, str], wiring: int
) -> None:
    planned = plan(
        firewall=Firewall("allowlist: []\n", program=program),
        claude_program=CLAUDE,
        module_versions=ModuleVersions(CLAUDE_CODE[wiring]),
        tasks=False,
    )
    given = outputs(planned, "claude_code")
    script = given["pre_install_script"]
    assert assignments(script) == told | {
        "claude_url": CLAUDE.url, "claude_sha256": CLAUDE.sha256
    }  # fmt: skip
    put = put_script(b"allowlist: []\n", installed=True, own=f"{PROGRAMS}/claude")
    assert script.startswith(f"{SHEBANG}{put}\n")
    assert (given["install_claude_code"], given["disable_autoupdater"]) == (False, True)
    if wiring == 4:
        # Its own start script finds the template's claude, and no Boundary of GitHub's.
        assert (given["enable_boundary"], given["use_boundary_directly"]) == (False, False)
        jailed = "$HOME/.local/share/firewalled-coder/jailed"
        assert given["claude_binary_path"] == jailed
    else:
        # Where a jailed agent leaves nothing; the template's own claude finds the program.
        assert given["claude_binary_path"] == "/usr/bin"


def test_a_claude_of_the_image_needs_nothing_fetched(plan: Plan, template_args: Make) -> None:
    given = {"claude_program": Program(path="/opt/claude/claude"), "firewall": None}
    taken = outputs(plan(**given), "claude_code")
    assert (taken["install_claude_code"], taken["claude_binary_path"]) == (False, "/opt/claude")
    assert "install_programs.sh" not in render(template_args(**given)).files
    pins = render(template_args(**given)).pins
    assert pins["Claude Code's program"] == "/opt/claude/claude of the image"


def test_a_release_is_named_as_its_makers_tag_it(template_args: Make) -> None:
    firewall = Firewall("allowlist: []\n", boundary_version="0.9.0")
    assert render(template_args(firewall=firewall)).variables["boundary_version"] == "v0.9.0"
