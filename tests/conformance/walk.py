"""The walk: up, nothing to do, change, drift, adopt, rollback, destroy; each step looks for itself.

What a step expects is what the real parts show, asked of coderd and the cluster, not what the
command says of itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from ops.existing import Version
from tests.conformance.cluster import Object, OwnNamespace
from tests.conformance.coder import CoderFacts, OwnTemplates
from tests.conformance.extras import Extras
from tests.conformance.project import CommandFailedError, Project

HOST: Final = "conformance.example.com"
BEFORE: Final = "A conformance test; it goes away by itself."
AFTER: Final = "A conformance test, changed."
BY_HAND: Final = "Changed by hand."
CHANGED: Final = 2
# Above it, what plain pulumi prints is read by nobody.
_SCREEN: Final = 120


class StepOutcome(StrEnum):
    """What came of a step."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"
    NOT_WALKED = "not walked"


FAILURES: Final = frozenset({StepOutcome.FAILED, StepOutcome.NOT_RUN})
"""With one of them the walk failed; what a deployment has not is not walked, and is told."""


@dataclass(frozen=True)
class StepResult:
    """A step, what came of it, what was seen, and how long it took in seconds."""

    name: str
    outcome: StepOutcome
    detail: str = ""
    seconds: float = 0.0


@dataclass
class Walk:
    """A walk over one deployment.

    Args:
        project: the copy of the program, laid out.
        coder: the deployment.
        facts: what it says of itself.
        cluster: with the namespace made.
        hosted: whether the engine can run the program without ops.
        bridged: whether the coderd provider is the real one. What stands in for it reads every
            directory below one root, where the real one is started anew in the one of a rollback.
        extras: what is walked besides, where the deployment has it.
        brief: see only once, after the first up, that there is nothing to do.
    """

    project: Project
    coder: OwnTemplates
    facts: CoderFacts
    cluster: OwnNamespace
    hosted: bool
    bridged: bool
    extras: Extras
    brief: bool = False
    _pods: Object = field(default_factory=dict)
    # What the cluster puts into every namespace.
    _others: frozenset[str] = frozenset()
    _contents: dict[str, str] = field(default_factory=dict)

    def steps(self) -> Iterator[tuple[str, bool, Callable[[], str]]]:
        """Yield each step: its name, whether the rest needs it, and what it does."""
        yield "preview of what is not there", True, self.preview
        yield "up", True, self.up
        yield "nothing to do", False, self.nothing
        if self.hosted:
            yield "nothing to do, by pulumi alone", False, self.nothing_plain
        yield "change", False, self.change
        yield "drift is found and put right", False, self.drift
        yield "adopt what is there", False, self.adopt
        yield "rollback", False, self.rollback
        yield "destroy", True, self.destroy

    def run(self, told: Callable[[str], None]) -> list[StepResult]:
        """Walk; what fails is a result, and stops what needs it.

        Args:
            told: each step before it begins, and its result.
        """
        results: list[StepResult] = []
        missing = ""
        steps = list(self.steps())
        for place, (name, needed, action) in enumerate(steps, 1):
            if missing:
                results.append(StepResult(name, StepOutcome.NOT_RUN, f"{missing!r} failed"))
                continue
            told(f"[{place}/{len(steps)}] {name}")
            started = time.monotonic()
            try:
                detail, outcome = action(), StepOutcome.PASSED
            except Exception as error:  # noqa: BLE001  whatever it is, the step failed by it
                detail, outcome = str(error) or type(error).__name__, StepOutcome.FAILED
                missing = name if needed else ""
            results.append(StepResult(name, outcome, detail, time.monotonic() - started))
            told(f"    {outcome} in {results[-1].seconds:.0f} s: {detail}")
        return results

    def preview(self) -> str:
        """Preview the stack before anything of it is there."""
        self._pods, self._others = self.cluster.deployment(), frozenset(self.cluster.objects())
        report = self.project.preview(status=CHANGED, refresh=False)
        counted = report["resources"]
        _expect(set(counted) == {"create"}, f"nothing but creation was due: {counted}")
        _expect(not self.coder.taken(self.facts.organization), "the preview made something")
        return f"{counted['create']} to create"

    def up(self) -> str:
        """Bring the stack up, and look at what is there then."""
        self.project.ops("up", self.project.name)
        policy, open_one = self.coder.templates
        running = {name: self._running(name) for name in self.coder.templates}
        _expect(_holds(running[policy], "domain="), f"{policy} holds no policy")
        _expect(not _holds(running[open_one], HOST), f"{open_one} holds a policy")
        self._contents = {name: _content(version) for name, version in running.items()}
        _expect(self.cluster.deployment() != self._pods, "coderd's Deployment has nothing new")
        there = self.cluster.objects() - self._others
        kinds = {each.partition(" ")[0] for each in there}
        _expect({"ConfigMap", "Secret"} <= kinds, f"the cluster has {sorted(there)}")
        more = self.extras.look()
        return ", ".join([f"2 templates, {len(there)} objects in the namespace", *more])

    def nothing(self) -> str:
        """See that a second look finds nothing to do."""
        self.project.preview(status=0)
        return "a preview after a refresh shows no change"

    def nothing_plain(self) -> str:
        """See the same with the engine's command line alone, on a screen's worth of lines."""
        said = self.project.pulumi(
            "preview", "--stack", self.project.name, "--expect-no-changes", "--refresh"
        )
        lines = len(said.out.splitlines())
        return f"no change, {lines} lines"

    def change(self) -> str:
        """Change the policy, a variable and a text, and bring them up."""
        before = self._versions_now()
        self.project.write(self.extras.over(changed(self.coder), changed=True))
        self.project.commit("Change")
        report = self.project.preview(status=CHANGED, refresh=False)
        _expect(HOST in json.dumps(report["reach"]), "the report does not show the new host")
        self.project.ops("up", self.project.name)
        policy = self.coder.templates[0]
        after = self._versions_now()
        _expect(before[policy] != after[policy], f"{policy} still has its first version")
        _expect(_holds(self._running(policy), HOST), f"{policy} does not hold the new rule")
        self._described(policy, AFTER)
        self.extras.look(changed=True)
        self._settled()
        return "the new rule is in the running version; then nothing to do"

    def drift(self) -> str:
        """Change and delete by hand; see it found, and put right by up."""
        policy = self.coder.templates[0]
        template = self.coder.template(self.facts.organization, policy)["id"]
        self.coder.describe(template, BY_HAND)
        there = self.cluster.objects() - self._others
        gone = min(each for each in there if each.startswith("ConfigMap "))
        self.cluster.delete_config_map(gone.removeprefix("ConfigMap "))
        for name in self.extras.policies:
            self.cluster.delete_network_policy(name)
        found = ", ".join([gone, *(f"NetworkPolicy {name}" for name in self.extras.policies)])
        creates = ["create"] * (1 + len(self.extras.policies))
        report = self.project.preview(status=CHANGED)
        shown = {each["urn"].rpartition("::")[2]: each["op"] for each in report["steps"]}
        _expect(
            shown.pop(f"{policy}-template", "") == "update" and list(shown.values()) == creates,
            f"template {policy} and {found} drifted; shown with them: {shown}",
        )
        self.project.ops("refresh", self.project.name)
        self.project.ops("up", self.project.name)
        self._described(policy, AFTER)
        _expect(gone in self.cluster.objects(), f"{gone} is missing")
        self.extras.look(changed=True)
        self._settled()
        return f"found: template {policy}, {found}"

    def adopt(self) -> str:
        """Lose the state, and take over what is there."""
        before, provider = self._versions_now(), self.extras.provider()
        lose_state(self.project)
        self.project.ops("adopt", self.project.name)
        self.project.ops("up", self.project.name)
        after = self._versions_now()
        anew = [name for name in before if before[name] != after[name]]
        _expect(not anew, f"made anew, template or version: {', '.join(anew)}")
        _expect(self.extras.provider() == provider, "the AI provider was made anew")
        self.extras.look(changed=True)
        self._settled()
        return "the same templates and versions; then nothing to do"

    def rollback(self) -> str:
        """Go back to the first update; the settings of then have nothing to do."""
        self.project.ops("rollback", self.project.name, "--to", "1", "--yes")
        policy = self.coder.templates[0]
        for name, content in self._contents.items():
            version = self._running(name)
            _expect(_content(version) == content, f"{name} runs {version.name}, not {content}")
            _expect(not self.bridged or not _holds(version, HOST), f"{name} has the new rule")
        self._described(policy, BEFORE)
        self.extras.look()
        self.project.git("checkout", "-q", "HEAD~1", "--", "stacks")
        self.project.commit("Go back in git as well")
        if self.bridged:
            self._settled()
        return "as the first update left it"

    def destroy(self) -> str:
        """Remove what the stack made; the rest is as it was."""
        self.project.ops("destroy", self.project.name, "--yes")
        _expect(not (left := self.coder.taken(self.facts.organization)), f"left: {left}")
        objects = self.cluster.objects() - self._others
        _expect(not objects, f"left: {sorted(objects)}")
        _expect(self.cluster.deployment() == self._pods, "coderd's Deployment is not as it was")
        return "nothing is left; the Deployment is as it was"

    def _settled(self) -> None:
        if not self.brief:
            self.project.preview(status=0)

    def _running(self, template: str) -> Version:
        return self.coder.running(self.facts.organization, template)

    def _versions_now(self) -> dict[str, tuple[str, str]]:
        every = {
            name: self.coder.template(self.facts.organization, name)
            for name in self.coder.templates
        }
        return {name: (each["id"], each["active_version_id"]) for name, each in every.items()}

    def _described(self, template: str, text: str) -> None:
        said = self.coder.template(self.facts.organization, template)["description"]
        _expect(said == text, f"{template} is described as {said!r}, not {text!r}")


def settings(coder: OwnTemplates, facts: CoderFacts, context: str | None) -> dict[str, Any]:
    """Return the stack's settings: everything in one namespace, all names its own.

    Args:
        coder: the deployment.
        facts: what it says of itself.
        context: of the kubeconfig; its current one if None.
    """
    name = coder.name
    servers = [{"slug": name, "displayName": name, "url": f"https://{HOST}/mcp"}]
    return {
        "coder": {
            "accessUrl": coder.url,
            "organization": facts.organization,
            "namespace": name,
        },
        "kubernetes": {"context": context} if context else {},
        "externalAuth": {"providers": [{"id": facts.login, "host": "gitlab.example.com"}]},
        "workspaces": {"namespace": name},
        "grafana": {"namespace": name},
        "alerts": {"namespace": name},
        "templates": _templates(coder, BEFORE),
        "mcpServers": servers if facts.has_servers else [],
    }


def changed(coder: OwnTemplates) -> dict[str, Any]:
    """Return the settings that the change of the walk brings."""
    rule = {"rule": f"method=GET domain={HOST} path=/*", "why": "conformance"}
    return {
        "policy": {"rules": [rule]},
        "workspaces": {"namespace": coder.name, "agentEnv": {"CONFORMANCE": "changed"}},
        "templates": _templates(coder, AFTER),
    }


def _templates(coder: OwnTemplates, description: str) -> list[dict[str, Any]]:
    policy, open_one = coder.templates
    return [
        {"name": policy, "description": description, "firewall": {"jail": "landjail"}},
        {"name": open_one, "description": BEFORE},
    ]


def lose_state(project: Project) -> None:
    """Make the engine forget what it made; `find_state` undoes it."""
    kept = project.folder / "before-adopt.json"
    project.pulumi("stack", "export", "--stack", project.name, "--file", str(kept))
    document = json.loads(kept.read_text(encoding="utf-8"))
    document["deployment"]["resources"] = []
    empty = project.folder / "empty.json"
    empty.write_text(json.dumps(document), encoding="utf-8")
    project.pulumi("stack", "import", "--stack", project.name, "--file", str(empty))


def find_state(project: Project) -> None:
    """Give the engine back what it forgot, unless an adoption did."""
    kept = project.folder / "before-adopt.json"
    now = project.folder / "now.json"
    if not kept.exists():
        return
    project.pulumi("stack", "export", "--stack", project.name, "--file", str(now))
    if not json.loads(now.read_text(encoding="utf-8"))["deployment"].get("resources"):
        project.pulumi("stack", "import", "--stack", project.name, "--file", str(kept))


def _content(version: Version) -> str:
    """Return the digest of a version's content, with which its name begins."""
    return version.name.partition("-")[0]


def _holds(version: Version, text: str) -> bool:
    files = version.files or {}
    told = [*files.values(), *(value.encode() for value in version.variables.values())]
    return any(text.encode() in content for content in told)


def _expect(true: bool, otherwise: str) -> None:
    if not true:
        raise CommandFailedError(otherwise)
