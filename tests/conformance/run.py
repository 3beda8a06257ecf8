"""One run: find the parts, walk, and leave nothing behind."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from unittest.mock import patch

import httpx

from components.coder.api import CoderdError
from components.errors import OperatorError
from local import keys, providers
from local.cluster import CONTEXT, LocalCluster
from local.coderd import LocalCoderd
from ops import stacks
from ops.project import PROJECT, ROOT
from tests.conformance import extras, parts, ready, walk
from tests.conformance.cluster import NamespaceError, OwnNamespace
from tests.conformance.coder import CoderFacts, OwnTemplates
from tests.conformance.project import CommandFailedError, Project
from toolchain import plugins

NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
# Coder's limit of 32, less what the templates' names end in.
LONGEST: Final = 20
RUNS: Final = ROOT / "build" / "conformance"


_FAILURES: Final = (CoderdError, OperatorError, NamespaceError, httpx.HTTPError)


class RunRefusedError(Exception):
    """The run is refused before anything is made; the message says why and what to do."""


@dataclass(frozen=True)
class RunOptions:
    """What a run is asked for.

    Attributes:
        name: of the stack, the namespace, and what templates and servers begin with.
        organization: of Coder; the default one if None.
        login: id of an external login that coderd knows; the first if None.
        context: of the kubeconfig; its current one if None.
        watched: go on although Grafana or Prometheus would load what is made.
        prices: walk a price, which stays in Coder.
        brief: as Walk's, with one dashboard, with commands of ops forked from a process that has
            loaded it, and with a key service in place of a passphrase, from which the engine
            derives the key anew in each of its runs.
    """

    name: str
    organization: str | None = None
    login: str | None = None
    context: str | None = None
    watched: bool = False
    prices: bool = False
    brief: bool = False


@dataclass
class Run:
    """A run in its folder, with the stand-ins that it needs.

    Args:
        options: what is asked for.
        told: each line of progress.
        runs: the folder that holds a folder for each name.
        environment: CODER_URL, CODER_SESSION_TOKEN, KUBECONFIG, PULUMI_HOME and PATH.
    """

    options: RunOptions
    told: Callable[[str], None]
    runs: Path = RUNS
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def folder(self) -> Path:
        """Where the run keeps what it needs to clean up."""
        return self.runs / self.options.name

    @property
    def clean_up(self) -> str:
        """The command that removes what a run left."""
        return f"python -m tests.conformance clean {self.options.name}"

    def check_name(self) -> None:
        """Refuse a name that is not good, or not free on this machine."""
        name = self.options.name
        if not NAME.fullmatch(name) or len(name) > LONGEST:
            raise RunRefusedError(
                f"{name!r} is no name for a run: lowercase letters and digits in groups joined by "
                f"single hyphens, up to {LONGEST}"
            )
        if name in stacks.names():
            raise RunRefusedError(f"{name!r} is a stack of this checkout: choose a name of its own")
        if self.folder.exists():
            raise RunRefusedError(
                f"an earlier run named {name!r} did not end, or still runs; then: {self.clean_up}"
            )

    def go(self) -> tuple[list[parts.Part], list[walk.StepResult], list[str]]:
        """Walk, and remove everything; return the parts, the results, and what could not be.

        Raises RunRefusedError, and what interrupts it, after it has cleaned up.
        """
        self.check_name()
        self.folder.mkdir(parents=True)
        made = False
        with ExitStack() as stack:
            try:
                engine, project = stack.enter_context(self._engine())
                place = self._place(stack)
                every = [*engine.parts, *place.parts]
                for part in every:
                    self.told(f"{part.name}: {'real' if part.real else 'stood in'}, {part.detail}")
                self._refuse(place)
                (self.folder / "run.json").write_text(json.dumps({"context": place.context}))
                made = True
                place.cluster.make()
                more = self._lay_out(project, place)
                if self.options.brief:
                    project.command = stack.enter_context(ready.serving(project.root))
                results = walk.Walk(
                    project,
                    place.coder,
                    place.facts,
                    place.cluster,
                    hosted=engine.hosted,
                    bridged="coderd" not in engine.stand_ins,
                    extras=more,
                    brief=self.options.brief,
                ).run(self.told)
                destroyed = results[-1].outcome is walk.StepOutcome.PASSED
                left = self._leave(project, place, destroyed=destroyed)
                self._end(stack, left)
                results += [
                    walk.StepResult(extra, walk.StepOutcome.NOT_WALKED, why)
                    for extra, why in more.missing.items()
                ]
                return every, results, left
            except BaseException:
                left = self._leave(project, place) if made else []
                self._end(stack, left)
                self._told_left(left)
                raise

    def clean(self) -> list[str]:
        """Remove what a run left behind; return what could not be removed."""
        try:
            kept = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunRefusedError(
                f"no run named {self.options.name!r} left anything here"
            ) from None
        with ExitStack() as stack:
            _, project = stack.enter_context(self._engine())
            place = self._place(stack, context=kept["context"])
            left = self._leave(project, place)
            self._end(stack, left)
            return left

    @contextmanager
    def _engine(self) -> Iterator[tuple[parts.EngineParts, Project]]:
        """Find the engine and serve the plugins that are missing."""
        found = parts.find(self.environment, self.told)
        home = self.folder / "pulumi-home"
        variables = {"PULUMI_HOME": str(home)}
        for located in found.plugins:
            variables |= located.environment
            if located.binary is not None:
                plugins.link(home, located)
        with (
            providers.serve(*found.stand_ins, root=self.folder / "project") as ports,
            self._keys() as service,
        ):
            if ports:
                variables["PULUMI_DEBUG_PROVIDERS"] = providers.debug_providers(ports)
            variables |= service
            kept = keys.PROVIDER if service else ""
            name = self.options.name
            yield found, Project(self.folder, name, found.binary, variables, self.told, kept)

    @contextmanager
    def _keys(self) -> Iterator[dict[str, str]]:
        """Serve the stack's key, if a service is to keep it."""
        if not self.options.brief:
            yield {}
            return
        file = self.folder / "key"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_hex(32))
        with keys.serve(file) as environment:
            yield environment

    def _place(self, stack: ExitStack, context: str | None = None) -> Place:
        """Find coderd and the cluster, or start what stands in for them."""
        state = self.folder / "local"
        state.mkdir(parents=True, exist_ok=True)
        context = context or self.options.context
        url, token = (self.environment.get(f"CODER_{key}") for key in ("URL", "SESSION_TOKEN"))
        if bool(url) != bool(token):
            raise RunRefusedError(
                "CODER_URL and CODER_SESSION_TOKEN name a deployment together: set both, or "
                "neither for one that stands in"
            )
        real_coder, kubeconfig = bool(url and token), self.environment.get("KUBECONFIG")
        if not (url and token):
            coderd = LocalCoderd(state)
            stack.callback(coderd.stop)
            coderd.start(self.told)
            url, token = coderd.url, coderd.token
        real_cluster = bool(kubeconfig)
        if not kubeconfig:
            local = LocalCluster(state)
            stack.callback(local.stop)
            local.start(self.told)
            kubeconfig, context = str(local.kubeconfig), CONTEXT
        # Commands of the project look for the cluster as they would without this run.
        stack.enter_context(patch.dict(os.environ, KUBECONFIG=kubeconfig))
        coder = OwnTemplates(url, token, self.options.name)
        cluster = OwnNamespace(kubeconfig, context, self.options.name)
        try:
            facts = coder.facts(self.options.organization, self.options.login)
            release = cluster.version()
        except (CoderdError, NamespaceError) as error:
            raise RunRefusedError(str(error)) from None
        found = (
            parts.Part("coderd", real_coder, f"{facts.version}, {coder.url}"),
            parts.Part("cluster", real_cluster, f"{release}, {context or 'current context'}"),
        )
        return Place(coder, facts, cluster, context, found)

    def _refuse(self, place: Place) -> None:
        """Refuse a deployment in which a name is taken, or that would load what is made."""
        try:
            taken = place.coder.taken(place.facts.organization)
            if place.cluster.exists():
                taken.append(f"namespace {self.options.name}")
            watchers = place.cluster.watchers()
        except _FAILURES as error:
            raise RunRefusedError(str(error)) from None
        if taken:
            raise RunRefusedError(f"there is already {', '.join(taken)}: choose another name")
        if watchers and not self.options.watched:
            raise RunRefusedError(
                f"{', '.join(watchers)} looks into every namespace and would load the walk's "
                "dashboards or alerts, over those of the same uid: use another cluster, or say "
                "--watched if that does no harm"
            )

    def _lay_out(self, project: Project, place: Place) -> extras.Extras:
        """Copy the program with the stack's settings; returns what is walked besides."""
        self.told("copying the program")
        settings = walk.settings(place.coder, place.facts, place.context)
        if not place.cluster.has_controllers():
            self.told("no controller acts on a Deployment there: rollouts are not waited for")
            settings["coder"]["waitForRollout"] = False
        if not place.cluster.has_rules():
            settings["alerts"]["evaluator"] = "grafana"
        if self.options.brief:
            settings["grafana"]["dashboards"] = ["coder-status"]
        more = extras.of(
            place.coder, place.facts, place.cluster, settings, keeps=self.options.prices
        )
        project.lay_out(ROOT, more.over(settings))
        login = f"externalAuth.{place.facts.login}"
        # The engine masks a secret's value wherever it stands, so none may be a word.
        values = {
            "coderToken": place.coder.token,
            f"{login}.clientId": secrets.token_hex(16),
            f"{login}.clientSecret": secrets.token_hex(16),
            **(
                {f"mcp.{place.coder.name}": secrets.token_hex(16)} if settings["mcpServers"] else {}
            ),
            **{key: secrets.token_hex(16) for key in more.secrets},
        }
        pairs = [
            part
            for key, value in values.items()
            for part in ("--secret", f"{PROJECT}:secrets.{key}={value}")
        ]
        project.pulumi("config", "set-all", "--stack", project.name, "--path", *pairs)
        project.commit("The stack")
        return more

    def _leave(self, project: Project, place: Place, *, destroyed: bool = False) -> list[str]:
        """Remove all that is ours in what is there; return what could not be."""
        self.told("leaving nothing behind")
        left: list[str] = []
        if not destroyed and project.file.exists():
            try:
                walk.find_state(project)
                project.ops("cancel", project.name, status=None)
                project.ops("destroy", project.name, "--yes")
            except CommandFailedError as error:
                # A state that an interrupted run left may not be good enough; what is there counts.
                self.told(f"    {error}\n    removing what is there instead")
        removals: list[tuple[str, Callable[[], object]]] = [
            ("coderd", lambda: place.coder.remove(place.facts.organization))
        ]
        if place.parts[1].real:
            removals.append(("cluster", place.cluster.delete))
        for what, remove in removals:
            try:
                remove()
            except _FAILURES as error:
                left.append(f"{what}: {error}")
        return left

    def _end(self, stack: ExitStack, left: list[str]) -> None:
        """End what stands in and forget the run, unless something is left to be removed."""
        # Their processes are known by files in the folder.
        stack.close()
        if not left:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _told_left(self, left: list[str]) -> None:
        for line in left:
            self.told(f"left behind: {line}")
        if left:
            self.told(f"clean up with: {self.clean_up}")


@dataclass(frozen=True)
class Place:
    """Where a walk happens: coderd, the cluster, and which of both is real."""

    coder: OwnTemplates
    facts: CoderFacts
    cluster: OwnNamespace
    context: str | None
    parts: tuple[parts.Part, parts.Part]
