"""What agents reach by a stack's policies and do not by others: of a stack, or of a commit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from components.boundary import Policy
from components.boundary import Reach as Requests
from components.settings.model import Settings
from ops import coder_agents, git, namespace_changes, network, stacks
from ops.contract_changes import Contracts, contract_changes, contract_lines
from ops.reach import TemplateReach
from ops.stack_reach import StackReach, of_settings
from ops.template_changes import Registered
from ops.traffic import InputError

TIMEOUT: Final = 120.0
"""Seconds that reading an earlier commit's policies may take."""

# Runs with that commit's code, whose groups of rules may be others: only names that it has had
# since it could read settings without an engine. Of the others, what it has.
_READ: Final = """
import json, sys
from importlib.util import find_spec
from pathlib import Path

def network(settings):
    if find_spec("components.network") is None:
        return []
    try:
        from components.network import manifests
        try:
            from components.settings.network import surroundings
        except ImportError:
            from components.settings_network import surroundings
        args = settings.network.args(surroundings(settings))
        if args is None:
            return []
        found = [*manifests.network_policies(args), *manifests.cilium_policies(args).values()]
        agents = getattr(manifests, "cilium_agents_policy", lambda _: None)(args)
        return found + [agents] * (agents is not None)
    except Exception:
        return None

def contract(settings, template):
    try:
        if template.firewall is None:
            return ""
        demands = settings.policy_settings_of(template).demands
        stack = None if template.policy is None else settings.policy.demands
        return json.dumps({**demands, "stack": stack})
    except Exception:
        return ""

try:
    from ops import stacks
    settings = stacks.settings(sys.argv[1], Path.cwd())
    found = {template.name: settings.policy_of(template) for template in settings.templates}
    answer = {
        "policies": {name: policy and policy.to_json() for name, policy in found.items()},
        "agents": {each.name: getattr(each, "lets_agents_in", None) for each in settings.templates},
        "network": network(settings),
        "boundary": getattr(settings.workspaces, "boundary_version", None),
        "namespace": getattr(settings.workspaces, "namespace", None),
        "contracts": {each.name: contract(settings, each) for each in settings.templates},
    }
except Exception as error:
    answer = {"error": f"{error}"}
print(json.dumps(answer))
"""


def other(stack: str, against: str, root: Path) -> StackReach:
    """Return what to compare `stack` with.

    Args:
        stack: name of the stack that is compared.
        against: name of a stack, else anything by which git knows a commit, at which the settings
            of `stack` are read with that commit's own code.
        root: the checkout.

    Raises InputError, and SettingsError for a stack whose settings are wrong.
    """
    if against in stacks.names(root):
        found = of_settings(stacks.settings(against, root, proven=False))
        # None of its workspaces moves to the stack that is compared.
        return replace(found, namespaces={})
    problem = git.facts(root).problem
    try:
        commit = git.run(
            root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{against}^{{commit}}"
        )
    except git.GitError:
        known = ", ".join(stacks.names(root))
        why = f": {problem or git.fetching(root)}"
        raise InputError(
            f"--against {against!r}: neither a stack ({known}) nor a commit of this repository{why}"
        ) from None
    try:
        with git.worktree(root, commit) as earlier:
            return of_checkout(stack, earlier, sys.executable)
    except git.GitError as error:
        raise InputError(f"--against {against!r}: cannot be checked out: {error}") from None
    except InputError as error:
        raise InputError(f"--against {against!r}: {error}") from None


def of_checkout(stack: str, root: Path, python: Path | str) -> StackReach:
    """Return what the checkout at `root` reads of the settings of `stack`; raises InputError.

    `python` has the packages of that checkout. The network is not known of code that cannot tell.
    """
    try:
        done = subprocess.run(
            [str(python), "-P", "-c", _READ, stack],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=TIMEOUT,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise InputError(f"took longer than {TIMEOUT:g} s") from None
    except ValueError:
        said = done.stderr.strip().splitlines()
        raise InputError(
            f"its program cannot be run: {said[-1] if said else 'no answer'}"
        ) from None
    if isinstance(answer.get("error"), str):
        raise InputError(f"at that commit: {answer['error']}")
    network, release = answer["network"], answer["boundary"]
    return StackReach(
        {
            name: None if rules is None else Policy.from_json(rules)
            for name, rules in answer["policies"].items()
        },
        answer["agents"],
        None if network is None else tuple(network),
        {name: release for name, rules in answer["policies"].items() if release and rules},
        answer["contracts"],
        dict.fromkeys(answer["policies"], answer["namespace"]) if answer["namespace"] else {},
    )


def contracts(old: StackReach, settings: Settings, wanted: Sequence[str] = ()) -> Contracts | None:
    """Return what `settings` change of the contracts of `old`, of the wanted templates or of all.

    None where `old` is another stack's, whose contract is another's.
    """
    if old.contracts is None:
        return None
    new = {
        each.name: Registered(None, {}, contract=json.dumps(demands))
        for each in settings.templates
        if (demands := settings.demands_of(each)) and (not wanted or each.name in wanted)
    }
    before = {
        name: Registered(None, {}, contract=contract) for name, contract in old.contracts.items()
    }
    return contract_changes(before, new, old.policies, settings.own)


def contract_shown(changes: Contracts) -> RenderableType:
    """Return what changes of the contract for people."""
    # As in a review, whose Markdown these lines are.
    lines = Markdown("\n".join(contract_lines(changes)))
    return Group(Text("The policy's contract", style="bold"), lines)


def shown(reach: TemplateReach) -> RenderableType:
    """Return the change for people."""
    head = Text(f"Template {reach.template}", style="bold")
    if not reach.after:
        return Group(head, Text("only there, not here"))
    more = reach.release.lines() + coder_agents.lines(reach)
    if reach.network.changed:
        more += network.lines(reach.network, reach.by_name, reach.moved_to)
    more += namespace_changes.reach_lines(reach)
    # As in a review, whose Markdown these lines are.
    rest = [Markdown("\n".join(more))] if more else []
    return Group(head, *_firewall(reach, alone=not more), *rest)


def _firewall(reach: TemplateReach, alone: bool) -> list[RenderableType]:
    if reach.before and (reach.old is None or reach.new is None):
        if reach.old is reach.new:
            return [Text("no firewall on either side: every host is reached")]
        word = "newly reached: every host, it has no firewall now"
        if reach.new is not None:
            word = f"confined by {len(reach.new)} rules; without a firewall there"
        return [Text(word, style="bold red" if reach.firewall_removed else "")]
    if reach.new is None:
        return [Text("only here: every host is reached, without a firewall")]
    if reach.comparison.empty:
        same = "the same requests are allowed"
        return [Text(same if alone else f"by the firewall {same}")]
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("", no_wrap=True)
    for title, ratio in (("Host", 3), ("Methods", 2), ("Paths", 3)):
        table.add_column(title, overflow="fold", ratio=ratio)
    sides = (
        ("opens", "green", reach.comparison.opened),
        ("closes", "red", reach.comparison.closed),
    )
    for word, style, found in sides:
        for each in found:
            table.add_row(Text(word, style=style), *map(Text, _row(each)))
            for stays in reach.stays(each) if word == "closes" else ():
                table.add_row(Text("stays", style="dim"), *map(Text, _row(stays)))
    old, new = reach.grades
    grade = Text(f"exfiltration grade {new}" + (f", {old} there" if old not in (new, "-") else ""))
    return [table, grade]


def _row(found: Requests) -> Iterable[str]:
    yield "every host" if found.host == "*" else found.host
    yield "all" if "*" in found.methods else ", ".join(found.methods)
    yield "all" if "*" in found.paths else ", ".join(found.paths)
