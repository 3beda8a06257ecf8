"""`python -m ops explain STACK URL...`: what an agent may reach, and why, before it is deployed.

Reads the stack's settings file alone: no engine, no cluster, no secret is needed. Exit status 0:
everything asked is allowed and goes to the host that it names, nothing becomes reachable and no
contract is weakened, or the grade is accepted; 1: it is not so; 2: what was asked cannot be read,
or a line of it, when the others are answered.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from components.boundary import PolicyError, shown
from components.boundary.older import broken
from components.boundary.releases import release_doubt
from components.settings.problems import SettingsError
from ops import answers, exfiltration, project, stacks, terminal, traffic
from ops.answers import Confinement, Explanation
from ops.exfiltration import Assessed
from ops.traffic import InputError, Traffic

if TYPE_CHECKING:
    from ops.contract_changes import Contracts
    from ops.reach import TemplateReach

FORMAT = 1
NO = 1
UNREADABLE = 2
_BREACHES = 5
_NOTHING = (
    "nothing is asked: give a URL, as https://pypi.org/, pipe them in, one a line, or give --har "
    "or --log"
)


@contextmanager
def _reported() -> Iterator[None]:
    """Turn what can go wrong into one clear message and exit status 2."""
    try:
        yield
    except (SettingsError, PolicyError, InputError) as error:
        terminal.fail(str(error))
        raise typer.Exit(UNREADABLE) from None


def requested(urls: Sequence[str], method: str, har: str | None, log: str | None) -> Traffic:
    """Return what is asked, and what of it is passed over; raises InputError.

    Standard input is read where a URL is `-`, and when nothing is named and it is no terminal.
    """
    from ops.policy import lists

    sources = [*urls]
    text = ""
    if not sources and har is None and log is None:
        if sys.stdin.isatty() or not (text := traffic.read(traffic.STDIN)).strip():
            raise InputError(_NOTHING)
        sources = [traffic.STDIN]
    if [*sources, har, log].count(traffic.STDIN) > 1:
        raise InputError("- stands there twice: standard input can be read once")
    found: list[Traffic] = []
    for place, source in enumerate(sources, start=1):
        if source == traffic.STDIN:
            text = text or traffic.read(source)
            found.append(lists.from_text(text, method, traffic.name(source)))
        elif lists.begins_with_method(source):
            first, url = source.split(maxsplit=1)
            raise InputError(
                f"URL {place} begins with a method; give it with --method {first} and the URL "
                f"{shown(url)} alone, or both as a line on standard input"
            )
        elif source and (said := lists.no_url(source)):
            raise InputError(f"URL {place}: {shown(source)!r} {said}")
        else:
            found.append(Traffic((traffic.request(method, source, f"URL {place}"),)))
    if har is not None:
        from ops.policy import har as harfile

        found.append(harfile.from_text(traffic.read(har), traffic.name(har)))
    if log is not None:
        from ops.policy import auditlog

        found.append(auditlog.from_text(traffic.read(log), traffic.name(log)))
    return Traffic(
        tuple(request for each in found for request in each.requests),
        tuple(passed for each in found for passed in each.passed),
        tuple(said for each in found for said in each.unreadable),
    )


def explain(
    stack: terminal.StackName,
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
        str | None,
        typer.Option("--log", metavar="FILE", help="Requests of coderd's or Boundary's log."),
    ] = None,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Narrowest rules for what is denied.")
    ] = False,
    other: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="STACK|COMMIT", help="What is reached, and is not there."
        ),
    ] = None,
    grade: Annotated[
        bool, typer.Option("--report", help="Where data could leave, with a grade; findings.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Plain data for machines.")] = False,
) -> None:
    """Say what the policy of STACK answers, by which rule and why; starts nothing.

    Standard input holds a URL, or METHOD URL, a line. Exit status: 0 all is allowed (--against:
    nothing becomes reachable, and the contract is not weakened; --report: the grade is accepted), 1
    it is not, 2 an error in what was asked.
    """
    asks = bool(urls or har or log or suggest)
    asked = Traffic(())
    with _reported():
        if asks + (other is not None) + grade > 1:
            raise InputError("URLs, --har, --log and --suggest, --against, --report: one at a time")
        settings = stacks.settings(stack, project.ROOT, proven=False)
        wanted = template or ()
        found = answers.confinements(settings, wanted)
        if other is not None:
            from ops import against, stack_reach

            old = against.other(stack, other, project.ROOT)
            if old.network is None:
                _not_compared("network policy", other)
            contracts = against.contracts(old, settings, wanted)
            if contracts is not None and contracts != contracts.known:
                _not_compared("policy's contract", other)
            reaches = stack_reach.compared(old, stack_reach.of_settings(settings))
            fine = _compare(
                stack,
                other,
                [each for each in reaches if not wanted or each.template in wanted],
                contracts and contracts.known,
                as_json,
            )
        elif grade:
            fine = _assess(stack, [Assessed(each) for each in found], as_json)
        else:
            asked = requested(urls or (), method, har, log)
            counts = traffic.counted(asked.requests)
            answered = {each: answers.answers(each, counts) for each in found}
            fine = _answer(stack, answered, asked, suggest, as_json)
        if not as_json:
            _warn(
                settings.workspaces.boundary_version, found, answering=other is None and not grade
            )
        if asked.unreadable:
            raise InputError(traffic.as_lines(asked.unreadable))
    raise typer.Exit(0 if fine else NO)


def _answer(
    stack: str,
    answered: Mapping[Confinement, Sequence[Explanation]],
    asked: Traffic,
    suggest: bool,
    as_json: bool,
) -> bool:
    everything = [answer for part in answered.values() for answer in part]
    elsewhere = sum(answer.past_policy for answer in everything)
    allowed = all(a.allowed for a in everything) and not elsewhere and not asked.unreadable
    if as_json:
        templates = []
        for each, part in answered.items():
            templates.append(
                {
                    "templates": list(each.templates),
                    "firewall": each.policy is not None,
                    "reason": each.reason,
                    "boundary": each.answered and each.answered.to_json(),
                    "decisions": [answers.to_json(answer) for answer in part],
                }
            )
            if suggest:
                from ops import suggested

                templates[-1]["suggestions"] = suggested.to_json(*suggested.suggested(each, part))
        head = {"format": FORMAT, "stack": stack, "allowed": allowed}
        beside = {"passedOver": list(asked.passed), "unreadable": list(asked.unreadable)}
        _print({**head, **beside, "templates": templates})
        return allowed
    for each, part in answered.items():
        terminal.console.print(each.title, style="bold", markup=False)
        if each.answered and each.answered.words:
            terminal.console.print(each.answered.words, markup=False, soft_wrap=True)
        terminal.show(answers.table(part))
        if suggest and not all(answer.allowed for answer in part):
            _suggest(each, part)
    if len(everything) > 1:
        fine = sum(answer.allowed and not answer.past_policy for answer in everything)
        denied = sum(not answer.allowed and not answer.past_policy for answer in everything)
        past = f", {elsewhere} past the policy" if elsewhere else ""
        terminal.console.print(f"\n{fine} allowed, {denied} denied{past}", markup=False)
    for said in asked.passed:
        terminal.errors.print(said, markup=False, soft_wrap=True)
    return allowed


def _suggest(confinement: Confinement, found: Sequence[Explanation]) -> None:
    from ops import suggested

    rules, unnamed = suggested.suggested(confinement, found)
    if rules:
        terminal.console.print(
            "\nNarrowest rules that allow it, for the policy's settings", style="bold"
        )
        # As it is pasted: a line stays a line.
        terminal.console.print(suggested.to_yaml(rules), markup=False, soft_wrap=True)
    for each in unnamed:
        said = f"no rule allows {each.method} {shown(each.url)}: {each.reason}"
        terminal.console.print(said, markup=False, soft_wrap=True)


def _warn(release: str, found: Sequence[Confinement], *, answering: bool) -> None:
    """Say why the release may answer otherwise, and what keeps it from being deployed."""
    confined = [each.answered for each in found if each.answered]
    # Answers that are its own say so themselves.
    own = answering and any(each.words and not each.doubt for each in confined)
    doubt = release_doubt(release)
    said = [doubt] if doubt and confined and not own else []
    for each in found:
        if each.policy is None:
            continue
        said += filter(None, [Assessed(each).excess])
        breaches = broken(each.contract, each.policy, release)
        said += breaches[:_BREACHES]
        if len(breaches) > _BREACHES:
            said.append(f"and {len(breaches) - _BREACHES} more demands are broken")
    for warning in said:
        terminal.errors.print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)


def _not_compared(what: str, other: str) -> None:
    said = f"warning: the {what} at {other} cannot be read, so it is not compared"
    terminal.errors.print(said, style="yellow", markup=False, soft_wrap=True)


def _compare(
    stack: str,
    other: str,
    found: Sequence[TemplateReach],
    contracts: Contracts | None,
    as_json: bool,
) -> bool:
    from ops import against, contract_changes, report_json

    opens = any(reach.opens for reach in found)
    # What another release opens is not known.
    doubtful = any(reach.release.doubt for reach in found)
    fine = not opens and not doubtful and not (contracts and contracts.weakened)
    if as_json:
        templates = [report_json.reach_json(reach) for reach in found]
        head = {"format": FORMAT, "stack": stack, "against": other, "opens": opens}
        contract = None if contracts is None else contract_changes.contract_json(contracts)
        _print({**head, "templates": templates, "contract": contract})
        return fine
    terminal.console.print(f"Stack {stack}, compared with {other}", markup=False)
    for reach in found:
        terminal.show(against.shown(reach))
    if contracts and contracts.changed:
        terminal.show(against.contract_shown(contracts))
    return fine


def _assess(stack: str, found: Sequence[Assessed], as_json: bool) -> bool:
    accepted = all(each.accepted for each in found)
    if as_json:
        templates = [exfiltration.to_json(each) for each in found]
        _print({"format": FORMAT, "stack": stack, "accepted": accepted, "templates": templates})
        return accepted
    worst = max(each.grade for each in found)
    terminal.console.print(f"Stack {stack}: exfiltration grade {worst}", style="bold", markup=False)
    for each in found:
        terminal.show(exfiltration.shown(each))
    return accepted


def _print(data: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(data, indent=2))
