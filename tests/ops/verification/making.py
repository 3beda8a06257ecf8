"""Runs, clocks and deployments for tests of single checks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from components.coder.api import CoderdAccess
from ops.verification.deployment import CoderDeployment, TemplateVersion
from ops.verification.model import Outcome, Result
from ops.verification.redaction import Redaction
from ops.verification.run import Clock, Run
from ops.verification.state import RunState
from tests.ops.verification.fake_coderd import TOKEN, URL


class Time:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def clock(self) -> Clock:
        return Clock(now=lambda: self.now, sleep=self.sleep)


@dataclass
class Making:
    """A run in memory, and what it told.

    Attributes:
        folder: where its state is.
        told: every result, as soon as it was known.
        said: what was said meanwhile.
    """

    folder: Path
    told: list[Result] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    time: Time = field(default_factory=Time)

    def run(self, **options: Any) -> Run:
        options.setdefault("clock", self.time.clock())
        return Run(
            RunState(self.folder, "dev", "basis"),
            Redaction([TOKEN]),
            progress=self.told.append,
            says=self.said.append,
            **options,
        )

    @property
    def results(self) -> Mapping[str, Result]:
        """Results by the check's id."""
        return {result.check: result for result in self.told}

    @property
    def failed(self) -> Result:
        """The only result that failed."""
        (result,) = [each for each in self.told if each.outcome is Outcome.FAILED]
        return result


def as_declared(template: str, version: TemplateVersion) -> str:
    """Say of every version that it is what the settings make."""
    return f"{template} as {version.name}"


def deployment(
    answer: Callable[[httpx.Request], httpx.Response], token: str = TOKEN
) -> CoderDeployment:
    coderd = CoderdAccess(URL, token, httpx.MockTransport(answer))
    return CoderDeployment(coderd, Redaction([token]))
