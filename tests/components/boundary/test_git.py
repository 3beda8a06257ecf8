"""A real git client behind the policy: what fetches, what pushes, and how deep."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from components.boundary import Policy, build_policy
from tests.policy_proxy import Asked, proxy

GITLAB = "gitlab.example.com"
DEEP = "/".join(f"g{number}" for number in range(20))
"""Groups as deep as GitLab nests them."""


def policy(*groups: str) -> Policy:
    return build_policy(groups, coder_host="coder.example.com", gitlab_hosts=[GITLAB])


def git(*arguments: str, cwd: Path, through: str = "", check: bool = True) -> tuple[int, str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(cwd),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "http_proxy": through,
    }
    identity = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
    done = subprocess.run(
        ["git", *identity, *arguments],
        cwd=cwd,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bare repositories that take a push, with one commit each."""
    seeds = tmp_path_factory.mktemp("repositories")
    folder = seeds / "served"
    for place in ("group/project.git", "group/sub/project.git", f"{DEEP}/project.git"):
        bare = folder / place
        bare.mkdir(parents=True)
        git("init", "-q", "--bare", "-b", "main", cwd=bare)
        git("config", "http.receivepack", "true", cwd=bare)
        work = seeds / "seed"
        git("clone", "-q", str(bare), str(work), cwd=seeds)
        (work / "README").write_text(place)
        git("add", ".", cwd=work)
        git("commit", "-qm", "first", cwd=work)
        git("push", "-q", "origin", "HEAD:main", cwd=work)
        subprocess.run(["rm", "-r", str(work)], check=True)
    return folder


@pytest.fixture
def repositories(tmp_path: Path, fresh: Path) -> Path:
    """A copy of them, to be pushed to."""
    return Path(shutil.copytree(fresh, tmp_path / "served"))


def head(bare: Path) -> str:
    return git("rev-parse", "main", cwd=bare)[1].strip()


def worked(
    tmp_path: Path, allowed: Policy, repositories: Path, host: str, place: str, *version: str
) -> tuple[bool, bool, list[Asked]]:
    """Clone, commit and push; return whether each went through, and what was asked."""
    bare, work = repositories / place, tmp_path / "work"
    before = head(bare)
    with proxy(allowed, repositories) as through:
        url = f"http://{host}/{place}"
        cloned = git(
            *version, "clone", "-q", url, str(work), cwd=tmp_path, through=through.url, check=False
        )
        if cloned[0]:
            assert "403" in cloned[1]
            return False, False, through.asked
        (work / "CHANGE").write_text("a change")
        git("add", ".", cwd=work)
        git("commit", "-qm", "second", cwd=work)
        git(*version, "fetch", "-q", "origin", cwd=work, through=through.url)
        status, said = git(
            *version, "push", "origin", "HEAD:main", cwd=work, through=through.url, check=False
        )
    assert (status == 0) is (head(bare) != before)
    assert status == 0 or "403" in said
    return True, status == 0, through.asked


@pytest.mark.parametrize("version", ["0", "2"])
@pytest.mark.parametrize(
    "place", ["group/project.git", "group/sub/project.git", f"{DEEP}/project.git"]
)
def test_gitlab_read_fetches_at_every_depth_and_pushes_nothing(
    tmp_path: Path, repositories: Path, place: str, version: str
) -> None:
    cloned, pushed, asked = worked(
        tmp_path,
        policy("gitlab-read"),
        repositories,
        GITLAB,
        place,
        "-c",
        f"protocol.version={version}",
    )
    assert (cloned, pushed) == (True, False)
    denied = {(method, url.rpartition("/")[2]) for allowed, method, url in asked if not allowed}
    assert denied == {("POST", "git-receive-pack")}
    # The query is no part of a decision, so that a push begins: it lists what is there.
    assert (
        Asked(True, "GET", f"http://{GITLAB}/{place}/info/refs?service=git-receive-pack") in asked
    )


def test_without_git_at_its_end_an_address_fetches_too(tmp_path: Path, repositories: Path) -> None:
    (repositories / "group" / "project").symlink_to("project.git")
    result = worked(tmp_path, policy("gitlab-read"), repositories, GITLAB, "group/project")
    assert result[:2] == (True, False)


def test_the_open_group_pushes(tmp_path: Path, repositories: Path) -> None:
    result = worked(tmp_path, policy("gitlab"), repositories, GITLAB, "group/sub/project.git")
    assert result[:2] == (True, True)
    assert all(each.allowed for each in result[2])


@pytest.mark.parametrize(
    ("host", "place", "cloned"),
    [
        ("github.com", "group/project.git", True),
        ("github.com", "group/sub/project.git", False),
        ("bitbucket.org", "group/project.git", True),
        ("gitlab.com", "group/sub/project.git", True),
        ("codeberg.org", "group/project.git", False),
        (GITLAB, "group/project.git", False),
    ],
)
def test_public_code_is_fetched_and_not_pushed(
    tmp_path: Path, repositories: Path, host: str, place: str, cloned: bool
) -> None:
    result = worked(tmp_path, policy("version-control-read"), repositories, host, place)
    assert result[:2] == (cloned, False)


def test_the_reading_groups_allow_nothing_else_of_their_hosts() -> None:
    reading = policy("gitlab-read", "version-control-read")
    for host in (GITLAB, "github.com", "gitlab.com", "bitbucket.org"):
        for method, path in (
            ("POST", "/a/b.git/git-receive-pack"),
            ("POST", "/a/b.git/info/refs"),
            ("PUT", "/a/b.git/info/lfs/objects/x"),
            ("POST", "/a/b.git/info/lfs/objects/batch"),
            ("POST", "/api/v4/projects/1/repository/commits"),
            ("POST", "/a/b/issues"),
            ("GET", "/a/b"),
        ):
            assert not reading.decide(method, f"https://{host}{path}").allowed, (method, path)
