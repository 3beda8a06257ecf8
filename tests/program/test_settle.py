"""Everything that was declared is waited for, each output a bounded number of times."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import pulumi
import pytest
from pulumi.runtime import mocks
from pulumi.runtime.settings import SETTINGS
from pulumi_kubernetes.core.v1 import ConfigMap

from program import settle
from tests.components.recording import Recorder

COUNT = 200


@pytest.fixture(autouse=True)
def _nothing_pending() -> Iterator[None]:
    # The SDK would still tell the engine of a test before, which is gone.
    before, SETTINGS.engine = SETTINGS.engine, None
    SETTINGS.outputs.clear()
    yield
    SETTINGS.outputs.clear()
    SETTINGS.engine = before


async def later(after: int, value: int) -> int:
    for _ in range(after):
        await asyncio.sleep(0)
    return value


def outputs(count: int) -> list[pulumi.Output[int]]:
    """Return outputs of which each is done a turn of the loop after the one before."""
    return [pulumi.Output.from_input(later(number, number)) for number in range(count)]


def run(program: Callable[[], Awaitable[None]]) -> None:
    async def inside() -> None:
        await program()

    asyncio.run(inside())


def test_it_returns_once_all_outputs_are_done() -> None:
    async def program() -> None:
        made = outputs(COUNT)
        doubled = [output.apply(lambda value: 2 * value) for output in made]
        await settle.settled()
        assert all(output._data.done() for output in (*made, *doubled))
        assert not SETTINGS.outputs

    run(program)


def test_an_output_that_another_one_makes_is_waited_for() -> None:
    inner: list[pulumi.Output[int]] = []

    async def program() -> None:
        def more(_value: int) -> int:
            inner.extend(outputs(3))
            return 0

        pulumi.Output.from_input(later(5, 1)).apply(more)
        await settle.settled()
        assert inner
        assert all(output._data.done() for output in inner)

    run(program)


def test_a_failure_ends_the_wait_and_is_left_for_the_sdk_to_tell() -> None:
    async def fails() -> int:
        raise ValueError("no such thing")

    async def program() -> None:
        never = pulumi.Output.from_input(asyncio.get_running_loop().create_future())
        failed = pulumi.Output.from_input(fails())
        await asyncio.wait_for(settle.settled(), timeout=10)
        assert not never._data.done()
        assert failed._data in SETTINGS.outputs
        never._data.cancel()

    run(program)


def test_pending_outputs_are_taken_in_hand_once_not_after_each_that_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[int] = []
    wait = asyncio.wait

    async def counted(pending: set[asyncio.Task[object]], **options: str) -> object:
        waits.append(len(pending))
        return await wait(pending, **options)  # type: ignore[call-overload]

    async def program() -> None:
        outputs(COUNT)
        monkeypatch.setattr(settle.asyncio, "wait", counted)
        await settle.settled()

    run(program)
    assert sum(waits) < 10 * COUNT


def test_what_was_declared_is_sent_before_the_program_goes_on() -> None:
    recorder = Recorder({})
    seen: list[str] = []

    async def program() -> None:
        mocks.set_mocks(recorder, project="firewalled-coder", stack="test")
        ConfigMap("one", metadata={"name": "one", "namespace": "a"}, data={"a": "b"})
        await settle.sent()
        # A thread of its own sends it: the loop of the program gets no further turn here.
        ends = time.monotonic() + 10
        while not recorder.registered and time.monotonic() < ends:
            time.sleep(0.01)
        seen.extend(each.name for each in recorder.registered)
        await settle.settled()

    run(program)
    assert seen == ["one"]
