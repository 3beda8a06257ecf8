"""`python -m ops explain STACK URL...`: what an agent may reach, and why, before it is deployed.

Reads the stack's settings file alone: no engine, no cluster, no secret is needed. Exit status 0:
all is allowed; 1: something is denied; 2: what was asked cannot be read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from components.boundary import PolicyError
from components.settings import Settings, SettingsError
from ops import answers, engine, stacks, traffic, up
from ops.answers import Confinement
from ops.traffic import InputError, Request

FORMAT = 1
DENIED = 1
UNREADABLE = 2


@contextmanager
def _reported() -> Iterator[None]:
    """Turn what can go wrong into one clear message and exit status 2."""
    try:
        yield
    except (SettingsError, PolicyError, InputError) as error:
        up.fail(str(error))
        raise typer.Exit(UNREADABLE) from None


def requested(
    urls: Sequence[str], method: str, har: str | None, log: str | None
) -> dict[Request, int]:
    """Return what is asked, with counts; raises InputError.

    Standard input is read where a URL is `-`, and when nothing is named and it is no terminal.
    """
    sources = [*urls]
    if not sources and har is None and log is None:
        if sys.stdin.isatty():
            raise InputError("nothing is asked: name URLs, pipe them in, or give --har or --log")
        sources = [traffic.STDIN]
    if [*sources, har, log].count(traffic.STDIN) > 1:
        raise InputError("- stands there twice: standard input can be read once")
    found: list[Request] = []
    for place, source in enumerate(sources, start=1):
        if source == traffic.STDIN:
            found += traffic.from_lines(traffic.read(source), method, traffic.name(source))
        else:
            found.append(traffic.request(method, source, f"URL {place}"))
    if har is not None:
        found += traffic.from_har(traffic.read(har), traffic.name(har))
    if log is not None:
        found += traffic.from_log(traffic.read(log), traffic.name(log))
    return traffic.counted(found)


def explain(
    stack: up.StackName,
    urls: Annotated[
        list[str] | None,
        typer.Argument(metavar="[URL]...", help="What an agent asks for; - reads lines."),
    ] = None,
    *,
    method: Annotated[str, typer.Option("--method", help="HTTP method, as sent.")] = "GET",
    template: Annotated[
        list[str] | None,
        typer.Option("--template", help="This template alone; may be given again."),
    ] = None,
    har: Annotated[
        str | None, typer.Option("--har", metavar="FILE", help="Requests of a HAR file.")
    ] = None,
    log: Annotated[
        str | None, typer.Option("--log", metavar="FILE", help="Requests of an audit log.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Plain data for machines.")] = False,
) -> None:
    """Say what the policy of STACK answers, by which rule and why; starts nothing.

    Standard input holds a URL, or METHOD URL, a line. Exit status: 0 all is allowed, 1 something
    is denied, 2 an error in what was asked.
    """
    with _reported():
        settings = stacks.settings(stack, engine.ROOT, proven=False)
        found = answers.confinements(settings, template or ())
        asked = requested(urls or (), method, har, log)
        status = _decide(stack, settings, found, asked, as_json)
    raise typer.Exit(status)


def _decide(
    stack: str,
    settings: Settings,
    found: Sequence[Confinement],
    asked: Mapping[Request, int],
    as_json: bool,
) -> int:
    answered = {each: answers.answers(each, asked) for each in found}
    everything = [answer for part in answered.values() for answer in part]
    allowed = all(answer.allowed for answer in everything)
    if as_json:
        templates = [
            {**_head(each), "decisions": [answers.to_json(answer) for answer in part]}
            for each, part in answered.items()
        ]
        _print({"format": FORMAT, "stack": stack, "allowed": allowed, "templates": templates})
    else:
        for each, part in answered.items():
            up.console.print(each.title, style="bold", markup=False)
            up.console.print(answers.table(part))
        _totals(everything)
    return 0 if allowed else DENIED


def _head(confinement: Confinement) -> dict[str, Any]:
    return {
        "templates": list(confinement.templates),
        "firewall": confinement.policy is not None,
        "reason": confinement.reason,
    }


def _totals(everything: Sequence[answers.Answer]) -> None:
    if len(everything) > 1:
        denied = sum(not answer.allowed for answer in everything)
        up.console.print(f"\n{len(everything) - denied} allowed, {denied} denied")


def _print(data: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(data, indent=2))
