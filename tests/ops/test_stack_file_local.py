"""The engine and ops read the same stack files alike."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pulumi import automation
from pulumi.runtime import config as runtime

from components.settings.load import structured
from ops import engine, host, stack_file
from tests.ops.stack_files import ACCEPTED, REFUSED, scalars


@dataclass(frozen=True)
class Engine:
    """What the engine reads in a stack's file of the project `p` that has some content.

    Attributes:
        given: what it gives a program.
        shown: what it shows, for which it starts none.
    """

    given: Callable[[str], dict[str, Any]]
    shown: Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    root = tmp_path_factory.mktemp("project")
    (root / "stacks").mkdir()
    (root / "state").mkdir()
    (root / "Pulumi.yaml").write_text(
        f"name: p\nruntime: python\nstackConfigDir: stacks\nbackend: {{url: 'file://{root}/state'}}\n"
    )
    seen: dict[str, str] = {}

    def program() -> None:
        seen.update(runtime.CONFIG.get() or {})

    file = root / "stacks" / "Pulumi.dev.yaml"
    workspace = automation.LocalWorkspace(
        work_dir=str(root),
        program=program,
        pulumi_command=engine._command(lambda _: None),
        env_vars={
            "PULUMI_CONFIG_PASSPHRASE": "reading",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # The program declares nothing: what its packages name is not looked for, for seconds.
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        },
    )
    stack = host.Stack("dev", workspace, host.StackInitMode.CREATE)

    salt = file.read_text()

    def given(text: str) -> dict[str, Any]:
        seen.clear()
        file.write_bytes(with_salt(text, salt).encode())
        stack.preview()
        return {key: structured(value) for key, value in seen.items()}

    def shown(text: str) -> dict[str, Any]:
        file.write_bytes(with_salt(text, salt).encode())
        found = stack._run_pulumi_cmd_sync(["config", "--json", "--show-secrets"]).stdout
        return {key: structured(each["value"]) for key, each in json.loads(found).items()}

    return Engine(given, shown)


def with_salt(text: str, salt: str) -> str:
    """Return a file with the stack's salt at its end, if that can stand there.

    Without it the engine makes another one, which takes it longer than all the rest.
    """
    try:
        same = ours(text + salt) == ours(text)
    except stack_file.StackFileError:
        return text
    return text + salt if same else text


def ours(text: str) -> dict[str, Any]:
    config = stack_file.config(text.encode())
    own = f"{stack_file.PROJECT}:"
    return {
        f"p:{key.removeprefix(own)}" if key.startswith(own) else key: structured(value)
        for key, value in config.items()
    }


@pytest.mark.parametrize("text", [scalars(), *ACCEPTED])
def test_a_file_has_one_meaning(read: Engine, text: str) -> None:
    engines = read.shown(text)
    assert ours(text) == engines
    # 1 and true are equal to Python, and not to a setting.
    assert repr(sorted(ours(text).items())) == repr(sorted(engines.items()))


@pytest.mark.parametrize("text", [scalars(), ACCEPTED[0]])
def test_a_program_is_given_what_the_engine_shows(read: Engine, text: str) -> None:
    """All values that there are; of the other files what differs is how they are written."""
    assert repr(sorted(read.given(text).items())) == repr(sorted(read.shown(text).items()))


def test_what_ops_writes_means_the_same_to_the_engine(read: Engine) -> None:
    text = scalars()
    copy = stack_file.written(stack_file.completed(text.encode())).decode()
    assert repr(sorted(read.shown(copy).items())) == repr(sorted(ours(text).items()))


@pytest.mark.parametrize("text", REFUSED)
def test_the_engine_refuses_what_ops_refuses(read: Engine, text: str) -> None:
    with pytest.raises(automation.CommandError):
        read.shown(text)
