"""A client of coderd's REST API, with its refusals as errors."""

import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import grpc
import httpx

from local.providers.base import ProviderError

Json = dict[str, Any]

_TIMEOUT_SECONDS: Final = 30.0
_CONNECTIONS: Final = 32
_POLL_SECONDS: Final = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
_JOB_SECONDS: Final = 900.0
_LOG_LINES: Final = 60
_ACTIVE: Final = ("pending", "running", "canceling")


class Refusal(ProviderError):
    """coderd refused a request.

    Args:
        status: HTTP status.
        message: what coderd says, with its details.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Requests to one deployment, from any thread.

    Args:
        url: access URL of the deployment.
        token: session token.
        headers: more headers of every request.
    """

    def __init__(self, url: str, token: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._http = httpx.Client(
            base_url=url,
            headers={**headers, "Coder-Session-Token": token},
            timeout=_TIMEOUT_SECONDS,
            limits=httpx.Limits(max_connections=_CONNECTIONS),
            trust_env=False,
            # Without TLS there is no need to read the authorities, which takes a while.
            verify=url.startswith("https:"),
        )
        self._organization: str | None = None
        self._interrupted = threading.Event()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The body at a path.

        Raises:
            Refusal: coderd refuses.
            ProviderError: coderd cannot be reached.
        """
        return self._json("GET", path, params=params)

    def find(self, path: str) -> Any:
        """The body at a path, None if there is nothing.

        Raises:
            Refusal: coderd refuses for another reason.
            ProviderError: coderd cannot be reached.
        """
        try:
            return self.get(path)
        except Refusal as refusal:
            if refusal.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
                return None
            raise

    def post(self, path: str, body: Json) -> Any:
        """Make something; raises as `get`."""
        return self._json("POST", path, json=body)

    def patch(self, path: str, body: Json) -> Any:
        """Change something, None if there was nothing to change; raises as `get`."""
        return self._json("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        """Remove something; what is gone already is no error; raises as `get`."""
        try:
            self._json("DELETE", path)
        except Refusal as refusal:
            if refusal.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
                raise

    def upload(self, archive: bytes) -> str:
        """Upload a tar archive and return the id of the file; raises as `get`."""
        headers = {"Content-Type": "application/x-tar"}
        return str(self._json("POST", "/api/v2/files", content=archive, headers=headers)["hash"])

    def await_version(self, id: str, seconds: float) -> Json:
        """A template version once its import is over.

        Args:
            id: of the version.
            seconds: how long to wait, 0 for a quarter of an hour.

        Raises:
            ProviderError: the import failed, with the provisioner's log; or it took too long.
        """
        path = f"/api/v2/templateversions/{id}"
        deadline = time.monotonic() + (seconds or _JOB_SECONDS)
        for attempt in range(1_000_000):
            version: Json = self.get(path)
            job = version["job"]
            if job["status"] == "succeeded":
                return version
            if job["status"] not in _ACTIVE:
                raise ProviderError(
                    f"the import of template version {version['name']} did not succeed: "
                    f"{job['status']} ({job.get('error') or 'no reason given'})"
                    f"{self._log(f'{path}/logs')}"
                )
            if time.monotonic() > deadline:
                raise ProviderError(
                    f"the import of template version {version['name']} is still "
                    f"{job['status']} after {seconds or _JOB_SECONDS:.0f} s: is there a "
                    "provisioner for its tags?",
                    grpc.StatusCode.DEADLINE_EXCEEDED,
                )
            if self._interrupted.wait(_POLL_SECONDS[min(attempt, len(_POLL_SECONDS) - 1)]):
                break
        raise ProviderError("interrupted while a template version is imported")

    def _log(self, path: str) -> str:
        lines = [str(line["output"]) for line in self.get(path) or [] if line.get("output")]
        left_out = len(lines) - _LOG_LINES
        if left_out > 0:
            lines = [f"... {left_out} lines before ...", *lines[-_LOG_LINES:]]
        return "".join(f"\n  {line}" for line in lines)

    def default_organization(self) -> str:
        """Id of the deployment's default organization; raises as `get`."""
        if self._organization is None:
            self._organization = str(self.get("/api/v2/organizations/default")["id"])
        return self._organization

    def interrupt(self) -> None:
        """End all waiting."""
        self._interrupted.set()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _json(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self._http.request(method, path, **more)
        except httpx.HTTPError as error:
            raise ProviderError(
                f"coderd at {self._url} does not answer: {_reason(error)}",
                grpc.StatusCode.UNAVAILABLE,
            ) from None
        if answer.status_code in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            return None
        try:
            body = answer.json()
        except ValueError:
            body = None
        if answer.is_success and body is not None:
            return body
        raise Refusal(answer.status_code, self._refusal(method, answer, body))

    def _refusal(self, method: str, answer: httpx.Response, body: Any) -> str:
        if not isinstance(body, dict) or "message" not in body:
            return (
                f"{self._url} answers {method} {answer.request.url.path} with HTTP "
                f"{answer.status_code} and not as coderd does: is this its access URL?"
            )
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            return (
                f"coderd at {self._url} does not accept the session token: "
                "it is wrong or has expired"
            )
        parts = [str(body["message"]).rstrip(".")]
        parts += [str(body["detail"])] if body.get("detail") else []
        parts += [f"{item['field']}: {item['detail']}" for item in body.get("validations") or []]
        return f"coderd refuses: {'; '.join(parts)} (HTTP {answer.status_code})"


def _reason(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"no answer after {_TIMEOUT_SECONDS:.0f} s"
    return str(error) or type(error).__name__
