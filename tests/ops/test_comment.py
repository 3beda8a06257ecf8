"""One comment kept up to date, on servers that answer as GitHub and GitLab do."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from ops import touched
from ops.cli import app
from ops.comment import (
    NOTHING,
    Written,
    commit_of,
    compose,
    marker,
    place_of,
    read,
    run_url,
    write,
)
from ops.forge import LONGEST, ForgeError, ForgeKind, Place
from tests.ops.forge_server import PERSON, TOKEN, ForgeServer, serving

MARK = marker("preview")
OTHERS = (
    *("GITHUB_REF", "CI_MERGE_REQUEST_IID", "CI_PIPELINE_URL", "GITHUB_RUN_ID", "GITHUB_SHA"),
    *("CI_COMMIT_SHA", "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "GITHUB_EVENT_PATH"),
)


@pytest.fixture(params=["github", "gitlab"])
def server(request: pytest.FixtureRequest) -> Iterator[ForgeServer]:
    with serving(ForgeServer(request.param)) as forge:
        yield forge


def variables(server: ForgeServer, token: str = TOKEN) -> dict[str, str]:
    """The environment of a CI job of request 7."""
    if server.kind == "github":
        return {
            "GITHUB_TOKEN": token,
            "GITHUB_REPOSITORY": "acme/infra",
            "GITHUB_REF": "refs/pull/7/merge",
            "GITHUB_API_URL": server.url,
        }
    return {
        "GITLAB_TOKEN": token,
        "CI_PROJECT_ID": "acme/infra",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_API_V4_URL": f"{server.url}/api/v4",
    }


def place(server: ForgeServer, token: str = TOKEN) -> Place:
    return place_of(ForgeKind(server.kind), variables(server, token))


def put(server: ForgeServer, *bodies: str, key: str = "preview") -> Written:
    return write(place(server), key, bodies, sleep=lambda _: None)


def test_made_once_then_kept_up_to_date(server: ForgeServer) -> None:
    server.add("Please look at this.", PERSON)
    assert put(server, "## Preview: first") is Written.CREATED
    assert put(server, "## Preview: first") is Written.UNCHANGED
    assert put(server, "## Preview: second") is Written.UPDATED
    assert [each["body"] for each in server.comments] == [
        "Please look at this.",
        f"{MARK}\n\n## Preview: second",
    ]
    assert server.writes == ["POST", "PATCH" if server.kind == "github" else "PUT"]


def test_comments_of_other_names_are_others(server: ForgeServer) -> None:
    put(server, "preview")
    put(server, "drift", key="drift")
    assert put(server, "more drift", key="drift") is Written.UPDATED
    assert [each["body"] for each in server.comments] == [
        f"{MARK}\n\npreview",
        f"{marker('drift')}\n\nmore drift",
    ]


@pytest.mark.parametrize("largest_page", [100, 20])
def test_found_behind_many_pages_and_never_by_a_url_of_the_answer(
    server: ForgeServer, largest_page: int
) -> None:
    server.largest_page = largest_page
    for number in range(250):
        server.add(f"comment {number}", PERSON)
    server.add(f"{MARK}\n\nold")
    assert put(server, "new") is Written.UPDATED
    assert len(server.comments) == 251
    assert server.comments[-1]["body"] == f"{MARK}\n\nnew"
    pages = [path for method, path in server.log if method == "GET" and "page=" in path]
    assert len(pages) == -(-251 // largest_page)


def test_nobody_elses_comment_is_changed(server: ForgeServer) -> None:
    quoted = f"{MARK}\n\nI copied the source of the comment."
    server.add(quoted, PERSON)
    server.add(f"> {MARK}\n\nI quote it.")
    assert put(server, "mine") is Written.CREATED
    assert server.comments[0]["body"] == quoted
    assert len(server.comments) == 3


def test_an_installation_that_does_not_know_its_user_takes_what_an_app_wrote() -> None:
    with serving(ForgeServer("github", knows_user=False)) as server:
        server.add(f"{MARK}\n\nby a person", PERSON)
        assert put(server, "one") is Written.CREATED
        assert put(server, "two") is Written.UPDATED
        assert server.comments[0]["body"] == f"{MARK}\n\nby a person"
        assert server.comments[1]["body"] == f"{MARK}\n\ntwo"


def test_without_reports_only_a_comment_that_is_there_says_so(server: ForgeServer) -> None:
    assert put(server) is Written.NOT_NEEDED
    assert server.writes == []
    put(server, "## Preview")
    assert put(server) is Written.UPDATED
    assert server.comments[0]["body"] == f"{MARK}\n\n{NOTHING}"


def test_a_body_of_any_length_is_taken(server: ForgeServer) -> None:
    longest = LONGEST[ForgeKind(server.kind)]
    body = "\n".join(["# Preview", "<details>", "```text", *["ü" * 99] * (longest // 100)])
    assert put(server, body, "## The other stack") is Written.CREATED
    (said,) = (each["body"] for each in server.comments)
    assert longest - 1000 < len(said.encode()) <= longest
    assert "lines are left out here" in said
    assert said.endswith("## The other stack")


def test_a_comment_on_an_issue(server: ForgeServer) -> None:
    at = place_of(ForgeKind(server.kind), variables(server), 70, issue=True)
    assert write(at, "drift", ["drift of dev"]) is Written.CREATED
    assert "70" in server.log[-1][1]


@pytest.mark.parametrize(
    ("status", "said", "advice"),
    [
        (401, None, {"github": "the token in GITHUB_TOKEN is wrong",
                     "gitlab": "the token in GITLAB_TOKEN is wrong"}),
        (403, {"message": "no"}, {"github": "needs the permission pull-requests: write",
                                  "gitlab": "needs the scope api and at least the role Reporter"}),
        (404, {"message": "no"}, {"github": "there is no pull request 7 in acme/infra",
                                  "gitlab": "there is no merge request 7 in acme/infra"}),
        (422, {"message": "Validation Failed", "errors": [{"message": "body is strange"}]},
         {"github": "body is strange", "gitlab": "body is strange"}),
        (400, {"message": {"note": ["is too long"]}},
         {"github": "note is too long", "gitlab": "note is too long"}),
        (302, "", {"github": "name the URL it redirects to",
                   "gitlab": "name the URL it redirects to"}),
    ],
)  # fmt: skip
def test_a_refusal_says_what_is_missing_and_never_the_token(
    server: ForgeServer, status: int, said: object, advice: dict[str, str]
) -> None:
    token = TOKEN
    if said is None:
        token = "another-token"
    else:
        server.fails = [(status, said, {"Location": "http://192.0.2.1/"})]
    with pytest.raises(ForgeError) as caught:
        write(place(server, token), "preview", ["text"], sleep=lambda _: None)
    assert f"{server.kind} answers {status}" in str(caught.value)
    assert advice[server.kind] in str(caught.value)
    assert token not in str(caught.value)
    assert token not in repr(place(server, token))


def test_a_token_that_may_not_even_read_is_a_refusal(server: ForgeServer) -> None:
    server.refuses = (403, {"message": "no"}, {})
    with pytest.raises(ForgeError, match="403"):
        put(server, "text")
    assert server.writes == []


def test_a_forge_that_is_busy_is_asked_again(server: ForgeServer) -> None:
    server.fails = [
        (502, "<html>bad gateway</html>", {}),
        (429, {"message": "slow down"}, {"Retry-After": "7"}),
        (403, {"message": "secondary rate limit"}, {"Retry-After": "9"}),
    ]
    waited: list[float] = []
    assert write(place(server), "preview", ["text"], sleep=waited.append) is Written.CREATED
    assert waited == [2.0, 7.0, 9.0]
    assert len(server.comments) == 1


@pytest.mark.parametrize(
    "answer", [(503, "", {}), (429, {"message": "slow down"}, {"Retry-After": "3600"})]
)
def test_a_forge_that_stays_busy_is_an_error(
    server: ForgeServer, answer: tuple[int, object, dict[str, str]]
) -> None:
    server.fails = [answer] * 9
    waited: list[float] = []
    with pytest.raises(ForgeError, match=str(answer[0])):
        write(place(server), "preview", ["text"], sleep=waited.append)
    assert len(waited) == (3 if answer[0] == 503 else 0)


def test_a_comment_whose_answer_was_lost_is_not_written_twice(server: ForgeServer) -> None:
    server.fails = [(0, "", {})]
    assert put(server, "text") is Written.UNCHANGED
    assert len(server.comments) == 1


def test_a_forge_that_is_away_or_another_server(server: ForgeServer) -> None:
    away = replace(place(server), api="http://127.0.0.1:9/api/v4")
    with pytest.raises(ForgeError, match=r"http://127\.0\.0\.1:9/api/v4 cannot be reached"):
        write(away, "preview", ["text"], sleep=lambda _: None)
    for said in ("<html>", {"a": 1}, [{"id": "x"}], "null"):
        server.refuses = (200, said, {})
        with pytest.raises(ForgeError, match=f"does not answer as {server.kind} does"):
            put(server, "text")

    def late(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("late")

    with pytest.raises(ForgeError, match="does not answer in time"):
        write(
            replace(place(server), transport=httpx.MockTransport(late)), "preview", ["text"],
            sleep=lambda _: None,
        )  # fmt: skip


@pytest.mark.parametrize("token", ["with\nnewline", "snow\N{SNOWMAN}man"])
def test_a_token_that_cannot_be_sent_is_not_shown(server: ForgeServer, token: str) -> None:
    with pytest.raises(ForgeError, match="the token holds what HTTP cannot carry") as caught:
        write(replace(place(server), token=token), "preview", ["text"], sleep=lambda _: None)
    assert token not in str(caught.value)


def test_every_missing_variable_is_named() -> None:
    with pytest.raises(ForgeError, match="GITHUB_TOKEN, GITHUB_REPOSITORY, --number must"):
        place_of(ForgeKind.GITHUB, {"GITHUB_REF": "refs/heads/main"})
    with pytest.raises(ForgeError, match="GITLAB_TOKEN, CI_PROJECT_ID, CI_API_V4_URL, --number"):
        place_of(ForgeKind.GITLAB, {"GITLAB_TOKEN": " "})
    with pytest.raises(ForgeError, match="github, --number must"):
        place_of(
            ForgeKind.GITHUB,
            {"GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": "a/b", "GITHUB_REF": "refs/pull/7/merge"},
            issue=True,
        )


def test_where_a_job_is_and_what_made_the_comment() -> None:
    github = {"GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": "a/b", "GITHUB_REF": "refs/pull/12/merge"}
    assert place_of(ForgeKind.GITHUB, github) == Place(
        ForgeKind.GITHUB, "https://api.github.com", "a/b", 12, "t"
    )
    assert place_of(ForgeKind.GITHUB, github, 3).number == 3
    assert run_url(github) == ""
    run = github | {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "5"}
    assert run_url(run) == "https://github.com/a/b/actions/runs/5"
    assert run_url({"CI_PIPELINE_URL": "https://gitlab/p/9"}) == "https://gitlab/p/9"


@pytest.mark.parametrize("project", ["acme", "acme/infra/../x", "acme/in fra", "a/b?c"])
def test_a_repository_that_is_none_is_refused_before_anything_is_sent(project: str) -> None:
    with pytest.raises(ForgeError, match="must be like owner/name"):
        write(Place(ForgeKind.GITHUB, "http://127.0.0.1:9", project, 1, "t"), "preview", ["text"])


def test_what_is_cut_is_the_longest_and_stays_whole_markdown() -> None:
    long = "\n".join(["<details>", "", "```diff", *(f"+ line {n}" for n in range(500)), "```",
                      "</details>"])  # fmt: skip
    said = compose("preview", ["short one", long, "short two"], 3000, "https://run")
    assert len(said.encode()) <= 3000
    assert said.startswith(f"{MARK}\n\nshort one\n\n<details>")
    assert said.endswith("short two\n\n<sub>[The run that made this](https://run)</sub>")
    kept = said.count("+ line")
    assert kept > 150
    assert f"```\n\n</details>\n\n**{505 - 3 - kept} lines are left out here.**" in said
    assert said.count("```") == 2
    assert said.count("<details>") == said.count("</details>") == 1


def test_reports_are_read_from_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("b")
    (tmp_path / "a.md").write_text("a")
    (tmp_path / "blank.md").write_text(" \n")
    (tmp_path / "plan.json").write_text("{}")
    assert read([tmp_path]) == ["a", "b"]
    assert read([tmp_path / "b.md", tmp_path / "a.md"]) == ["b", "a"]
    assert read([tmp_path / "reports"]) == []
    with pytest.raises(ForgeError, match=r"c\.md cannot be read: No such file"):
        read([tmp_path / "c.md"])
    (tmp_path / "bytes.md").write_bytes(b"\xff")
    with pytest.raises(ForgeError, match=r"bytes\.md is not UTF-8"):
        read([tmp_path / "bytes.md"])


def test_the_command(server: ForgeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OTHERS:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables(server).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "dev.md").write_text("## Preview of dev\n")

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["comment", "--forge", server.kind, *arguments])
        assert TOKEN not in result.output
        return result.exit_code, " ".join(result.output.split())

    body = ("--body", str(tmp_path))
    assert run(*body) == (0, "comment preview on acme/infra request 7: created")
    assert run(*body) == (0, "comment preview on acme/infra request 7: unchanged")
    assert run(*body, "--key", "drift", "--number", "70", "--issue") == (
        0,
        "comment drift on acme/infra issue 70: created",
    )
    status, said = run(*body, "--key", "-->")
    assert (status, "--key '-->': takes" in said) == (1, True)
    monkeypatch.setenv("GITHUB_TOKEN", "wrong")
    monkeypatch.setenv("GITLAB_TOKEN", "wrong")
    status, said = run(*body)
    assert (status, said.startswith(f"error: {server.kind} answers 401")) == (1, True)
    monkeypatch.setattr(os, "environ", {})
    assert run(*body)[0] == 1


def test_a_stack_without_its_report_is_told_in_place_of_nothing(
    server: ForgeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables(server).items():
        monkeypatch.setenv(name, value)
    command = ["comment", "--forge", server.kind, "--body", str(tmp_path), "--stacks"]

    def said(stacks: str) -> str:
        done = CliRunner().invoke(app, [*command, stacks])
        assert done.exit_code == 0, done.output
        (comment,) = server.comments
        return str(comment["body"])

    (tmp_path / "dev.md").write_text("## Preview: agents reach more")
    (tmp_path / "usgov.md").write_text(" ")
    text = said('["dev", "usgov"]')
    assert "## Preview: ⛔ stack `usgov` has no report" in text
    assert "## Preview: agents reach more" in text
    assert "`dev` has no report" not in text
    # The job that finds out which stacks are touched has failed.
    (tmp_path / "dev.md").unlink()
    assert "⛔ no stack was previewed" in said("")
    assert "`dev` has no report" in said('["dev"]')
    assert NOTHING in said("[]")


@pytest.mark.parametrize("stacks", ["dev", '{"a": 1}', "[1]", '[""]'])
def test_stacks_that_are_no_list_are_refused(
    server: ForgeServer, stacks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables(server).items():
        monkeypatch.setenv(name, value)
    command = ["comment", "--forge", server.kind, "--body", str(tmp_path), "--stacks", stacks]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1
    assert f"--stacks {stacks!r}: must be a JSON list" in done.stderr
    assert server.comments == []


def test_a_comment_says_of_which_commit_it_is(tmp_path: Path) -> None:
    said = compose("preview", ["report"], 3000, "https://run", "abc")
    assert said.endswith("<sub>Of commit abc. [The run that made this](https://run)</sub>")
    assert compose("preview", ["report"], 3000, commit="abc").endswith("<sub>Of commit abc.</sub>")
    event = tmp_path / "event.json"
    event.write_text('{"pull_request": {"head": {"sha": "pushed"}}}')
    merge = {"GITHUB_SHA": "merge", "GITHUB_EVENT_PATH": str(event)}
    assert commit_of(merge) == "pushed"
    event.write_text("{}")
    assert commit_of(merge) == "merge"
    assert commit_of({"CI_COMMIT_SHA": "ours"}) == "ours"
    merged = {"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "pushed", "CI_COMMIT_SHA": "merge"}
    assert commit_of(merged) == "pushed"
    assert commit_of({}) == ""


def test_stacks_whose_settings_go_are_named(
    server: ForgeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(touched, "changed", lambda *_: ["stacks/Pulumi.gone.yaml", "README.md"])
    for name, value in variables(server).items():
        monkeypatch.setenv(name, value)
    options = ("--stacks", "[]", "--base", "main")
    body = ("--body", str(tmp_path / "none"))
    result = CliRunner().invoke(app, ["comment", "--forge", server.kind, *body, *options])
    assert result.exit_code == 0, result.output
    (comment,) = server.comments
    assert "the settings of stack `gone` are removed" in comment["body"]
    assert "python -m ops destroy gone" in comment["body"]
