"""How much a template may say before Linux starts none of its scripts."""

import subprocess
from typing import Any

import pytest

from components.claude_code import ClaudePolicy
from components.errors import ArgsError
from components.syntax import ARGUMENT_LENGTH
from components.workspace_template.wiring import Firewall, ModuleVersions
from tests.components.workspace_template.planning import Make


def firewall(rules: int) -> Firewall:
    """A firewall of so many rules, each with its line of 80 characters."""
    said = [f"domain=host-{n:05}.example.gov path=/{'p' * 36}/*" for n in range(rules)]
    config = "allowlist:\n" + "".join(f"  - {each}\n" for each in said)
    return Firewall(config, policy=[{"rule": each} for each in said])


def settings(characters: int) -> ClaudePolicy:
    """Managed settings of about so many characters."""
    hook = {"event": "Stop", "command": f"# {'x' * characters}"}
    return ClaudePolicy.model_validate({"hooks": [hook], "bypass": True})


def of_module(release: str, **given: Any) -> dict[str, Any]:
    return {"module_versions": ModuleVersions(release), "tasks": False, **given}


def test_linux_takes_no_longer_argument() -> None:
    fill = f": {'x' * (ARGUMENT_LENGTH - 2)}"
    assert subprocess.run(["bash", "-c", fill], check=False).returncode == 0
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["bash", "-c", f"{fill}x"], check=False)


@pytest.mark.parametrize(
    ("given", "more"),
    [
        (of_module("5.4.0", firewall=firewall(700)), {"firewall": firewall(800)}),
        (of_module("5.4.0", firewall=firewall(500)), {"claude_policy": settings(25_000)}),
        (of_module("4.7.3", firewall=firewall(400)), {"firewall": firewall(550)}),
        (of_module("4.9.2", firewall=firewall(300)), {"firewall": firewall(400)}),
        (of_module("4.10.0", firewall=firewall(300)), {"firewall": firewall(400)}),
        # Module 5 puts them into a longer script of its own, too.
        (
            of_module("5.4.0", firewall=None, claude_policy=settings(62_000)),
            {"claude_policy": settings(66_500)},
        ),
        (
            of_module("4.7.3", firewall=None, claude_policy=settings(45_000)),
            {"claude_policy": settings(55_000)},
        ),
    ],
)
def test_what_no_workspace_could_start_with_is_refused(
    template_args: Make, given: dict[str, Any], more: dict[str, Any]
) -> None:
    template_args(**given)
    with pytest.raises(ArgsError, match=r"template 'firewalled': .* of which Linux takes 131,071"):
        template_args(**given | more)


def test_a_refusal_names_all_that_makes_the_script_long(template_args: Make) -> None:
    long = firewall(800)
    with pytest.raises(ArgsError) as refused:
        template_args(**of_module("5.4.0", firewall=long, claude_policy=settings(2_000)))
    (problem,) = refused.value.problems
    assert problem.startswith(f"{len(long.config):,} bytes of the firewall's policy and 2,")
    assert " bytes of Claude Code's managed settings make a start script of 1" in problem
    assert problem.endswith(" (MAX_ARG_STRLEN): shorten them")
