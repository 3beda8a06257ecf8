"""A server that answers as GitHub's and GitLab's comment APIs do, for tests."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "token-of-the-test"
BOT, PERSON = 41898282, 7
GITHUB_LIST = re.compile(r"/repos/acme/infra/issues/(7|70)/comments\Z")
GITHUB_ONE = re.compile(r"/repos/acme/infra/issues/comments/(\d+)\Z")
GITLAB_LIST = re.compile(r"/api/v4/projects/acme%2Finfra/(merge_requests/7|issues/70)/notes\Z")
GITLAB_ONE = re.compile(
    r"/api/v4/projects/acme%2Finfra/(?:merge_requests/7|issues/70)/notes/(\d+)\Z"
)
LONGEST = {"github": 65_536, "gitlab": 1_000_000}

Answer = tuple[int, Any, dict[str, str]]


@dataclass
class ForgeServer:
    """One request or issue with its comments, oldest first.

    Attributes:
        kind: `github` or `gitlab`.
        knows_user: `/user` answers, as it does not for an installation of a GitHub app.
        largest_page: the most comments in one answer.
        fails: answers given in turn, instead of what was asked, to requests that write; a status
            of 0 does what was asked and then closes the connection.
        log: method and path of every request.
    """

    kind: str
    knows_user: bool = True
    largest_page: int = 100
    comments: list[dict[str, Any]] = field(default_factory=list)
    fails: list[Answer] = field(default_factory=list)
    refuses: Answer | None = None
    log: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def add(self, body: str, author: int = BOT, *, machine: bool | None = None) -> int:
        """Put a comment there; return its id."""
        number = 1000 + len(self.comments)
        person = {"id": author, "login": str(author)}
        if self.kind == "github":
            bot = author == BOT if machine is None else machine
            person["type"] = "Bot" if bot else "User"
            self.comments.append({"id": number, "user": person, "body": body})
        else:
            self.comments.append({"id": number, "author": person, "body": body, "system": False})
        return number

    @property
    def writes(self) -> list[str]:
        """The methods of the requests that wrote."""
        return [method for method, _ in self.log if method != "GET"]

    def answer(self, method: str, target: str, headers: Any, body: dict[str, Any]) -> Answer:
        """Return status, body and headers."""
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        self.log.append((method, target))
        github = self.kind == "github"
        given = headers.get("Authorization" if github else "PRIVATE-TOKEN")
        if given != (f"Bearer {TOKEN}" if github else TOKEN):
            said = "Bad credentials" if github else "401 Unauthorized"
            return 401, {"message": f"{said} ({given})"}, {}
        if self.refuses:
            return self.refuses
        if path == ("/user" if github else "/api/v4/user"):
            if not self.knows_user:
                return 403, {"message": "Resource not accessible by integration"}, {}
            return 200, {"id": BOT}, {}
        at_list = (GITHUB_LIST if github else GITLAB_LIST).match(path)
        at_one = (GITHUB_ONE if github else GITLAB_ONE).match(path)
        if method == "GET" and at_list:
            return self._page(target, query)
        if method == "POST" and at_list:
            return self._written(lambda: self._new(body["body"]), body["body"], 201)
        if method == ("PATCH" if github else "PUT") and at_one:
            (found,) = [each for each in self.comments if each["id"] == int(at_one[1])]
            if not github and found["author"]["id"] != BOT:
                return 403, {"message": "403 Forbidden"}, {}
            return self._written(lambda: found.update(body=body["body"]) or found, body["body"])
        return 404, {"message": "Not Found" if github else "404 Not found"}, {}

    def _new(self, body: str) -> dict[str, Any]:
        self.add(body)
        return self.comments[-1]

    def _written(self, act: Any, body: str, status: int = 200) -> Answer:
        if len(body) > LONGEST[self.kind]:
            if self.kind == "gitlab":
                return (
                    400,
                    {"message": {"note": ["is too long (maximum is 1000000 characters)"]}},
                    {},
                )
            error = {"message": "body is too long (maximum is 65536 characters)"}
            return 422, {"message": "Validation Failed", "errors": [error]}, {}
        if self.fails:
            answer = self.fails.pop(0)
            if answer[0] == 0:
                act()
            return answer
        return status, act(), {}

    def _page(self, target: str, query: dict[str, list[str]]) -> Answer:
        size = min(int(query["per_page"][0]), self.largest_page)
        page = int(query["page"][0])
        found = self.comments
        if self.kind == "gitlab" and query.get("sort") != ["asc"]:
            found = found[::-1]
        headers = {}
        if page * size < len(found):
            # To another host, which must never get the token.
            headers["Link"] = f'<http://192.0.2.1{target}&page={page + 1}>; rel="next"'
        return 200, found[(page - 1) * size : page * size], headers


@contextmanager
def serving(forge: ForgeServer, tls: ssl.SSLContext | None = None) -> Iterator[ForgeServer]:
    """Serve `forge` at its `url`, by TLS if a context is given."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            status, said, headers = forge.answer(self.command, self.path, self.headers, body)
            if status == 0:
                self.close_connection = True
                return
            content = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = _do

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    forge.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
