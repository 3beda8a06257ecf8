"""Small inline programs on the real engine, each with a backend in a directory of its own.

`random` is always the stand-in, of which these are tests; Kubernetes is its own provider.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from pulumi import automation
from pulumi.automation._stack import StackInitMode

from local import keys
from local.providers import engine_environment, locate, serve
from ops import host, interrupts
from ops.engine import root_of
from toolchain import engine as engines
from toolchain import plugins


class Bench:
    """Makes stacks whose programs are given one update at a time."""

    def __init__(
        self,
        directory: Path,
        ports: dict[str, int],
        located: Sequence[plugins.Located],
        engine: automation.PulumiCommand,
        key_service: dict[str, str],
    ):
        self.directory = directory
        self.engine = engine
        home = directory / "pulumi-home"
        home.mkdir()
        # As in local/environment.py: the engine logs every property, if it can.
        (home / "logs").touch()
        for one in located:
            if one.binary is not None:
                plugins.link(home, one)
        self.environment = {
            "PULUMI_BACKEND_URL": f"file://{directory}",
            "PULUMI_HOME": str(home),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **engine_environment(ports),
            **key_service,
        }

    def stack(self, program: Callable[[], None], name: str = "test") -> automation.Stack:
        known = self._file(name).exists()
        workspace = host.KnownWorkspace(
            work_dir=str(self.directory),
            program=program,
            env_vars=self.environment,
            pulumi_command=self.engine,
            project_settings=automation.ProjectSettings("bench", "python", main=str(Path.cwd())),
            secrets_provider=keys.PROVIDER,
        )
        # It asks the engine what an operation did only when a test does.
        return host.Stack(name, workspace, StackInitMode.SELECT if known else StackInitMode.CREATE)

    def state(self, name: str = "test") -> str:
        """The state as it lies on the disk."""
        return self._file(name).read_text()

    def _file(self, name: str) -> Path:
        return self.directory / ".pulumi" / "stacks" / "bench" / f"{name}.json"


@pytest.fixture(scope="session")
def engine() -> automation.PulumiCommand:
    # Not by PATH, where whoever finds it asks for its version.
    found = engines.find(lambda _: None)
    return interrupts.EngineCommand(root_of(found), engines.release(found))


@pytest.fixture(scope="session")
def located() -> tuple[plugins.Located, ...]:
    return locate(engines.find, lambda _: None)


@pytest.fixture(scope="session")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    with serve("random", root=tmp_path_factory.mktemp("root")) as ports:
        yield ports


@pytest.fixture(scope="session")
def key_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    file = tmp_path_factory.mktemp("keys") / "passphrase"
    file.write_text("correct horse battery staple")
    with keys.serve(file) as environment:
        yield environment


@pytest.fixture
def bench(
    tmp_path: Path,
    ports: dict[str, int],
    located: Sequence[plugins.Located],
    engine: automation.PulumiCommand,
    key_service: dict[str, str],
) -> Bench:
    return Bench(tmp_path, ports, located, engine, key_service)
