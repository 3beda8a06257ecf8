"""Log lines as a deployment's Loki would hold them, the same in every run.

coderd writes JSON: audited requests, builds, the AI Gateway. A provisioner of its own and the pods
of workspaces write for people. Between them stands what a careless query would count: lines that
hold the words of another part, that are cut off, or that another namespace wrote.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.components.dashboards import generated_requests, series_deployment
from tests.components.dashboards.generated_requests import END, START, log_line, workspace_id
from tests.components.dashboards.loki import Entry

CODERD = {
    "namespace": "coder",
    "app": "coder",
    "container": "coder",
    "pod": series_deployment.REPLICAS[0],
}
PROVISIONER = {**CODERD, "app": "coder-provisioner", "pod": series_deployment.PROVISIONER}
WORKSPACE = {"namespace": "coder-workspaces", "container": "dev"}


@dataclass(frozen=True)
class Workspace:
    owner: str
    name: str
    template: str
    version: str

    @property
    def id(self) -> str:
        return workspace_id(self.owner, self.name)

    @property
    def pod(self) -> str:
        return f"coder-{self.id}"


WORKSPACES = (
    *(
        Workspace(a.username, a.workspace_name, a.template_name, a.template_version)
        for a in series_deployment.AGENTS
    ),
    Workspace("o'brien", "dev.2", "firewalled", "v2"),
    Workspace("zoë.k+1", "new", "claude-code", "v9"),
)


@dataclass(frozen=True)
class BuildLine:
    """What a provisioner in coderd wrote about the build of a workspace."""

    time: datetime
    workspace: Workspace
    transition: str
    level: str
    message: str

    @property
    def line(self) -> str:
        return log_line(
            self.message,
            time=self.time,
            level=self.level,
            caller="provisionerd/runner/runner.go:541",
            loggers=("coderd", "provisionerd-coder-0", "runner"),
            workspace_name=self.workspace.name,
            workspace_owner=self.workspace.owner,
            workspace_transition=self.transition,
            workspace_id=self.workspace.id,
            template_name=self.workspace.template,
            template_version=self.workspace.version,
        )


def build_lines(seed: int = 13) -> list[BuildLine]:
    """Return the lines of each workspace's builds, in order."""
    rng = random.Random(seed)
    made = []
    for workspace in WORKSPACES:
        for number in range(rng.randrange(3, 6)):
            transition = ("start", "stop")[number % 2]
            ends = ("INFO", "apply successful")
            if rng.random() < 0.2:
                ends = ("ERROR", "apply failed: pulling the image: not found")
            time = _moment(rng)
            for level, message in (
                ("INFO", "acquired job"),
                ("INFO", "unpacking template source archive"),
                ("INFO", "plan successful"),
                ends,
            ):
                made.append(BuildLine(time, workspace, transition, level, message))
                time += timedelta(milliseconds=rng.randrange(300, 20_000))
    return sorted((line for line in made if line.time <= END), key=lambda line: line.time)


def entries(seed: int = 11) -> list[Entry]:
    """Return every line of the deployment, in order."""
    rng = random.Random(seed)
    made = [
        *_coderd(rng),
        *_gateway(rng),
        *_provisioner(rng),
        *_workspaces(rng),
        *_misleading(rng),
    ]
    return sorted((e for e in made if e.time <= END), key=lambda entry: entry.time)


def _moment(rng: random.Random) -> datetime:
    return START + timedelta(milliseconds=rng.randrange(1, 6 * 3_600_000))


def _for_people(time: datetime, level: str, logger: str, message: str) -> str:
    clock = time.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
    return f"{clock} [{level}]  {logger}: {message}"


def _coderd(rng: random.Random) -> Iterator[Entry]:
    for request in generated_requests.requests():
        yield Entry(
            request.time, {**CODERD, "pod": rng.choice(series_deployment.REPLICAS)}, request.line
        )
    for build in build_lines():
        yield Entry(build.time, CODERD, build.line)


def _gateway(rng: random.Random) -> Iterator[Entry]:
    for _ in range(300):
        time, user = _moment(rng), rng.choice(("ada", "o'brien", "zoë.k+1"))
        provider, model = rng.choice(
            (("anthropic", "claude-opus-4-7"), ("bedrock-us-gov-west-1", "claude-haiku-4-5"))
        )
        level, message, fields = rng.choice(
            (
                *[("INFO", "interception ended", {"tokens": str(rng.randrange(400, 90_000))})] * 6,
                ("WARN", "upstream answered 429, retrying", {"attempt": "1"}),
                ("DEBUG", "injected tools listed", {"server": "gitlab"}),
            )
        )
        line = log_line(
            message,
            time=time,
            level=level,
            caller="enterprise/aibridged/http.go:58",
            loggers=("coderd", "aibridged"),
            provider=provider,
            model=model,
            initiator=user,
            **fields,
        )
        yield Entry(time, {**CODERD, "pod": rng.choice(series_deployment.REPLICAS)}, line)
    for _ in range(7):
        time = _moment(rng)
        line = log_line(
            "providers reloaded",
            time=time,
            caller="enterprise/aibridged/reload.go:81",
            loggers=("coderd", "aibridged"),
        )
        yield Entry(time, CODERD, line)


def _provisioner(rng: random.Random) -> Iterator[Entry]:
    for _ in range(180):
        time, job = _moment(rng), f"{rng.getrandbits(32):08x}"
        level, message = rng.choice(
            (
                ("info", "acquired job"),
                ("info", "completed job"),
                ("info", "completed job"),
                ("warn", f"plan took long  seconds={rng.randrange(30, 90)}"),
                ("erro", "failed job  error=exit status 1"),
            )
        )
        logger = f"provisionerd-{series_deployment.PROVISIONER}-{rng.randrange(4)}"
        yield Entry(time, PROVISIONER, _for_people(time, level, logger, f"{message}  job_id={job}"))
    for _ in range(200):
        time = _moment(rng)
        line = log_line(
            "acquired job",
            time=time,
            caller="provisionerd/provisionerd.go:327",
            logger="inmem-provisionerd-0",
            job_id=f"{rng.getrandbits(32):08x}",
        )
        yield Entry(time, {**CODERD, "pod": rng.choice(series_deployment.REPLICAS)}, line)


def _workspaces(rng: random.Random) -> Iterator[Entry]:
    for workspace in WORKSPACES:
        labels = {**WORKSPACE, "pod": workspace.pod}
        for _ in range(4):
            time = _moment(rng)
            for level, logger, message in (
                ("info", "agent", "connected to coderd"),
                ("info", "agent", "running startup script"),
                ("info", "boundary", "jail started  jail_type=landjail proxy_port=8087"),
                ("info", "agent", "lifecycle state changed  state=ready"),
            ):
                yield Entry(time, labels, _for_people(time, level, logger, message))
                time += timedelta(milliseconds=rng.randrange(80, 9_000))
        for _ in range(25):
            time = _moment(rng)
            message = rng.choice(
                (
                    "jail stopped  exit=0",
                    "jail started  jail_type=landjail proxy_port=8087",
                    f"log channel is full, dropped  logs={rng.randrange(1, 9)}",
                )
            )
            level = "warn" if "full" in message else "info"
            yield Entry(time, labels, _for_people(time, level, "boundary", message))


def _misleading(rng: random.Random) -> Iterator[Entry]:
    def times(count: int) -> Iterator[datetime]:
        return (_moment(rng) for _ in range(count))

    for time in times(9):  # names the message, and is none of it
        line = log_line("GET", time=time, path="/x?boundary_request", decision="deny")
        yield Entry(time, CODERD, line)
    for time in times(5):
        yield Entry(time, CODERD, "boundary_request decision=deny not JSON {")
    audited = generated_requests.requests()[0].line
    for time in times(3):
        yield Entry(time, WORKSPACE, audited)
    for time in times(2):
        yield Entry(time, WORKSPACE, "Boundary in capitals, cargo build")
    for time in times(1):  # names a route, and no daemon
        yield Entry(time, CODERD, log_line("GET", time=time, path="/provisioners/jobs"))
    for time in times(3):
        yield Entry(time, WORKSPACE, "provisionerd in a workspace")
    for time in times(2):
        yield Entry(time, CODERD, "provisionerd: a panic, and no JSON {")
    for time in times(1):
        yield Entry(time, CODERD, log_line("workspace_id of nobody", time=time))
