"""Where a plugin is from: found, downloaded, built or stood in for, and none asked for twice."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from toolchain import plugins
from toolchain.plugins import Finder, Origin, Plugin
from toolchain.tools import ROOT

NUMBERS = Plugin("numbers", "1.2.3")
BRIDGE = Plugin("bridge", "1.0.0", ("registry.example.org/a/b", "0.1.0"))
INSTALL = """
folder="$PULUMI_HOME/plugins/resource-$4-v$5"
mkdir -p "$folder"
touch "$folder/pulumi-resource-$4"
chmod +x "$folder/pulumi-resource-$4"
"""
FETCH = """
case "$1" in package)
  folder="$PULUMI_HOME/dynamic_tf_plugins/$4/$5/linux_amd64"
  mkdir -p "$folder"
  touch "$folder/terraform-provider-b_v0.1.0" ;;
esac
"""


def runnable(path: Path, script: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


class World:
    """A machine with an engine of a few lines of shell, which counts how often it is run."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.path = folder / "path"
        self.users_home = folder / "users-home"
        self.home = folder / "kept"
        self.said: list[str] = []
        self.recipes: dict[str, Callable[[], Path]] = {}
        self.built: dict[str, Path] = {}
        monkeypatch.setenv("PATH", f"{self.path}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("PULUMI_HOME", str(self.users_home))
        monkeypatch.delenv("PULUMI_DYNAMIC_TF_PLUGIN_CACHE_DIR", raising=False)
        self.engine("exit 1")

    def engine(self, script: str) -> None:
        runnable(self.folder / "engine", f'echo "$@" >> {self.folder / "runs"}\n{script}')

    @property
    def runs(self) -> list[str]:
        runs = self.folder / "runs"
        return runs.read_text().splitlines() if runs.exists() else []

    def build(self, binary: str, *, only_kept: bool) -> Path | None:
        if not only_kept and binary in self.recipes:
            self.built[binary] = self.recipes[binary]()
        return self.built.get(binary)

    def find(self, plugin: Plugin = NUMBERS) -> plugins.Located:
        finder = Finder(lambda: self.folder / "engine", self.home, self.build, self.said.append)
        (located,) = finder.all([plugin])
        return located


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_one_on_path_is_taken_as_the_engine_takes_it(world: World) -> None:
    runnable(world.users_home / "plugins" / NUMBERS.folder / NUMBERS.binary)
    there = runnable(world.path / NUMBERS.binary)
    assert (world.find().origin, world.find().binary) == (Origin.FOUND, there)
    assert world.runs == []


def test_one_of_the_users_engine_is_taken_in_its_version_alone(world: World) -> None:
    runnable(world.users_home / "plugins" / "resource-numbers-v1.2.4" / NUMBERS.binary)
    assert world.find().origin is Origin.STOOD_IN
    there = runnable(world.users_home / "plugins" / NUMBERS.folder / NUMBERS.binary)
    assert (world.find().origin, world.find().binary) == (Origin.FOUND, there)


def test_one_whose_installation_did_not_end_is_not_taken(world: World) -> None:
    runnable(world.users_home / "plugins" / NUMBERS.folder / NUMBERS.binary)
    (world.users_home / "plugins" / f"{NUMBERS.folder}.partial").touch()
    assert world.find().origin is Origin.STOOD_IN


def test_the_engine_downloads_it_once(world: World) -> None:
    world.engine(INSTALL)
    for _ in range(2):
        located = world.find()
        assert located.origin is Origin.DOWNLOADED
        assert located.binary == world.home / "plugins" / NUMBERS.folder / NUMBERS.binary
    assert world.runs == ["plugin install resource numbers 1.2.3"]
    assert world.said == ["downloading resource-numbers-v1.2.3 (at most 30 s)"]


def test_a_download_that_failed_is_not_tried_again_for_a_day(world: World) -> None:
    world.engine("echo 'no such host' >&2; exit 1")
    assert [world.find().origin for _ in range(3)] == [Origin.STOOD_IN] * 3
    assert len(world.runs) == 1
    (note,) = world.home.glob("*.unavailable")
    assert world.find().problem == "pulumi plugin install resource numbers 1.2.3: no such host"
    yesterday = time.time() - plugins.RETRY_SECONDS - 1
    os.utime(note, (yesterday, yesterday))
    world.engine(INSTALL)
    assert world.find().origin is Origin.DOWNLOADED


def test_a_download_that_hangs_is_given_up_with_all_it_started(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "DOWNLOAD_SECONDS", 0.5)
    world.engine(f"sleep 60 & echo $! > {world.folder / 'child'}; wait")
    started = time.monotonic()
    assert world.find().origin is Origin.STOOD_IN
    assert time.monotonic() - started < 10
    child = Path("/proc") / (world.folder / "child").read_text().strip()
    deadline = time.monotonic() + 5
    while child.exists() and " Z " not in (child / "stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_is_built_where_it_cannot_be_downloaded(world: World) -> None:
    world.recipes[NUMBERS.binary] = lambda: runnable(world.folder / "built" / NUMBERS.binary)
    assert [world.find().origin for _ in range(2)] == [Origin.BUILT] * 2
    assert len(world.runs) == 1


def test_what_was_built_is_not_downloaded(world: World) -> None:
    world.engine(INSTALL)
    world.built[NUMBERS.binary] = runnable(world.folder / "built" / NUMBERS.binary)
    assert world.find().origin is Origin.BUILT
    assert world.runs == []


def test_the_error_of_a_build_is_the_callers(world: World) -> None:
    def recipe() -> Path:
        raise RuntimeError("Go is needed")

    world.recipes[NUMBERS.binary] = recipe
    with pytest.raises(RuntimeError, match="Go is needed"):
        world.find()


def test_a_bridge_without_its_terraform_provider_is_stood_in_for(world: World) -> None:
    runnable(world.path / BRIDGE.binary)
    assert world.find(BRIDGE).origin is Origin.STOOD_IN
    command = "package get-schema bridge@1.0.0 registry.example.org/a/b 0.1.0"
    assert world.runs == [command]
    assert world.find(BRIDGE).origin is Origin.STOOD_IN
    assert world.find(BRIDGE).problem == f"pulumi {command}: ended with status 1"
    assert len(world.runs) == 1


@pytest.mark.parametrize("users", [True, False])
def test_a_bridge_is_told_where_its_terraform_provider_is(world: World, users: bool) -> None:
    runnable(world.path / BRIDGE.binary)
    if users:
        folder = world.users_home / "dynamic_tf_plugins"
        runnable(folder / "registry.example.org/a/b/0.1.0/linux_amd64/terraform-provider-b_v0.1.0")
    else:
        folder = world.home / "dynamic_tf_plugins"
        world.engine(FETCH)
    located = world.find(BRIDGE)
    assert located.origin is Origin.FOUND
    assert located.environment == {"PULUMI_DYNAMIC_TF_PLUGIN_CACHE_DIR": str(folder)}


def test_a_link_is_what_the_engine_looks_for(world: World, tmp_path: Path) -> None:
    runnable(world.path / NUMBERS.binary)
    for _ in range(2):
        plugins.link(tmp_path / "home", world.find())
    place = tmp_path / "home" / "plugins" / "resource-numbers-v1.2.3"
    assert [path.name for path in place.iterdir()] == ["pulumi-resource-numbers"]
    assert (place / "pulumi-resource-numbers").resolve() == world.path / NUMBERS.binary


def test_the_programs_own_plugins() -> None:
    asked = {plugin.name: plugin for plugin in plugins.wanted()}
    assert set(asked) == {"kubernetes", "random", "terraform-provider"}
    assert asked["kubernetes"].folder == f"resource-kubernetes-v{asked['kubernetes'].version}"
    runs = asked["terraform-provider"].terraform
    assert runs is not None
    assert runs[0] == "registry.opentofu.org/coder/coderd"


def test_one_line_says_where_each_is_from() -> None:
    located = (plugins.Located(NUMBERS, Origin.BUILT), plugins.Located(BRIDGE, Origin.STOOD_IN))
    assert plugins.summary(located) == (
        "provider plugins: numbers 1.2.3 built from source, bridge 1.0.0 stood in for"
    )


def test_what_is_built_of_no_release_says_of_which_day_it_is() -> None:
    (kubernetes,) = (each for each in plugins.wanted() if each.name == "kubernetes")
    said = plugins.summary([plugins.Located(kubernetes, Origin.BUILT)])
    assert said.startswith(f"provider plugins: kubernetes {kubernetes.version} built from source")
    day = said.rpartition(" of ")[2]
    module = (ROOT / "tools" / kubernetes.binary / "go.mod").read_text()
    assert f"-{day.replace('-', '')}" in module
    found = plugins.summary([plugins.Located(kubernetes, Origin.FOUND)])
    assert found.endswith(f"kubernetes {kubernetes.version} found")
