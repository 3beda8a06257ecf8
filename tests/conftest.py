"""The files that drive the engine for minutes begin first, so that no worker waits for one."""

import pytest

LONGEST = (
    "tests/conformance/test_walk.py",
    "tests/ops/test_rollback_local.py",
    "tests/ops/test_adopt.py",
    "tests/program/test_local.py",
    "tests/ops/test_plan_local.py",
    "tests/ops/test_rollback_packages.py",
    "tests/pipelines/test_commands.py",
    "tests/local/providers/test_engine.py",
    "tests/program/test_stacks.py",
    "tests/program/test_observability.py",
    "tests/ops/test_two_stacks_local.py",
    "tests/ops/test_preview_local.py",
    "tests/local/providers/test_coderd.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(LONGEST)))
