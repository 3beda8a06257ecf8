"""`python -m ops comment`: reports as one comment of a pull or merge request, kept up to date.

The comment is found again by a hidden marker on its first line, among those that the token's own
user wrote; nobody else's comment is ever changed.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final

from ops.forge import LONGEST, BusyError, Forge, ForgeError, ForgeKind, Place
from ops.markdown import code
from ops.review.cutting import cut, size

NOTHING: Final = "This change touches no stack."
UNKNOWN: Final = (
    "## Preview: ⛔ no stack was previewed\n\nWhich stacks this touches was not found out, so "
    "what it would change is **not known**. The run says why."
)
"""In place of reports that there are none of since nobody knows which there should be."""
KEY: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_TRIES: Final = 4
_LONGEST_WAIT: Final = 60.0


class Written(StrEnum):
    """What became of the comment."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    NOT_NEEDED = "not needed"


def marker(key: str) -> str:
    """Return the first line of the comment named `key`; readers do not see it."""
    return f"<!-- firewalled-coder:{key} -->"


def compose(key: str, bodies: Sequence[str], limit: int, run: str = "", commit: str = "") -> str:
    """Return the comment's text: marker, bodies, the commit, and a link to the run that made them.

    Args:
        key: name of the comment.
        bodies: Markdown texts; what does not fit is cut from the longest of them.
        limit: the most bytes of UTF-8, which are never fewer than characters.
        run: URL of the pipeline's run.
        commit: of which the reports are: a later one has none until this names it.
    """
    of = f"Of commit {commit}." if commit else ""
    by = f"[The run that made this]({run})" if run else ""
    footer = f"<sub>{' '.join(filter(None, (of, by)))}</sub>" if of or by else ""
    frame = [marker(key), footer]
    room = limit - sum(size(part) + 2 for part in frame)
    texts = [body.strip() for body in bodies] or [NOTHING]
    left = room - 2 * len(texts)
    shares: dict[int, int] = {}
    # The short ones first: what they leave is shared by the longer ones.
    for done, place in enumerate(sorted(range(len(texts)), key=lambda at: size(texts[at]))):
        shares[place] = min(size(texts[place]), left // (len(texts) - done))
        left -= shares[place]
    fitted = [cut(text, shares[place]) for place, text in enumerate(texts)]
    return "\n\n".join(part for part in (frame[0], *fitted, frame[1]) if part)


def write(
    place: Place,
    key: str,
    bodies: Sequence[str],
    *,
    run: str = "",
    commit: str = "",
    sleep: Callable[[float], None] = time.sleep,
) -> Written:
    """Make the comment named `key` say `bodies`; without any, only a comment that is there does.

    An answer that asks to come back is obeyed, looking first whether the comment is there by now.

    Raises ForgeError when the forge cannot be asked, or refuses.
    """
    text = compose(key, bodies, LONGEST[place.kind], run, commit)
    with Forge(place) as forge:
        for attempt in range(1, _TRIES + 1):
            try:
                return _write(forge, key, text, create=bool(bodies))
            except BusyError as error:
                wait = 2.0**attempt if error.seconds is None else error.seconds
                if attempt == _TRIES or wait > _LONGEST_WAIT:
                    raise
                sleep(wait)
    raise AssertionError  # the last attempt returns or raises


def _write(forge: Forge, key: str, text: str, *, create: bool) -> Written:
    first = marker(key)
    for comment in forge.mine():
        lines = comment.body.splitlines()
        if lines and lines[0].strip() == first:
            # A forge may answer with other ends of line than it was given.
            if lines == text.splitlines():
                return Written.UNCHANGED
            forge.update(comment, text)
            return Written.UPDATED
    if not create:
        return Written.NOT_NEEDED
    forge.create(text)
    return Written.CREATED


def place_of(
    kind: ForgeKind, variables: Mapping[str, str], number: int | None = None, *, issue: bool = False
) -> Place:
    """Return where the comment goes by the variables of a CI job.

    Args:
        kind: the forge.
        variables: the environment: GITHUB_TOKEN, GITHUB_REPOSITORY, GITHUB_REF, GITHUB_API_URL;
            or GITLAB_TOKEN, CI_PROJECT_ID, CI_MERGE_REQUEST_IID, CI_API_V4_URL.
        number: number of the request or issue, when the variables do not say.
        issue: it is an issue.

    Raises ForgeError naming every variable that is missing.
    """
    if kind is ForgeKind.GITHUB:
        pull = re.match(r"refs/pull/(\d+)/", variables.get("GITHUB_REF", ""))
        found = pull[1] if pull else ""
        names: tuple[str, ...] = ("GITHUB_TOKEN", "GITHUB_REPOSITORY")
        api = variables.get("GITHUB_API_URL") or "https://api.github.com"
    else:
        found = variables.get("CI_MERGE_REQUEST_IID", "")
        names = ("GITLAB_TOKEN", "CI_PROJECT_ID", "CI_API_V4_URL")
        api = variables.get("CI_API_V4_URL", "")
    missing = [name for name in names if not variables.get(name, "").strip()]
    if number is None and (issue or not found.isdigit()):
        missing.append("--number")
    if missing:
        raise ForgeError(f"to comment on {kind}, {', '.join(missing)} must be given")
    token, project = (variables[name].strip() for name in names[:2])
    return Place(kind, api, project, number or int(found), token, issue=issue)


def run_url(variables: Mapping[str, str]) -> str:
    """Return the URL of the CI run that these variables belong to, empty outside of one."""
    if variables.get("CI_PIPELINE_URL"):
        return variables["CI_PIPELINE_URL"]
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, project, run = (variables.get(name, "") for name in names)
    return f"{server}/{project}/actions/runs/{run}" if server and project and run else ""


def commit_of(variables: Mapping[str, str]) -> str:
    """Return the commit that these variables of a CI job say was pushed, empty outside of one.

    GitHub previews the merge of a request, which is another commit in each run.
    """
    with suppress(OSError, ValueError, KeyError, TypeError):
        event = json.loads(Path(variables["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
        return str(event["pull_request"]["head"]["sha"])
    names = ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA", "GITHUB_SHA")
    return next((variables[name] for name in names if variables.get(name)), "")


def of_removed(stacks: Sequence[str]) -> list[str]:
    """Return a text for each stack whose settings a change takes away."""
    return [
        f"## Preview: ⚠️ the settings of stack {code(stack)} are removed\n\nWhat it deployed "
        "**stays as it is**, and no pipeline previews it, looks for drift or verifies it then: "
        f"`python -m ops destroy {stack}` removes it, from a commit that still has its settings."
        for stack in stacks
    ]


def expected(text: str) -> list[str]:
    """Return the stacks that the JSON of `ops touched --json` names; raises ForgeError."""
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise ForgeError(
            f'--stacks {text!r}: must be a JSON list of names such as ["dev"], as `ops touched '
            "--json` prints it"
        )
    return names


def without_report(paths: Sequence[Path], stacks: Sequence[str]) -> list[str]:
    """Return a text for each stack of which no file of the folders `paths` is the report.

    What such a stack's preview found is not known, which no comment may pass over.
    """
    return [
        f"## Preview: ⛔ stack {code(stack)} has no report\n\nIts preview ended before it wrote "
        "one: what this would change is **not known**. The run says why."
        for stack in stacks
        if not any(_has_text(path / f"{stack}.md") for path in paths)
    ]


def _has_text(file: Path) -> bool:
    try:
        return bool(file.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        return False


def read(paths: Sequence[Path]) -> list[str]:
    """Return the texts of files, and of the `.md` files in folders, that are not blank.

    A folder that is not there is an empty one. Raises ForgeError for a file that cannot be read.
    """
    found: list[str] = []
    for path in paths:
        folder = path.is_dir() or (not path.exists() and path.suffix == "")
        for file in sorted(path.glob("*.md")) if folder else [path]:
            try:
                found.append(file.read_text(encoding="utf-8"))
            except OSError as error:
                raise ForgeError(f"{file} cannot be read: {error.strerror}") from None
            except UnicodeDecodeError:
                raise ForgeError(f"{file} is not UTF-8") from None
    return [text for text in found if text.strip()]
