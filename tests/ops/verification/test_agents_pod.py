"""The pod of Coder's own agents: what is made of what was seen in it, and the scripts for real."""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ops.verification.agents_pod import AgentsPod
from ops.verification.model import Outcome, Result
from ops.verification.path import Visit
from ops.verification.plan import Target
from ops.verification.terminal import SAY, ScriptResult, TerminalError, Transcript, records
from tests.ops.verification.fake_coderd import TOKEN, URL, FakeCoderd
from tests.ops.verification.making import Making, as_declared, deployment
from tests.ops.verification.test_jail import archive

TARGET = Target("open", "firewalled", "verify-1", access_url=URL, isolates_agents=True)
API = "10.96.0.1:443"
RESOLVER = "10.96.0.10:53"
CHECKS = ["agents.pod", "agents.coderd", "agents.dns", "agents.public", "agents.cluster",
          "agents.metadata"]  # fmt: skip
FACTS = {"host": "coder-1-agents-6d9f", "api": API, "resolvers": "10.96.0.10 "}
CLOSED = {
    "name=dev.coder.com": "resolved",
    f"dns={RESOLVER}": "answered",
    **dict.fromkeys(("dns=1.1.1.1:53", "dns=8.8.8.8:53", "dns=9.9.9.9:53"), "silent"),
    "quic=1.1.1.1:443": "silent",
}
"""Of a pod that reaches Coder and DNS alone; what is not named times out."""


def of(kind: str, *fields: str) -> ScriptResult:
    return ScriptResult(kind, fields)


@dataclass
class Pod:
    """A pod whose scripts answer what a test says.

    Attributes:
        facts: what it tells of itself.
        outcomes: of probes; else those of a closed pod.
        status: of the request to coderd, as curl has it.
        refusal: why there is no terminal, None where there is one.
        python: whether the image has it.
    """

    facts: Mapping[str, str] = field(default_factory=lambda: FACTS)
    outcomes: Mapping[str, str] = field(default_factory=dict)
    status: str = "200"
    refusal: TerminalError | None = None
    python: bool = True

    def run(self, script: str, *_: Any, **__: Any) -> Transcript:
        if self.refusal:
            raise self.refusal
        if "say status" in script:
            return Transcript((of("status", self.status),), "")
        if "say fact host" in script:
            return Transcript(tuple(of("fact", *pair) for pair in self.facts.items()), "")
        if not self.python:
            return Transcript((of("probe", "outside", "none", "", ""),), "")
        (line,) = [each for each in script.splitlines() if 'probe.py" 3 ' in each]
        words = line.split('probe.py" 3 ')[1].split(' > "$out')[0].replace("'", "").split()
        outcomes = dict.fromkeys(words, "timeout") | CLOSED | dict(self.outcomes)
        return Transcript(
            tuple(of("probe", "outside", *word.split("=", 1), outcomes[word]) for word in words),
            "",
        )


Look = Callable[..., Mapping[str, Result]]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Build the workspace and look at the pod; told by the check."""

    def look(
        pod: Any = None,
        *,
        agents: tuple[str, ...] = ("main", "dev-coderd-chat"),
        files: Mapping[str, bytes] | None = None,
        target: Target = TARGET,
        **options: Any,
    ) -> Mapping[str, Result]:
        making, coderd = Making(tmp_path), FakeCoderd()
        coderd.agent_names = list(agents)
        coderd.files = dict(files or {})
        with deployment(coderd) as asked, pytest.MonkeyPatch.context() as patch:
            visit = Visit(making.run(), asked, target, as_declared)
            visit.build()
            asked_of = {"agent-1": Pod({**FACTS, "host": "coder-1"}), "agent-2": pod or Pod()}
            patch.setattr(Visit, "terminal_of", lambda _, agent: asked_of[agent])
            making.told.clear()
            AgentsPod(making.run(**options), visit).look()
        assert TOKEN not in repr(making.told)
        assert [each.check for each in making.told] == CHECKS
        return making.results

    return look


def outcomes(seen: Mapping[str, Result]) -> list[str]:
    return [str(seen[check].outcome) for check in CHECKS]


def test_a_pod_that_reaches_coder_and_dns_alone(look: Look) -> None:
    seen = look()
    assert outcomes(seen) == ["passed"] * 6, seen
    assert seen["agents.pod"].detail == "pod coder-1-agents-6d9f, beside coder-1"
    assert seen["agents.coderd"].detail == f"GET {URL}/api/v2/buildinfo gets 200"
    assert seen["agents.dns"].detail == "dev.coder.com has an address"
    assert seen["agents.cluster"].detail == f"no answer: tcp {API} timeout"
    (told,) = seen["agents.cluster"].exchanges
    assert (told.request.rpartition(": ")[2], told.answer) == (f"tcp {API}", "timeout")


def test_without_a_policy_everything_answers(look: Look) -> None:
    reached = {"tcp=1.1.1.1:443", "tcp=github.com:443", f"tcp={API}", "tcp=169.254.169.254:80"}
    seen = look(Pod(outcomes=dict.fromkeys(reached, "connected")))
    assert outcomes(seen) == ["passed"] * 3 + ["failed"] * 3
    assert seen["agents.public"].detail == (
        "the pod reaches tcp 1.1.1.1:443 connected, tcp github.com:443 connected"
    )
    assert seen["agents.metadata"].detail == "the pod reaches tcp 169.254.169.254:80 connected"
    assert "preflight.agents" in seen["agents.cluster"].next_step


@pytest.mark.parametrize(
    ("word", "outcome", "check"),
    [
        ("tcp=github.com:443", "connected", "agents.public"),
        ("tcp=1.1.1.1:443", "refused", "agents.public"),
        ("dns=8.8.8.8:53", "answered", "agents.public"),
        ("quic=1.1.1.1:443", "answered", "agents.public"),
        (f"tcp={API}", "connected", "agents.cluster"),
        (f"tcp={API}", "refused", "agents.cluster"),
        ("tcp=[fd00:ec2::254]:80", "connected", "agents.metadata"),
    ],
)
def test_a_policy_that_is_too_wide(look: Look, word: str, outcome: str, check: str) -> None:
    seen = look(Pod(outcomes={word: outcome}))
    assert [each for each in CHECKS if seen[each].outcome is Outcome.FAILED] == [check]
    assert f"{word.replace('=', ' ')} {outcome}" in seen[check].detail


def test_what_is_not_understood_is_not_closed(look: Look) -> None:
    seen = look(Pod(outcomes={f"tcp={API}": "ECONNRESET"}))
    assert outcomes(seen).count("passed") == 5
    assert seen["agents.cluster"].outcome is Outcome.NOT_CHECKED
    assert f"tcp {API} ECONNRESET" in seen["agents.cluster"].detail


@pytest.mark.parametrize(("status", "told"), [("000", "no answer"), ("502", "502")])
def test_coder_does_not_answer(look: Look, status: str, told: str) -> None:
    seen = look(Pod(status=status))
    assert outcomes(seen) == ["passed", "failed", *["passed"] * 4]
    assert seen["agents.coderd"].detail == f"GET {URL}/api/v2/buildinfo gets {told}"


def test_dns_does_not_answer(look: Look) -> None:
    seen = look(Pod(outcomes={"name=dev.coder.com": "unresolved", f"dns={RESOLVER}": "silent"}))
    assert outcomes(seen) == ["passed", "passed", "failed", *["passed"] * 3]
    assert seen["agents.dns"].detail == "dev.coder.com gets unresolved"
    assert "network.dns" in seen["agents.dns"].next_step


@pytest.mark.parametrize(("answer", "outcome"), [("answered", "passed"), ("silent", "failed")])
def test_an_address_in_place_of_a_name(look: Look, answer: str, outcome: str) -> None:
    pod = Pod(outcomes={f"dns={RESOLVER}": answer, "name=10.0.0.1": "resolved"})
    seen = look(pod, target=replace(TARGET, access_url="https://10.0.0.1"))
    assert seen["agents.dns"].outcome == outcome


@pytest.mark.parametrize(
    "refusal",
    [
        TerminalError("404: the token may open no terminal there", refused=True),
        TerminalError("no terminal within 20 s"),
    ],
)
def test_without_rights_nothing_holds(look: Look, refusal: TerminalError) -> None:
    seen = look(Pod(refusal=refusal))
    assert outcomes(seen) == ["not checked"] * 6
    assert seen["agents.pod"].detail == f"nothing can be run in it: {refusal}"
    assert "the workspace's owner" in seen["agents.pod"].next_step
    assert seen["agents.public"].detail == "after: agents.pod"


def test_an_image_without_python_or_curl(look: Look) -> None:
    seen = look(Pod(python=False, status=""))
    assert outcomes(seen) == ["passed", *["not checked"] * 5]
    assert "no curl" in seen["agents.coderd"].detail
    assert "no python3" in seen["agents.cluster"].detail


def test_a_pod_that_does_not_say_where_the_api_is(look: Look) -> None:
    seen = look(Pod({**FACTS, "api": ""}))
    assert seen["agents.cluster"].outcome is Outcome.NOT_CHECKED
    assert "KUBERNETES_SERVICE_HOST" in seen["agents.cluster"].next_step


def test_their_agent_in_the_workspaces_own_pod(look: Look) -> None:
    seen = look(Pod({**FACTS, "host": "coder-1"}))
    assert outcomes(seen) == ["failed", *["not checked"] * 5]
    assert "in the workspace's own pod, coder-1" in seen["agents.pod"].detail


def test_a_version_from_before(look: Look) -> None:
    """Then coderd takes the workspace's own agent."""
    seen = look(agents=("main",), files={"file-1": archive(main_tf=b"")})
    assert outcomes(seen) == ["failed", *["not checked"] * 5]
    assert "version kind-otter has none" in seen["agents.pod"].detail


def test_a_coder_that_hides_their_agent(look: Look) -> None:
    seen = look(agents=("main",), files={"file-1": archive(coder_agents_tf=b"")})
    assert outcomes(seen) == ["not checked"] * 6
    assert "this Coder shows none" in seen["agents.pod"].detail


def test_what_is_stood_in_for_proves_nothing(look: Look) -> None:
    seen = look(stood_in=dict.fromkeys(CHECKS, "pods are processes"))
    assert {(each.outcome, each.stood_in) for each in seen.values()} == {
        (Outcome.NOT_CHECKED, True)
    }


# The scripts themselves, in a network of their own

NAMESPACE = ("unshare", "--map-root-user", "--net", "--uts")
COULD = subprocess.run([*NAMESPACE, "ip", "link"], capture_output=True, check=False).returncode == 0
CODERD = "http://localhost:8080"
ADDRESSES = {"agents.public": "1.1.1.1", "agents.cluster": "10.96.0.1",
             "agents.metadata": "169.254.169.254"}  # fmt: skip


@dataclass
class Shell:
    """A pod whose scripts run for real: only the addresses that it has of itself answer it.

    Attributes:
        folder: for what the scripts write; what a web server in there serves.
        addresses: those that a policy leaves open.
        serves: whether coderd answers.
    """

    folder: Path
    addresses: tuple[str, ...] = ()
    serves: bool = True

    def run(
        self, script: str, variables: Mapping[str, str] | None = None, *, seconds: float = 60.0
    ) -> Transcript:
        out = self.folder / "out"
        (self.folder / "api/v2").mkdir(parents=True, exist_ok=True)
        (self.folder / "api/v2/buildinfo").write_text("{}")
        lines = ["hostname coder-1-agents-6d9f", "ip link set lo up"]
        lines += [f"ip addr add {each}/32 dev lo" for each in self.addresses]
        if self.serves:
            server = f"python3 -m http.server -d {self.folder} -b 127.0.0.1 8080"
            lines += [f"{server} > /dev/null 2>&1 &", "trap 'kill $!' EXIT"]
            lines.append(
                "until (exec 3<> /dev/tcp/127.0.0.1/8080); do sleep 0.1; done 2> /dev/null"
            )
        (self.folder / "script").write_text(
            f"out={out}\nexport out\n: > $out\n{SAY}"
            + "".join(f"{name}='{value}'\n" for name, value in (variables or {}).items())
            + script
        )
        lines.append(f"sh {self.folder}/script")
        subprocess.run(
            [*NAMESPACE, "bash", "-c", "\n".join(lines)],
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "KUBERNETES_SERVICE_HOST": "10.96.0.1",
                "KUBERNETES_SERVICE_PORT": "443",
            },
            timeout=seconds,
            check=True,
        )
        return Transcript(tuple(records(out.read_bytes())), "")


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., Shell]:
    folder = tmp_path / "pod"
    folder.mkdir()
    return lambda **given: Shell(folder, **given)


real = pytest.mark.skipif(not COULD, reason="no network namespace can be made here")


@real
def test_for_real_where_coder_alone_is_reached(look: Look, shell: Callable[..., Shell]) -> None:
    seen = look(shell(), target=replace(TARGET, access_url=CODERD))
    assert outcomes(seen) == ["passed"] * 6, seen
    assert seen["agents.pod"].detail == "pod coder-1-agents-6d9f, beside coder-1"
    assert seen["agents.cluster"].detail == f"no answer: tcp {API} unreachable"


@real
@pytest.mark.parametrize("check", ADDRESSES)
def test_for_real_where_more_is_reached(
    look: Look, shell: Callable[..., Shell], check: str
) -> None:
    pod = shell(addresses=(ADDRESSES[check],))
    seen = look(pod, target=replace(TARGET, access_url=CODERD))
    assert [each for each in CHECKS if seen[each].outcome is not Outcome.PASSED] == [check]
    assert f"tcp {ADDRESSES[check]}" in seen[check].detail


@real
def test_for_real_where_nothing_is_reached(look: Look, shell: Callable[..., Shell]) -> None:
    pod = shell(serves=False)
    seen = look(pod, target=replace(TARGET, access_url="https://nowhere.invalid"))
    assert outcomes(seen) == ["passed", "failed", "failed", *["passed"] * 3]
    assert seen["agents.dns"].detail == "nowhere.invalid gets unresolved"
