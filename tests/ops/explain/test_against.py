"""`explain --against` says of Coder's own agents and the network what a preview says."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from ops import against
from ops import git as operations
from ops.cli import app
from ops.stack_reach import StackReach
from tests.ops.explain.asking import PREFIX, ROOT, change, machine, run
from tests.ops.explain.test_explain import git

SAME = "Template firewalled the same requests are allowed"
OPENING = {"to": "10.9.0.0/24", "ports": [5432], "why": "db"}
NETWORK = "the network opens (1):"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code, of which every test commits a copy with its settings."""
    folder = tmp_path_factory.mktemp("code")
    for name in ("components", "ops", "program"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "code")
    return folder


@pytest.fixture
def checkout(root: Path, repository: Path, asked_once: None) -> Path:
    """A repository whose last commit has the settings as they are."""
    shutil.copytree(repository, root, dirs_exist_ok=True)
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    return root


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str], StackReach]:
    """What was read of a stack at a commit, by the digest of all that stood there."""
    return {}


@pytest.fixture
def asked_once(answers: dict[tuple[str, str], StackReach], monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit's program is asked once for what it reads of a stack: it is a process each time."""
    ask = against.of_checkout

    def of_checkout(stack: str, root: Path, python: str) -> StackReach:
        tree = operations.run(root, "rev-parse", "HEAD^{tree}")
        if (stack, tree) not in answers:
            answers[stack, tree] = ask(stack, root, python)
        return answers[stack, tree]

    monkeypatch.setattr(against, "of_checkout", of_checkout)


def setting(root: Path, key: str) -> Any:
    document = yaml.safe_load((root / "stacks" / "Pulumi.dev.yaml").read_text())
    return document["config"].get(PREFIX + key) or {}


def allow_agents(root: Path) -> None:
    first, *others = setting(root, "templates")
    change(root, "dev", templates=[{**first, "agentsAllowed": True}, *others])


def open_network(root: Path) -> None:
    network = setting(root, "network")
    change(root, "dev", network={**network, "allow": [*network.get("allow", ()), OPENING]})


def test_nothing_that_changes_is_said_to_be_the_same(checkout: Path) -> None:
    status, said = run("dev", "--against", "HEAD")
    assert status == 0
    assert SAME in said
    assert "network" not in said
    assert "Coder's own agents" not in said


def test_coders_own_agents_and_the_network_count(checkout: Path) -> None:
    allow_agents(checkout)
    open_network(checkout)
    status, said = run("dev", "--against", "HEAD")
    assert status == 1
    assert "Coder's own agents reach every host from here: their tools run outside" in said
    assert "by the firewall the same requests are allowed" in said
    assert f"{NETWORK} • 10.9.0.0/24: TCP 5432; because: db" in said
    assert "**" not in said
    status, found = machine("dev", "--against", "HEAD", "--template", "firewalled")
    assert status == 1
    assert found["opens"] is True
    assert found["templates"][0]["coderAgents"] == {"before": False, "after": True}
    git(checkout, "commit", "-qam", "two")
    template = {**setting(checkout, "templates")[0], "agentsAllowed": False}
    network = setting(checkout, "network")
    network = {**network, "allow": network["allow"][:-1]}
    change(checkout, "dev", templates=[template], network=network)
    status, said = run("dev", "--against", "HEAD", "--template", "firewalled")
    assert status == 0
    assert "Coder's own agents may no longer use it" in said
    assert "the network closes (1):" in said


def test_a_contract_that_is_weakened_counts_against_a_commit(checkout: Path) -> None:
    policy = {**setting(checkout, "policy"), "highestGrade": "G"}
    first, *others = setting(checkout, "templates")
    change(checkout, "dev", policy={**policy, "mustDeny": []})
    status, said = run("dev", "--against", "HEAD")
    assert status == 1
    assert SAME in said
    assert "The policy's contract" in said
    assert "⚠️ no longer demanded: mustDeny GET https://registry.npmjs.org/left-pad" in said
    # The template's own takes the place of the stack's.
    own = {"groups": policy.get("groups"), "highestGrade": "H"}
    own = {key: value for key, value in own.items() if value is not None}
    change(checkout, "dev", policy=policy, templates=[{**first, "policy": own}, *others])
    status, found = machine("dev", "--against", "HEAD")
    assert status == 1
    assert found["opens"] is False
    assert found["contract"]["templates"]["firewalled"]["replacesTheStacks"] is True
    git(checkout, "commit", "-qam", "two")
    assert run("dev", "--against", "HEAD")[0] == 0
    # Demanded anew is no weakening, and is told.
    change(checkout, "dev", templates=[first, *others])
    status, said = run("dev", "--against", "HEAD")
    assert status == 0
    assert "newly demanded: mustDeny GET https://registry.npmjs.org/left-pad" in said


def test_code_whose_contract_cannot_be_read_is_said_and_not_compared(checkout: Path) -> None:
    settings = checkout / "components" / "settings" / "policy.py"
    settings.write_text(settings.read_text().replace("def demands(", "def before_demands("))
    git(checkout, "commit", "-qam", "other names")
    change(checkout, "dev", policy={**setting(checkout, "policy"), "mustDeny": []})
    status, said = run("dev", "--against", "HEAD")
    assert status == 0
    assert "the policy's contract at HEAD cannot be read, so it is not compared" in said
    assert SAME in said


def test_both_count_against_a_stack(root: Path) -> None:
    (root / "stacks" / "Pulumi.other.yaml").write_text(
        (root / "stacks" / "Pulumi.dev.yaml").read_text()
    )
    assert run("dev", "--against", "other")[0] == 0
    open_network(root)
    assert run("dev", "--against", "other")[0] == 1
    status, found = machine("dev", "--against", "other")
    assert (status, found["opens"]) == (1, True)
    assert run("other", "--against", "dev")[0] == 0


@pytest.mark.parametrize(
    ("release", "opens", "words"),
    [
        ("v0.5.4", True, "Boundary v0.5.4 takes domain= for every host below it"),
        ("v1.0.0", False, "nothing is known of how Boundary v1.0.0 decides"),
    ],
)
def test_a_release_that_decides_otherwise_is_no_success(
    checkout: Path, release: str, opens: bool, words: str
) -> None:
    change(
        checkout, "dev", workspaces={**setting(checkout, "workspaces"), "boundaryVersion": release}
    )
    status, said = run("dev", "--against", "HEAD", "--template", "firewalled")
    assert status == 1
    assert words in said
    status, found = machine("dev", "--against", "HEAD", "--template", "firewalled")
    assert (status, found["opens"]) == (1, opens)
    assert words in found["templates"][0]["boundaryRelease"]["doubt"].replace("`", "")


def test_what_is_piped_can_be_searched(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # which pytest-xdist sets
    (root / "stacks" / "Pulumi.other.yaml").write_text(
        (root / "stacks" / "Pulumi.dev.yaml").read_text()
    )
    hosts = [f"{'a-long-label.' * 9}{n}.example.com" for n in range(2)]
    rules = [{"rule": f"method=GET domain={host} path=/x/*", "why": "a"} for host in hosts]
    open_network(root)
    change(root, "dev", policy={**setting(root, "policy"), "rules": rules})
    result = CliRunner().invoke(app, ["explain", "dev", "--against", "other"])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    for host in hosts:
        (line,) = [line for line in lines if host in line]
        assert line.startswith("opens")
        assert line.endswith("/x/*")
    assert max(map(len, lines)) < 400, "filled up with nothing"


def test_code_whose_network_cannot_be_read_is_said_and_not_compared(checkout: Path) -> None:
    (checkout / "components" / "network" / "manifests.py").write_text("")
    git(checkout, "commit", "-qam", "other names")
    status, said = run("dev", "--against", "HEAD")
    assert status == 0
    assert "the network policy at HEAD cannot be read, so it is not compared" in said
    assert SAME in said
    allow_agents(checkout)
    assert run("dev", "--against", "HEAD")[0] == 1
