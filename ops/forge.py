"""Comments on GitHub and GitLab through their REST APIs; errors never hold the token.

Sources: GitHub REST API 2022-11-28, "Issue comments" (a pull request is an issue there), and
GitLab REST API v4, "Notes".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import httpx

from components import proxied
from components.boundary.credentials import HIDDEN
from components.coder.api import verification
from components.tls import certificate_problem

GITHUB_VERSION: Final = "2022-11-28"
_PAGE: Final = 100
_LONGEST_LIST: Final = 100
_PROJECT: Final = re.compile(r"[\w.-]+/[\w.-]+\Z")


class ForgeKind(StrEnum):
    """A forge."""

    GITHUB = "github"
    GITLAB = "gitlab"


# GitHub: "body is too long (maximum is 65536 characters)"; GitLab: a note's 1,000,000 characters.
LONGEST: Final = {ForgeKind.GITHUB: 65_536, ForgeKind.GITLAB: 1_000_000}


class ForgeError(Exception):
    """The forge could not be asked, or refused; the message says why and what to do."""


class BusyError(ForgeError):
    """The forge asks to come back.

    Args:
        message: what it answered.
        seconds: when to come back, None if it does not say.
    """

    def __init__(self, message: str, seconds: float | None) -> None:
        self.seconds = seconds
        super().__init__(message)


@dataclass(frozen=True)
class Place:
    """Where comments stand, and who writes them.

    Args:
        kind: the forge.
        api: URL of its API, such as https://api.github.com or https://gitlab.com/api/v4.
        project: OWNER/NAME on GitHub; id or path on GitLab.
        number: number of the pull request, merge request or issue in its project.
        token: an access token.
        issue: an issue, not a pull or merge request.
        transport: how to reach the forge, for tests.
        timeout: seconds for each request.
    """

    kind: ForgeKind
    api: str
    project: str
    number: int
    token: str = field(repr=False)
    issue: bool = False
    transport: httpx.BaseTransport | None = field(default=None, repr=False)
    timeout: float = 30.0


@dataclass(frozen=True)
class Comment:
    """A comment.

    Args:
        id: its id in the forge.
        body: its text.
        author: id of its author.
        machine: GitHub says that an app wrote it.
    """

    id: int
    body: str
    author: int
    machine: bool


class Forge:
    """The comments of one pull request, merge request or issue. No redirect is followed."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._headers = _headers(place)
        self._client = proxied.client(
            timeout=place.timeout, transport=place.transport, verify=verification(place.api)
        )
        project = f"{place.api.rstrip('/')}{_project(place)}"
        if place.kind is ForgeKind.GITHUB:
            self._list = f"{project}/issues/{place.number}/comments"
            self._one = f"{project}/issues/comments"
        else:
            kind = "issues" if place.issue else "merge_requests"
            self._list = self._one = f"{project}/{kind}/{place.number}/notes"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def mine(self) -> Iterator[Comment]:
        """Yield the comments that the token's own user wrote, oldest first.

        Raises ForgeError, as every method does, when the forge cannot be asked or refuses.
        """
        me = self._me()
        for comment in self._all():
            # An installation's token, as GitHub Actions has, does not know its own user.
            if comment.author == me if me is not None else comment.machine:
                yield comment

    def create(self, body: str) -> int:
        """Write a new comment; return its id."""
        return int(self._json(self._send("POST", self._list, json={"body": body}))["id"])

    def update(self, comment: Comment, body: str) -> None:
        """Replace a comment's text."""
        method = "PATCH" if self.place.kind is ForgeKind.GITHUB else "PUT"
        self._send(method, f"{self._one}/{comment.id}", json={"body": body})

    def _me(self) -> int | None:
        try:
            response = self._request("GET", f"{self.place.api.rstrip('/')}/user")
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        if self.place.kind is ForgeKind.GITHUB and response.status_code == HTTPStatus.FORBIDDEN:
            return None
        return int(self._json(self._accepted(response))["id"])

    def _all(self) -> Iterator[Comment]:
        query: dict[str, str | int] = {"per_page": _PAGE}
        if self.place.kind is ForgeKind.GITLAB:
            query |= {"sort": "asc", "order_by": "created_at"}
        for page in range(1, _LONGEST_LIST + 1):
            response = self._send("GET", self._list, params={**query, "page": page})
            try:
                for each in response.json():
                    author = each.get("user") or each.get("author") or {}
                    yield Comment(
                        int(each["id"]),
                        str(each["body"] or ""),
                        int(author.get("id") or 0),
                        author.get("type") == "Bot",
                    )
            except (ValueError, TypeError, KeyError, AttributeError):
                raise self._strange() from None
            # The next page's URL is the forge's word for it; the token goes to no other place.
            if "next" not in response.links:
                return

    def _send(self, method: str, url: str, **content: Any) -> httpx.Response:
        try:
            return self._accepted(self._request(method, url, **content))
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None

    def _request(self, method: str, url: str, **content: Any) -> httpx.Response:
        try:
            return self._client.request(method, url, headers=self._headers, **content)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise ForgeError(f"{self.place.api} is no URL of http or https") from None
        except (httpx.LocalProtocolError, UnicodeEncodeError):
            # These quote the header, which is the token.
            raise ForgeError("the token holds what HTTP cannot carry") from None

    def _unreachable(self, error: httpx.HTTPError) -> ForgeError:
        if why := certificate_problem(error):
            # The next try would find the same.
            return ForgeError(f"{self.place.api} cannot be reached: {why}")
        if isinstance(error, httpx.TimeoutException):
            return BusyError(f"{self.place.api} does not answer in time", None)
        return BusyError(
            f"{self.place.api} cannot be reached: {error or type(error).__name__}", None
        )

    def _strange(self) -> ForgeError:
        return ForgeError(f"{self.place.api} does not answer as {self.place.kind} does")

    def _json(self, response: httpx.Response) -> Mapping[str, Any]:
        try:
            found = response.json()
            int(found["id"])
        except (ValueError, TypeError, KeyError):
            raise self._strange() from None
        return dict(found)

    def _accepted(self, response: httpx.Response) -> httpx.Response:
        if response.is_success:
            return response
        status = response.status_code
        said = self._said(response)
        after = response.headers.get("Retry-After", "")
        limited = status == HTTPStatus.FORBIDDEN and (
            after or response.headers.get("X-RateLimit-Remaining") == "0"
        )
        if limited or status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500:
            raise BusyError(said, float(after) if after.isdigit() else None)
        raise ForgeError(f"{said}{_advice(self.place, status)}")

    def _said(self, response: httpx.Response) -> str:
        """What the forge answered, in one line without the token."""
        told = " ".join(_message(response).split()).replace(self.place.token, HIDDEN)[:300]
        status = f"{response.status_code} {response.reason_phrase}".strip()
        return f"{self.place.kind} answers {status}" + (f": {told}" if told else "")


def _headers(place: Place) -> dict[str, str]:
    if place.kind is ForgeKind.GITHUB:
        return {
            "Authorization": f"Bearer {place.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": GITHUB_VERSION,
        }
    return {"PRIVATE-TOKEN": place.token, "Accept": "application/json"}


def _project(place: Place) -> str:
    if place.kind is ForgeKind.GITLAB:
        return f"/projects/{quote(place.project, safe='')}"
    if not _PROJECT.match(place.project):
        raise ForgeError(f"repository {place.project!r}: must be like owner/name")
    return f"/repos/{place.project}"


def _message(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return ""
    if not isinstance(body, dict):
        return ""
    told = body.get("message")
    if isinstance(told, dict):
        # GitLab's validations: a list of complaints by attribute.
        told = "; ".join(
            f"{name} {each}"
            for name, found in told.items()
            for each in (found if isinstance(found, list) else [found])
        )
    parts = [told, body.get("error"), body.get("error_description")]
    errors = body.get("errors")
    for each in errors if isinstance(errors, list) else ():
        parts.append(each.get("message") if isinstance(each, dict) else each)
    return "; ".join(str(part) for part in parts if part)


def _advice(place: Place, status: int) -> str:
    github = place.kind is ForgeKind.GITHUB
    what = "issue" if place.issue else "pull request" if github else "merge request"
    if status == HTTPStatus.UNAUTHORIZED:
        variable = "GITHUB_TOKEN" if github else "GITLAB_TOKEN"
        return f"; the token in {variable} is wrong or has expired"
    if status == HTTPStatus.FORBIDDEN:
        if github:
            needed = "issues: write" if place.issue else "pull-requests: write"
            return f"; the token needs the permission {needed}"
        return "; the token needs the scope api and at least the role Reporter"
    if status == HTTPStatus.NOT_FOUND:
        return f"; there is no {what} {place.number} in {place.project}, or the token cannot see it"
    if 300 <= status < 400:
        return "; name the URL it redirects to"
    return ""
