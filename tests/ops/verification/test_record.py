"""The evidence of a run: versions and policies as Coder has them, and no secret."""

import hashlib
import io
import json
import subprocess
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from components.coder.api import CoderdError
from ops import stacks
from ops.verification import evidence, record, since
from ops.verification.evidence import DATA, PAGE, Evidence
from ops.verification.model import Failed, Outcome, note, stamp
from tests.ops.verification.fake_coderd import TOKEN, FakeCoderd
from tests.ops.verification.making import Making, deployment

POLICY = b"allowlist: []\n"
SETTINGS = stacks.settings("dev")
TEMPLATES = [each for each in SETTINGS.templates if SETTINGS.firewall_of(each) is not None]


def archive(**files: bytes) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name.replace("_", "."))
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


@pytest.fixture
def coderd() -> FakeCoderd:
    fake = FakeCoderd()
    fake.files["file-1"] = archive(main_tf=b"{}", boundary_yaml=POLICY)
    return fake


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for command in (
        ["init", "-q"],
        ["-c", "user.name=d", "-c", "user.email=d@x", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return tmp_path


def made(coderd: FakeCoderd, making: Making, root: Path) -> Evidence:
    run = making.run()

    def leak() -> str:
        note(f"GET /x?key={TOKEN}", f"Authorization: Bearer {TOKEN}")
        raise Failed(f"answers {TOKEN}", f"see {TOKEN}")

    run.take("path.owner", "firewalled", leak)
    run.take("path.built", "firewalled", lambda: f"built with {TOKEN}")
    with deployment(coderd) as found:
        return record.evidence(
            run, found, "dev", SETTINGS, TEMPLATES,
            root=root, times=("2026-11-27T05:00:00Z", "2026-11-27T05:10:00Z"),
            stood_in={"jail.udp": "a process"},
        )  # fmt: skip


def test_it_has_every_fact(coderd: FakeCoderd, checkout: Path, tmp_path: Path) -> None:
    found = made(coderd, Making(tmp_path / "run"), checkout)
    head = subprocess.run(
        ["git", "-C", str(checkout), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.commit == head.stdout.strip()
    assert found.coder["release"] == "v2.37.0"
    assert found.coder["user"] == "admin"
    assert found.versions == {
        "firewalled": {
            "version": "kind-otter",
            "id": "version-firewalled",
            "policy": hashlib.sha256(POLICY).hexdigest(),
            "agents_allowed": "false",
        }
    }
    assert [result.check for result in found.results] == ["path.owner", "path.built"]
    assert found.outcome is Outcome.FAILED
    assert found.stood_in == {"jail.udp": "a process"}
    assert found.who
    assert not found.interrupted


def test_no_secret_is_in_it(coderd: FakeCoderd, checkout: Path, tmp_path: Path) -> None:
    """Not even where the one who noted an exchange did not take it out."""
    folder = tmp_path / "evidence"
    evidence.write(made(coderd, Making(tmp_path / "run"), checkout), folder)
    for name in (DATA, PAGE):
        text = (folder / name).read_text()
        assert TOKEN not in text
        assert "GET /x?key=[secret]" in text
    for path in (tmp_path / "run").rglob("*"):
        assert not path.is_file() or TOKEN not in path.read_text()


def test_a_run_that_was_interrupted_says_so(
    coderd: FakeCoderd, checkout: Path, tmp_path: Path
) -> None:
    run = Making(tmp_path / "run").run()
    run.clock.ending.set()
    with deployment(coderd) as found:
        recorded = record.evidence(
            run, found, "dev", SETTINGS, TEMPLATES, root=checkout, times=("", ""), stood_in={}
        )
    assert recorded.interrupted
    assert recorded.outcome is Outcome.NOT_CHECKED


SERVER = {
    "id": "m-1",
    "slug": "github",
    "url": "https://mcp.example.com/?token=abc",
    "enabled": True,
    "tool_allow_list": ["search", "get_me"],
    "tool_deny_list": [],
    "auth_type": "api_key",
    "transport": "streamable_http",
}


def test_it_has_what_coder_has_of_the_mcp_servers_as_far_as_coder_shows_it(
    coderd: FakeCoderd,
) -> None:
    with deployment(coderd) as found:
        assert record.mcp_servers(found, SETTINGS, []) == {}
        assert record.mcp_servers(found, SETTINGS, ["github"]) is None
        coderd.mcp_servers = [SERVER, {**SERVER, "slug": "of-others"}]
        assert record.mcp_servers(found, SETTINGS, ["github"]) == {
            "github": {
                "url": "https://mcp.example.com/?token=[secret]",
                "enabled": "true",
                "tools": "get_me, search",
                "denied tools": "none",
                "auth_type": "api_key",
                "transport": "streamable_http",
            }
        }
        coderd.mcp_servers = [{**SERVER, "url": "", "transport": ""}]
        hidden = record.mcp_servers(found, SETTINGS, ["github"]) or {}
        assert not {"url", "transport"} & hidden["github"].keys()


def test_a_change_in_coder_is_seen_against_the_evidence(
    coderd: FakeCoderd, checkout: Path, tmp_path: Path
) -> None:
    coderd.templates = {"firewalled": False}
    before = made(coderd, Making(tmp_path / "run"), checkout)
    with deployment(coderd) as found:
        now = record.now(found, SETTINGS, before, checkout)
        assert since.compare(before, now).changed == []
        coderd.templates["firewalled"] = True
        coderd.templates["of-others"] = None
        now = record.now(found, SETTINGS, before, checkout)
    assert since.compare(before, now).changed == [
        "template firewalled: agents_allowed false → true"
    ]


def test_evidence_of_a_resumed_run_has_the_times_of_its_results(
    coderd: FakeCoderd, checkout: Path, tmp_path: Path
) -> None:
    earlier = Making(tmp_path / "run").run()
    earlier.take("path.owner", "firewalled", lambda: "known")
    state = json.loads(earlier.state.path.read_text())
    began = datetime.now(UTC) - timedelta(hours=3)
    state["began"] = began.isoformat()
    for at in (stamp(began + timedelta(minutes=1)), None):
        # A state of an older release has no times: no result is older than its run.
        state["results"][0].pop("at")
        state["results"][0] |= {"at": at} if at else {}
        earlier.state.path.write_text(json.dumps(state))
        run = Making(tmp_path / "run").run()
        run.state.resume()
        run.take("path.owner", "firewalled", lambda: "known now")
        run.take("path.built", "firewalled", lambda: "built")
        with deployment(coderd) as found:
            recorded = record.evidence(
                run, found, "dev", SETTINGS, TEMPLATES,
                root=checkout, times=(stamp(), stamp()), stood_in={},
            )  # fmt: skip
        assert recorded.began == stamp(began)
        assert recorded.began < recorded.resumed <= recorded.ended
        owner, built = recorded.results
        assert owner.at == (at or stamp(began))
        assert built.at >= recorded.resumed


def test_a_version_without_a_policy(coderd: FakeCoderd) -> None:
    coderd.files["file-1"] = archive(main_tf=b"{}")
    with deployment(coderd) as found:
        (entry,) = record.versions(found, SETTINGS, [each.name for each in TEMPLATES]).values()
    assert set(entry) == {"version", "id", "agents_allowed"}


@pytest.mark.parametrize("content", [b"", b"no archive", archive(main_tf=b"x")[:700]])
def test_an_archive_that_holds_no_policy(content: bytes) -> None:
    assert record.policy_of(content) is None


def test_a_policy_in_an_archive_of_another_tool() -> None:
    content = archive(**{"./boundary_yaml": POLICY})
    assert record.policy_of(content) == POLICY


def test_a_coderd_that_is_gone(tmp_path: Path) -> None:
    def refused(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with deployment(refused) as found, pytest.raises(CoderdError):
        record.evidence(
            Making(tmp_path).run(), found, "dev", SETTINGS, TEMPLATES,
            root=tmp_path, times=("", ""), stood_in={},
        )  # fmt: skip
