"""A client of coderd's REST API, with its refusals in the words of Coder's own (codersdk)."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
_NO_USER: Final = "must be an existing uuid or username"
_ACTIVE: Final = ("pending", "running", "canceling")


class BridgedError(ProviderError):
    """What went wrong, as Pulumi's bridge tells the engine of it: without a class of its own."""

    def __init__(self, message: str) -> None:
        super().__init__(message, grpc.StatusCode.UNKNOWN)


class Refusal(BridgedError):
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
        self._interrupted = threading.Event()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The body at a path.

        Raises:
            Refusal: coderd refuses.
            BridgedError: coderd cannot be reached.
        """
        return self._json("GET", path, params=params)

    def find(self, path: str) -> Any:
        """The body at a path, None if there is nothing.

        Raises:
            Refusal: coderd refuses for another reason.
            BridgedError: coderd cannot be reached.
        """
        try:
            return self.get(path)
        except Refusal as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND or _NO_USER in str(refusal):
                return None
            raise

    def post(self, path: str, body: Json) -> Any:
        """Make something; raises as `get`."""
        return self._json("POST", path, json=body)

    def patch(self, path: str, body: Json) -> Any:
        """Change something, None if there was nothing to change; raises as `get`."""
        return self._json("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        """Remove something; raises as `get`, also for what is gone already."""
        self._json("DELETE", path)

    def upload(self, archive: bytes) -> str:
        """Upload a tar archive and return the id of the file; raises as `get`."""
        headers = {"Content-Type": "application/x-tar"}
        return str(self._json("POST", "/api/v2/files", content=archive, headers=headers)["hash"])

    def await_version(self, id: str) -> Json:
        """A template version once its import is over, well or not.

        Raises:
            BridgedError: it takes longer than a quarter of an hour, or the update is interrupted.
        """
        deadline = time.monotonic() + _JOB_SECONDS
        for attempt in range(1_000_000):
            version: Json = self.get(f"/api/v2/templateversions/{id}")
            if version["job"]["status"] not in _ACTIVE:
                return version
            if time.monotonic() > deadline:
                raise BridgedError(
                    "Provisioner Error: failed to wait for job: provisioner job did not complete "
                    "after 3 retries\n"
                )
            if self._interrupted.wait(_POLL_SECONDS[min(attempt, len(_POLL_SECONDS) - 1)]):
                break
        raise BridgedError("Provisioner Error: failed to wait for job: context canceled\n")

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
            raise BridgedError(f'{method.title()} "{self._url}{path}": {_reason(error)}') from None
        if answer.status_code in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            return None
        try:
            body = answer.json()
        except ValueError:
            body = None
        if answer.is_success and body is not None:
            return body
        raise Refusal(answer.status_code, _refusal(method, answer, body))


def _refusal(method: str, answer: httpx.Response, body: Any) -> str:
    """What codersdk.Error says."""
    where = f"{method} {answer.request.url}: unexpected status code {answer.status_code}: "
    if not isinstance(body, dict) or "message" not in body:
        return f"{where}unexpected non-JSON response: is this the access URL of a Coder deployment?"
    text = where + str(body["message"])
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        text += ": Try logging in using 'coder login'."
    if body.get("detail"):
        text += f"\n\tError: {body['detail']}"
    for each in body.get("validations") or []:
        text += f"\n\t{each['field']}: {each['detail']}"
    return text


def _reason(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"no answer after {_TIMEOUT_SECONDS:.0f} s"
    return str(error) or type(error).__name__


@contextmanager
def client_error(what: str) -> Iterator[None]:
    """Say what failed, as the provider's diagnostics do.

    Raises:
        BridgedError: what it was.
    """
    try:
        yield
    except BridgedError as error:
        raise BridgedError(f"Client Error: {what}: {error}") from None
