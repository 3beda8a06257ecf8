"""Whether a template's active version is the one that the settings of this checkout make.

The name of a version begins with the digest of what it was made of, but whoever pushes another may
name it alike: what counts are the files and variables that Coder has of it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from components.coder.lookup import Known
from components.errors import OperatorError
from components.settings.model import Settings
from components.workspace_template.render import RenderedTemplate, render
from ops.verification.deployment import CoderDeployment, TemplateVersion, VersionVariable
from ops.verification.model import Failed, NotChecked
from ops.verification.record import POLICY_FILE, files_of
from program.plan import workspace_template

BRING_UP: Final = (
    "bring the stack up from this checkout: `python -m ops refresh STACK`, which finds a version "
    "that somebody else promoted, and `python -m ops up STACK`; or verify what was brought up from "
    "its own commit"
)
_SHOWN: Final = 3
_DIGITS: Final = 8


@dataclass(frozen=True)
class DeclaredVersions:
    """What the settings of a checkout make of each template.

    Attributes:
        stack: name of the stack.
        settings: its settings.
        deployment: its Coder, whose release decides on a module.
        root: the checkout.
    """

    stack: str
    settings: Settings
    deployment: CoderDeployment
    root: Path

    def compare(self, template: str, version: TemplateVersion) -> str:
        """Return that a template's active version is what the settings make.

        Raises:
            Failed: it is another one.
            NotChecked: the settings cannot be rendered here.
            CoderdError: coderd cannot be asked.
        """
        rendered = self._rendered(template)
        archive = self.deployment.download(f"/api/v2/files/{version.job.file_id}")
        variables = self.deployment.get(
            tuple[VersionVariable, ...], f"/api/v2/templateversions/{version.id}/variables"
        )
        wrong = [
            *_other_files(files_of(archive), rendered.files),
            *_other_variables({each.name: each.value for each in variables}, rendered.variables),
        ]
        begins = rendered.digest[:_DIGITS]
        if not wrong and not version.name.startswith(f"{begins}-"):
            wrong = [f"its name does not begin with {begins}-, which says what it was made of"]
        if wrong:
            raise Failed(
                f"version {version.name} is not what these settings make: {'; '.join(wrong)}",
                BRING_UP,
            )
        return f"version {version.name} has the files and variables that these settings make"

    def _rendered(self, template: str) -> RenderedTemplate:
        problems = "; ".join(map(str, self._known.problems[:_SHOWN]))
        by_name = {each.name: each for each in self.settings.templates}
        try:
            if not problems and template in by_name:
                return render(
                    workspace_template(
                        self.stack, self.settings, by_name[template], self._known, self.root
                    )
                )
        except OperatorError as error:
            problems = str(error)
        raise NotChecked(
            "what these settings make cannot be rendered: "
            f"{problems or f'they have no template {template}'}",
            "see preflight.licence, and `python -m ops preview STACK`",
        )

    @cached_property
    def _known(self) -> Known:
        return self.deployment.known(self.settings)


def _other_files(found: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> Iterator[str]:
    """Yield how files differ; the policy's by its rules."""
    changed = [name for name in wanted if name in found and found[name] != wanted[name]]
    if POLICY_FILE in changed:
        changed.remove(POLICY_FILE)
        yield _other_policy(found[POLICY_FILE], wanted[POLICY_FILE])
    for what, names in {
        "changed": changed,
        "missing": [name for name in wanted if name not in found],
        "more": [name for name in found if name not in wanted],
    }.items():
        if names:
            yield f"files {what}: {_some(names)}"


def _other_policy(found: bytes, wanted: bytes) -> str:
    there, declared = _rules(found), _rules(wanted)
    told = [
        f"{(one - other).total()} rules {what} ({_some(list(one - other))})"
        for what, one, other in (("more", there, declared), ("fewer", declared, there))
        if one - other
    ]
    digests = [hashlib.sha256(each).hexdigest()[:12] for each in (found, wanted)]
    rules = f", {', '.join(told)}" if told else ""
    return f"{POLICY_FILE} has sha256 {digests[0]}, and the settings' {digests[1]}{rules}"


def _rules(content: bytes) -> Counter[str]:
    try:
        document: Any = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError):
        return Counter()
    rules = document.get("allowlist") if isinstance(document, dict) else None
    return Counter(map(str, rules if isinstance(rules, list) else ()))


def _other_variables(found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[str]:
    for name, value in wanted.items():
        if (there := found.get(name)) != value:
            shown = "not there" if there is None else repr(there)
            yield f"its variable {name} is {shown}, and the settings' {value!r}"


def _some(names: list[str]) -> str:
    shown = sorted(names)[:_SHOWN]
    return ", ".join(shown) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
