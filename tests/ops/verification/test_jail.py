"""What is made of what was seen in a workspace."""

import hashlib
import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.boundary import Contract, Expectation, Policy, PolicyRule, Rule
from ops.verification import plan
from ops.verification.catalogue import of
from ops.verification.jail import BLOCKED, Jail
from ops.verification.model import CheckGroup, Outcome, Result
from ops.verification.path import Visit
from ops.verification.plan import Target
from ops.verification.scripts import JailRequest
from tests.ops.verification.fake_coderd import URL, FakeCoderd
from tests.ops.verification.fake_terminal import BOUNDARY, CLAUDE, FACTS, FakeTerminal
from tests.ops.verification.making import Making, as_declared, deployment

CONFIG = b"allowlist: [domain=pypi.org]\n"
DIGEST = hashlib.sha256(CONFIG).hexdigest()
SHA = f"sha256 {DIGEST[:12]}"
PYPI, NPM = "https://pypi.org/simple/", "https://registry.npmjs.org/left-pad"
FIREWALL = plan.FirewallPromise(
    "landjail",
    Policy([PolicyRule(Rule.parse("domain=pypi.org"), "python", "packages")]),
    Contract((Expectation("GET", PYPI, "packages"),), (Expectation("GET", NPM, "not npm"),)),
    CONFIG.decode(),
)
TARGET = Target("firewalled", "firewalled", "verify-1", firewall=FIREWALL, access_url=URL)
PEER = Target("open", "claude-code", "verify-2", access_url=URL)
PEER_TERMINAL = FakeTerminal(facts={"addresses": "10.0.0.9"})


def archive(**files: bytes) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(".".join(name.rsplit("_", 1)))
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


def right(asked: JailRequest) -> tuple[str, str, str]:
    # Boundary 0.9.0 judges the target, which is of a host that no rule names.
    allowed = asked.url == PYPI and not asked.target
    return ("ALLOW ", "200", "") if allowed else ("DENY ", "403", BLOCKED)


class Look:
    """A jail looked at, with what was found by check."""

    def __init__(
        self,
        folder: Path,
        terminal: FakeTerminal | None = None,
        *,
        target: Target = TARGET,
        peer: bool = True,
        files: dict[str, bytes] | None = None,
    ) -> None:
        self.making = Making(folder)
        self.terminal = terminal or fake()
        coderd = FakeCoderd()
        coderd.files = {"file-1": archive(boundary_yaml=CONFIG)} if files is None else files
        with deployment(coderd) as asked, pytest.MonkeyPatch.context() as patch:
            run = self.making.run()
            visits = []
            for each in (target, PEER):
                visit = Visit(run, asked, each, as_declared)
                visit.build()
                visits.append(visit)
            terminals = {target.subject: self.terminal, PEER.subject: PEER_TERMINAL}
            patch.setattr(Visit, "terminal", property(lambda v: terminals[v.target.subject]))
            patch.setattr("ops.verification.sockets.Terminal", lambda *_, **__: PEER_TERMINAL)
            self.making.told.clear()
            jail = Jail(run, visits[0], visits[1] if peer else None)
            jail.look()
        self.denied = jail.denied
        self.results = self.making.results

    def __getitem__(self, check: str) -> Result:
        return self.results[check]


def fake(**attributes: Any) -> FakeTerminal:
    return FakeTerminal(**{"digest": DIGEST, "decide": right, **attributes})


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., Look]:
    return lambda *args, **kwargs: Look(tmp_path, *args, **kwargs)


def test_a_jail_that_holds(look: Callable[..., Look]) -> None:
    seen = look(target=replace(TARGET, network_policy=True))
    rest = {check: result for check, result in seen.results.items() if check != "jail.target"}
    assert {result.outcome for result in rest.values()} == {Outcome.PASSED}, seen.results
    assert seen["jail.started"].detail == "Boundary v0.9.0, kernel 6.12.40"
    assert seen["jail.policy"].detail == f"version kind-otter and the settings, {SHA}; 1 running"
    assert seen["jail.claude"].detail == "process 41 under Boundary, process 40, at port 8087"
    assert seen["jail.denied"].detail == "2 requests denied by Boundary's own word"
    assert seen.denied[0] == JailRequest("GET", NPM)
    assert seen.denied[1].url.endswith(".invalid/"), "one that is unlike any other"
    told = [f"{e.request}: {e.answer}" for e in seen["jail.started"].exchanges]
    assert f"inside the jail: GET {NPM}: denied (403)" in told


def test_the_jail_has_a_port_of_its_own_and_another_when_it_is_taken(
    look: Callable[..., Look],
) -> None:
    taken = "Error: failed to start landjail manager: listen tcp :1: bind: address already in use"
    seen = look(fake(said=[taken, taken]))
    assert seen["jail.started"].outcome is Outcome.PASSED
    assert len(set(seen.terminal.ports)) == 3
    assert "8087" not in seen.terminal.ports


@pytest.mark.parametrize(
    ("terminal", "outcome", "detail", "next_step"),
    [
        (
            fake(said=["Error: missing kernel Landlock support"]),
            Outcome.FAILED,
            "Boundary v0.9.0 does not start: Error: missing kernel Landlock support",
            "what the jail needs",
        ),
        (
            fake(facts={"boundary": ""}),
            Outcome.FAILED,
            "Boundary is not in the workspace",
            "startup logs",
        ),
        (fake(facts={"curl": ""}), Outcome.NOT_CHECKED, "the image has no curl", "add curl"),
    ],
)
def test_a_jail_that_does_not_start(
    look: Callable[..., Look],
    terminal: FakeTerminal,
    outcome: Outcome,
    detail: str,
    next_step: str,
) -> None:
    seen = look(terminal)
    assert seen["jail.started"].outcome is outcome
    assert detail in seen["jail.started"].detail
    assert next_step in seen["jail.started"].next_step
    if outcome is Outcome.FAILED:
        rest = [result for check, result in seen.results.items() if check != "jail.started"]
        assert len(rest) == len(of(CheckGroup.JAIL)) - 1
        assert {result.detail for result in rest} == {"after: jail.started"}


@pytest.mark.parametrize(
    ("decide", "check", "detail"),
    [
        # An origin's own 403 is no denial, and Boundary's is none of the origin's.
        (
            lambda asked: ("ALLOW ", "403", "<html>") if asked.url == NPM else right(asked),
            "jail.denied",
            f"GET {NPM} must be denied and is allowed (403)",
        ),
        (
            lambda asked: ("DENY ", "403", BLOCKED),
            "jail.allowed",
            f"GET {PYPI} must be allowed and is denied (403)",
        ),
        (
            lambda asked: ("", "000", "") if asked.url == PYPI else right(asked),
            "jail.allowed",
            f"GET {PYPI} must be allowed and is not decided by Boundary (000)",
        ),
        (
            lambda asked: ("", "403", "<html>") if asked.url == NPM else right(asked),
            "jail.denied",
            f"GET {NPM} must be denied and is not decided by Boundary (403)",
        ),
    ],
)
def test_only_boundarys_own_word_counts(
    look: Callable[..., Look],
    decide: Callable[[JailRequest], tuple[str, str, str]],
    check: str,
    detail: str,
) -> None:
    seen = look(fake(decide=decide))
    assert seen[check].outcome is Outcome.FAILED
    assert detail in seen[check].detail
    assert "ops explain" in seen[check].next_step


def test_a_denial_that_was_not_logged_is_known_by_its_body(look: Callable[..., Look]) -> None:
    seen = look(
        fake(decide=lambda a: right(a) if a.url == PYPI else ("", "403", f"{BLOCKED}\n\nRequest"))
    )
    assert seen["jail.denied"].outcome is Outcome.PASSED


def test_an_allowed_request_whose_server_is_away_is_allowed(look: Callable[..., Look]) -> None:
    seen = look(fake(decide=lambda a: ("ALLOW ", "000", "") if a.url == PYPI else right(a)))
    assert seen["jail.allowed"].outcome is Outcome.PASSED
    assert seen["jail.allowed"].detail.endswith("; 1 servers did not answer")


def test_a_policy_that_names_nothing(look: Callable[..., Look]) -> None:
    firewall = replace(FIREWALL, contract=Contract())
    seen = look(target=replace(TARGET, firewall=firewall))
    assert seen["jail.allowed"].outcome is Outcome.NOT_CHECKED
    assert seen["jail.allowed"].next_step == "name some in policy.mustAllow"
    assert seen["jail.denied"].outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("terminal", "detail"),
    [
        (fake(digest="0" * 64), f"has sha256 000000000000, version kind-otter {DIGEST[:12]}"),
        (fake(digest=""), "has sha256 none"),
        (
            fake(boundaries=[("40", BOUNDARY, FACTS["config"], DIGEST, "yes", "-")]),
            "was changed after Boundary, process 40, read it",
        ),
        (
            fake(boundaries=[("40", BOUNDARY, FACTS["config"], DIGEST, "no", "flag,variable,")]),
            "Boundary, process 40, has rules beside its file, by flag,variable",
        ),
        (fake(boundaries=[("40", BOUNDARY, "/tmp/x.yaml", "1" * 64, "no", "-")]), "/tmp/x.yaml"),
    ],
)
def test_another_policy_than_the_versions(
    look: Callable[..., Look], terminal: FakeTerminal, detail: str
) -> None:
    seen = look(terminal)
    assert seen["jail.policy"].outcome is Outcome.FAILED
    assert detail in seen["jail.policy"].detail


def test_a_version_with_another_policy_than_the_settings(look: Callable[..., Look]) -> None:
    wider = CONFIG + b"# and more\n"
    digest = hashlib.sha256(wider).hexdigest()
    seen = look(fake(digest=digest), files={"file-1": archive(boundary_yaml=wider)})
    assert seen["jail.policy"].outcome is Outcome.FAILED
    assert seen["jail.policy"].detail == (
        f"version kind-otter has sha256 {digest[:12]}, and these settings make {DIGEST[:12]}"
    )
    assert "bring the stack up" in seen["jail.policy"].next_step


def test_without_a_running_boundary_its_file_is_looked_at(look: Callable[..., Look]) -> None:
    seen = look(fake(boundaries=[], claude=[]))
    assert seen["jail.policy"].detail.endswith("none running; its file")
    assert seen["jail.claude"].outcome is Outcome.NOT_CHECKED
    assert "no Claude Code runs" in seen["jail.claude"].detail


def test_where_none_starts_by_itself_the_typed_one_is_looked_at(
    look: Callable[..., Look],
) -> None:
    none = {"starts_claude": ""}
    seen = look(fake(claude=[], facts=none))
    assert seen["jail.claude"].outcome is Outcome.PASSED
    assert seen["jail.claude"].detail == "the typed one, process 77, under Boundary, process 40"
    seen = look(fake(claude=[], facts=none, marked=[()]))
    assert seen["jail.typed"].outcome is Outcome.FAILED
    assert seen["jail.claude"].outcome is Outcome.NOT_CHECKED


@pytest.mark.parametrize("files", [{"file-1": archive(other=b"x")}, {"file-1": b"no archive"}])
def test_a_version_without_a_policy(look: Callable[..., Look], files: dict[str, bytes]) -> None:
    seen = look(files=files)
    assert seen["jail.policy"].detail == "version kind-otter has no boundary.yaml"


def test_claude_code_outside_of_the_jail(look: Callable[..., Look]) -> None:
    free = ("99", "unjailed", "-", "-", "/opt/claude", "")
    seen = look(fake(claude=[CLAUDE, free, ("98", "wrapper", "-", "-", "/bin/sh", "")]))
    assert seen["jail.claude"].outcome is Outcome.FAILED
    assert seen["jail.claude"].detail == "1 outside of a jail, such as process 99, /opt/claude"


def test_something_else_above_claude_code(look: Callable[..., Look]) -> None:
    seen = look(fake(boundaries=[("40", "/tmp/proxy", FACTS["config"], DIGEST, "no", "-")]))
    assert seen["jail.claude"].outcome is Outcome.FAILED
    assert "process 41 has /tmp/proxy above it" in seen["jail.claude"].detail


@pytest.mark.parametrize(
    ("terminal", "outcome"),
    [("coder", Outcome.PASSED), ("screen", Outcome.FAILED), ("", Outcome.NOT_CHECKED)],
)
def test_a_screen_that_holds_the_terminals(
    look: Callable[..., Look], terminal: str, outcome: Outcome
) -> None:
    seen = look(fake(facts={"terminal": terminal}))
    assert seen["jail.terminal"].outcome is outcome
    if outcome is Outcome.FAILED:
        assert "take screen out" in seen["jail.terminal"].next_step


def test_a_typed_claude(look: Callable[..., Look]) -> None:
    wrapper = ("76", "wrapper", "-", "-", "/bin/sh")
    seen = look(fake(marked=[(), (wrapper,), (wrapper, ("77", *CLAUDE[1:5]))]))
    assert seen["jail.typed"].outcome is Outcome.PASSED, seen["jail.typed"]
    typed = seen.terminal.typing_.typed
    mark = typed[0].split()[0].removeprefix("VERIFY_MARK=")
    assert typed[0] == f"VERIFY_MARK={mark} claude\n"
    assert "say ended" in seen.terminal.scripts[-1], "what was started is ended"


@pytest.mark.parametrize(
    ("terminal", "detail"),
    [
        (
            fake(marked=[(("77", "unjailed", "-", "-", "/opt/claude"),)]),
            "a typed claude runs outside of the jail: /opt/claude",
        ),
        (fake(marked=[()]), "a typed claude does not start: $ claude"),
        (fake(facts={"claude": ""}), "there is no claude on PATH"),
    ],
)
def test_a_typed_claude_that_is_free(
    look: Callable[..., Look], terminal: FakeTerminal, detail: str
) -> None:
    seen = look(terminal)
    assert seen["jail.typed"].outcome is Outcome.FAILED
    assert seen["jail.typed"].detail == detail


@pytest.mark.parametrize(
    ("gateway", "detail"),
    [
        (("none", "0", ""), "ANTHROPIC_BASE_URL is not set"),
        (("403", "0", BLOCKED), "Boundary denies it"),
        (("403", "0", "{}"), "GET /v1/models gets 403"),
        (("401", "0", ""), "GET /v1/models gets 401"),
        (("000", "28", ""), "GET /v1/models gets nothing"),
    ],
)
def test_no_gateway(look: Callable[..., Look], gateway: tuple[str, ...], detail: str) -> None:
    seen = look(fake(gateway=gateway))
    assert seen["jail.gateway"].outcome is Outcome.FAILED
    assert seen["jail.gateway"].detail == detail
