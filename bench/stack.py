"""Preview and up of the stack local against an empty program on the same engine, in one run.

A preview takes at most 3.0 times the empty program's, that of an unchanged stack at most 1.4 times
one of as many resources that hold nothing on the same plugins, 100 templates at most 6 times one,
and the program's process stays under 250 MB. Every number is the least of rounds in which the
program and the other one take turns, for the machine can only add to it. Ends with 1 when a bound
is broken.
"""

from __future__ import annotations

import copy
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_coderd as coderd
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import yaml
from pulumi import automation

from local.cluster import CONTEXT
from local.environment import Environment
from ops import engine, host, startup
from toolchain import tools

ROUNDS = 5
PREVIEW, UNCHANGED, HUNDRED, MEGABYTES = 3.0, 1.4, 6.0, 250.0
# The stack itself and its three providers.
ALWAYS_THERE = 4


@dataclass(frozen=True)
class Measured:
    """Seconds of the empty program and of the stack, each the least of all rounds."""

    floor: float
    stack: float

    @property
    def ratio(self) -> float:
        """How many times the floor."""
        return self.stack / self.floor


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def in_turns(floor: Callable[[], object], stack: Callable[[], object]) -> Measured:
    floor()
    stack()
    rounds = [(seconds(floor), seconds(stack)) for _ in range(ROUNDS)]
    return Measured(min(r[0] for r in rounds), min(r[1] for r in rounds))


def empty_program(
    session: engine.Session,
    environment: Environment,
    holding: Callable[[], object] = lambda: None,
) -> automation.Stack:
    """Return a stack of nothing, in the same backend, with the engine and plugins of `session`.

    Args:
        session: whose engine and plugins it takes.
        environment: in which both stand.
        holding: declares what it holds all the same.
    """

    def program() -> None:
        host.without_debugging()
        holding()

    workspace = session.stack.workspace
    # A folder that stays: without its settings, the engine makes the stack a new key each time.
    folder = environment.state / "floor"
    folder.mkdir(exist_ok=True)
    return automation.create_or_select_stack(
        "floor",
        project_name="floor",
        program=program,
        opts=automation.LocalWorkspaceOptions(
            work_dir=str(folder),
            pulumi_command=workspace.pulumi_command,
            # All of it: without it, the engine asks GitHub for the plugins it is not told of.
            env_vars=dict(workspace.env_vars),
        ),
    )


def as_many(environment: Environment, count: int, on_cluster: int) -> Callable[[], object]:
    """Return what declares `count` resources in all that hold nothing, on the stack's plugins.

    Args:
        environment: whose cluster and coderd the plugins are given.
        count: of all resources, the stack itself included.
        on_cluster: how many of them are the cluster's objects: ConfigMaps of no data.
    """

    def declare() -> None:
        cluster = kubernetes.Provider(
            "cluster", context=CONTEXT, enable_config_map_mutable=True, enable_secret_mutable=True
        )
        coderd.Provider(
            "coder",
            url=environment.coderd.url,
            token=pulumi.Output.secret(environment.coderd.token),
        )
        random.Provider("random")
        for number in range(on_cluster):
            kubernetes.core.v1.ConfigMap(
                f"object-{number}",
                metadata={"name": f"empty-{number}", "namespace": "default"},
                opts=pulumi.ResourceOptions(provider=cluster),
            )
        for number in range(count - on_cluster - ALWAYS_THERE):
            pulumi.ComponentResource("bench:index:Empty", f"empty-{number}")

    return declare


def templates(count: int) -> dict[str, Any]:
    document = yaml.safe_load((tools.ROOT / "stacks" / "Pulumi.local.yaml").read_text())
    first = document["config"]["firewalled-coder:templates"][0]
    return {"templates": [{**copy.deepcopy(first), "name": f"t{i}"} for i in range(count)]}


def peak_megabytes() -> float:
    """Return the most memory this process has held: program, providers and Automation API."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def previewed(environment: Environment, changes: dict[str, Any] | None = None) -> Measured:
    with engine.session("local", tools.report, state=environment.state, changes=changes) as session:
        empty = empty_program(session, environment)
        return in_turns(empty.preview, session.stack.preview)


def brought_up(environment: Environment) -> Measured:
    """Return an up of everything from nothing beside an empty one that has nothing to do."""
    with engine.session("local", tools.report, state=environment.state) as session:
        empty = empty_program(session, environment)
        empty.up()
        first = seconds(lambda: whole(session.stack))
        return Measured(min(seconds(empty.up) for _ in range(ROUNDS)), first)


def unchanged(environment: Environment) -> tuple[Measured, int]:
    """Return the preview of what is up beside one of as many empty resources, and their number."""
    with engine.session("local", tools.report, state=environment.state) as session:
        resources = session.stack.export_stack().deployment["resources"]
        on_cluster = sum(each["type"].startswith("kubernetes:") for each in resources)
        many = as_many(environment, len(resources), on_cluster)
        empty = empty_program(session, environment, many)
        empty.up()
        return in_turns(empty.preview, session.stack.preview), len(resources)


def whole(stack: automation.Stack) -> object:
    """Bring a stack up and ask what it did, as the empty program's own up does."""
    result = stack.up()
    return result.outputs, result.summary


def told(name: str, value: float, unit: str, bound: float | None = None) -> bool:
    limit = "" if bound is None else f", at most {bound:g}"
    sys.stdout.write(f"{name:<38} {value:7.2f} {unit}{limit}\n")
    sys.stdout.flush()
    return bound is None or value <= bound


def measure(environment: Environment) -> bool:
    """Print every figure; return whether all bounds hold."""
    nothing = previewed(environment)
    # Before more previews run in this process, which a program's own never does.
    good = [told("memory of the program", peak_megabytes(), "MB", MEGABYTES)]
    told("preview of an empty program", nothing.floor, "s, the floor")
    good.append(told("preview, nothing there yet", nothing.ratio, "times the floor", PREVIEW))
    told("first up", brought_up(environment).ratio, "times an empty up")
    current = previewed(environment)
    good.append(told("preview, up to date", current.ratio, "times the floor", PREVIEW))
    same, count = unchanged(environment)
    beside = f"times one of {count} empty resources"
    good.append(told("the same", same.ratio, beside, UNCHANGED))
    one = previewed(environment, templates(1))
    many = previewed(environment, templates(100)).stack / one.stack
    return all([*good, told("preview of 100 templates", many, "times one", HUNDRED)])


def main() -> int:
    # As every command does; this process has all that one has loaded.
    startup.prepare()
    with tempfile.TemporaryDirectory() as folder:
        environment = Environment(tools.ROOT, Path(folder))
        try:
            environment.start()
            return 0 if measure(environment) else 1
        finally:
            environment.remove()


if __name__ == "__main__":
    raise SystemExit(main())
