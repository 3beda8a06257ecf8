"""One run of a verification: takes checks, keeps what came of them, and lets itself be ended."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from components.coder.api import CoderdError
from ops.verification.catalogue import CATALOGUE
from ops.verification.clients.errors import ServiceError
from ops.verification.model import (
    Exchange,
    Failed,
    Interrupted,
    KnownFault,
    NotChecked,
    Outcome,
    Result,
    journal,
    stamp,
)
from ops.verification.redaction import Redaction
from ops.verification.state import RunState
from ops.verification.terminal import TerminalError

T = TypeVar("T")

_REAL: Final = "verify a stack on a real deployment"
_LOOK: Final = "see what was asked and answered: --json, or the evidence"


@dataclass
class Clock:
    """Time, and waiting that ends when the run is to end.

    Args:
        now: seconds that only grow.
        sleep: waits so many seconds, in place of waiting for the end of the run; for tests.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] | None = None
    ending: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds: float) -> None:
        """Wait; raises Interrupted when the run is to end."""
        self.check()
        if self.sleep:
            self.sleep(seconds)
        else:
            self.ending.wait(seconds)
        self.check()

    def check(self) -> None:
        """Raise Interrupted when the run is to end."""
        if self.ending.is_set():
            raise Interrupted

    def turns(self, seconds: float, pause: float) -> Iterator[None]:
        """Yield again and again until the time is over, with pauses that grow to `pause`."""
        began = self.now()
        while True:
            yield
            passed = self.now() - began
            if passed >= seconds:
                return
            self.wait(min(pause, max(pause / 10, passed / 2)))


class Run:
    """Takes checks and keeps their results.

    Args:
        state: where a run that is cut off is kept.
        redaction: takes secrets out of everything that is kept.
        progress: told each result as soon as it is known.
        says: told in a few words what is going on.
        chosen: whether a check is to be made at all.
        stood_in: by check, what stands in for what it asks, so that it proves nothing here.
    """

    def __init__(
        self,
        state: RunState,
        redaction: Redaction,
        *,
        progress: Callable[[Result], None] = lambda _: None,
        says: Callable[[str], None] = lambda _: None,
        chosen: Callable[[str], bool] = lambda _: True,
        stood_in: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.state = state
        self.redaction = redaction
        self.clock = clock or Clock()
        self.says = says
        self._progress = progress
        self._chosen = chosen
        self._stood_in = dict(stood_in or {})
        self._results: dict[tuple[str, str], Result] = {}
        self._lock = threading.Lock()

    @property
    def results(self) -> list[Result]:
        """What came of the checks so far, in the order of the catalogue."""
        order = list(CATALOGUE)
        with self._lock:
            every = list(self._results.values())
        return sorted(every, key=lambda result: (order.index(result.check), result.subject))

    def wants(self, *checks: str) -> bool:
        """Whether any of these checks is to be made."""
        return any(self._chosen(check) for check in checks)

    def kept(self, check: str, subject: str) -> bool:
        """Whether a check passed in the run that is resumed."""
        return self.state.passed(check, subject) is not None

    def take(
        self, check: str, subject: str, make: Callable[[], str], *, always: bool = False
    ) -> bool:
        """Make a check; returns whether it did not fail.

        Args:
            check: id of the check.
            subject: on what.
            make: returns what was seen; raises Failed, NotChecked, or what a service answers.
            always: also when the run is to end, as what clears up is.
        """
        if not self._chosen(check):
            return True
        if earlier := self.state.passed(check, subject):
            self._add(earlier)
            return True
        if check in self._stood_in:
            why = f"stood in here: {self._stood_in[check]}"
            self._add(Result(check, subject, Outcome.NOT_CHECKED, why, _REAL, stood_in=True))
            return True
        started, at = self.clock.now(), stamp()
        with journal() as exchanges:
            result = self._made(check, subject, make, always)
        result = replace(
            result, at=at, seconds=round(self.clock.now() - started, 1), exchanges=tuple(exchanges)
        )
        self._add(self._clean(result))
        return result.outcome is not Outcome.FAILED

    def leave(self, checks: Iterable[str], subject: str, why: str, next_step: str) -> None:
        """Tell checks that cannot be made, where nothing is told of them yet."""
        for check in checks:
            with self._lock:
                told = (check, subject) in self._results
            if told or not self._chosen(check):
                continue
            if earlier := self.state.passed(check, subject):
                self._add(earlier)
                continue
            self._add(self._clean(Result(check, subject, Outcome.NOT_CHECKED, why, next_step)))

    def parallel(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Do tasks at once and wait for all, also when one fails; raises what the first raised."""
        if not tasks:
            return []
        with ThreadPoolExecutor(max_workers=min(len(tasks), 8)) as pool:
            futures = [pool.submit(task) for task in tasks]
            try:
                return [future.result() for future in futures]
            except BaseException:
                # What waits ends; what makes and unmakes things goes to its end.
                self.clock.ending.set()
                raise

    def _made(self, check: str, subject: str, make: Callable[[], str], always: bool) -> Result:
        try:
            if not always:
                self.clock.check()
            return Result(check, subject, Outcome.PASSED, make())
        except (Failed, KnownFault, NotChecked) as error:
            return Result(check, subject, error.outcome, str(error), error.next_step)
        except (CoderdError, ServiceError, TerminalError) as error:
            return Result(check, subject, Outcome.FAILED, str(error), _LOOK)
        except Interrupted:
            why = "the run was interrupted"
            return Result(check, subject, Outcome.NOT_CHECKED, why, "run it again with --resume")
        except Exception as error:  # noqa: BLE001  a mistake of ours costs one check, not the run
            where = traceback.extract_tb(error.__traceback__)[-1]
            why = (
                f"a fault of this program, {type(error).__name__} at "
                f"{Path(where.filename).name}:{where.lineno}"
            )
            return Result(check, subject, Outcome.NOT_CHECKED, why, "report it with that place")

    def _add(self, result: Result) -> None:
        result = result if result.at else replace(result, at=stamp())
        with self._lock:
            self._results[result.key] = result
        self.state.add(result)
        self._progress(result)

    def _clean(self, result: Result) -> Result:
        clean = self.redaction.text
        return replace(
            result,
            detail=clean(result.detail),
            next_step=clean(result.next_step),
            exchanges=tuple(
                Exchange(clean(each.request), clean(each.answer)) for each in result.exchanges
            ),
        )


@contextmanager
def ended_by(run: Run) -> Iterator[None]:
    """Let the run end when the process is asked to: the first time in good order."""

    def end(*_: object) -> None:
        if not run.clock.ending.is_set():
            run.clock.ending.set()
            run.says("ending: what was made is being deleted; once more to leave it")
            return
        left = ", ".join(map(str, run.state.leftovers)) or "nothing"
        run.says(f"left: {left}; `python -m ops verify STACK --clean` deletes it")
        # Other threads wait for coderd; only the process's end ends them.
        os._exit(130)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
