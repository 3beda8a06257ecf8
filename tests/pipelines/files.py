"""The pipelines of both forges as plain data, and the shell lines that their jobs run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ops import stacks
from ops.project import LOCAL

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
GITLAB = ROOT / ".gitlab-ci.yml"
_EXAMPLES = [name for name in stacks.names() if name != LOCAL]
# The examples have jobs to be copied, for as long as there is nothing else.
DEPLOYED = [name for name in _EXAMPLES if not stacks.is_example(name)] or _EXAMPLES
# Top-level keys of .gitlab-ci.yml that are no jobs (GitLab CI/CD YAML syntax reference).
GITLAB_GLOBAL = {"default", "include", "stages", "variables", "workflow", "spec"}


@dataclass(frozen=True)
class Script:
    """What one step or job runs in a shell, as written.

    Attributes:
        where: file and job, and the step's place in it.
        text: the lines.
        variables: names of the variables that the step, job or file sets.
    """

    where: str
    text: str
    variables: frozenset[str] = field(default_factory=frozenset)


@cache
def load(path: Path) -> dict[str, Any]:
    """Return a YAML file, which nobody changes; `on` is a string key, in YAML 1.1 it is true."""
    document = _parsed(path.read_text(encoding="utf-8"))
    if True in document:
        document["on"] = document.pop(True)
    return dict(document)


def _parsed(text: str) -> Any:
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def gitlab_jobs(text: str | None = None) -> dict[str, dict[str, Any]]:
    """Return a pipeline's jobs with what they extend merged in, hidden ones left out.

    The pipeline is .gitlab-ci.yml if no text of one is given.
    """
    document = load(GITLAB) if text is None else _parsed(text)

    def merged(name: str) -> dict[str, Any]:
        job = dict(document[name])
        base = merged(job.pop("extends")) if "extends" in job else {}
        return _merge(base, job)

    names = [name for name in document if not name.startswith(".") and name not in GITLAB_GLOBAL]
    return {name: merged(name) for name in names}


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    # As `extends` does: hashes are merged, anything else is replaced.
    found = dict(base)
    for key, value in over.items():
        old = found.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        found[key] = _merge(old, value) if both else value
    return found


def github_steps() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield place, job and step of every step of every workflow."""
    for path in WORKFLOWS:
        for name, job in load(path)["jobs"].items():
            for number, step in enumerate(job.get("steps", ())):
                yield f"{path.name}: {name}, step {number}", job, step


def scripts() -> Iterator[Script]:
    """Yield everything that the jobs of both forges run."""
    for where, job, step in github_steps():
        if "run" in step:
            names = {*job.get("env", {}), *step.get("env", {})}
            yield Script(where, step["run"], frozenset(names))
    for name, job in gitlab_jobs().items():
        lines = [*job.get("before_script", ()), *job["script"]]
        yield Script(
            f"{GITLAB.name}: {name}", "\n".join(lines), frozenset(job.get("variables", ()))
        )


def ops_commands(text: str) -> list[list[str]]:
    """Return the arguments of every `python -m ops` in a shell script, as the shell splits them."""
    found = []
    for match in re.finditer(r"python -m ops ([^\n;|)]*)", text):
        words = shlex.split(match[1])
        found.append(words[: words.index(">>")] if ">>" in words else words)
    return found
