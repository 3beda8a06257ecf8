"""One HTTP service that answers in JSON: asked again when that may help, and never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from components import proxied
from components.coder.api import verification
from ops.verification.clients.errors import (
    BrokenError,
    ForbiddenError,
    NotFoundError,
    RejectedError,
    ServiceError,
    ThrottledError,
    UnauthorizedError,
    UnreachableError,
)
from ops.verification.model import note
from ops.verification.redaction import Redaction

T = TypeVar("T")

_ATTEMPTS: Final = 4
_LARGEST: Final = 20 << 20
_SHOWN: Final = 300
_UNSHOWN: Final = "an answer, which is not kept"
_RETRIED: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


@dataclass(frozen=True)
class Patience:
    """How long a service is waited for, in seconds.

    Args:
        connect: for a connection.
        answer: for one whole answer.
        pause: between two attempts; doubled each time.
        longest: that a service may ask to wait before the next attempt.
    """

    connect: float = 5.0
    answer: float = 30.0
    pause: float = 1.0
    longest: float = 30.0


@dataclass(frozen=True)
class ServiceAccess:
    """Where a service is and what proves who asks.

    Args:
        name: what it is called in messages.
        url: base URL; may have a path.
        token: bearer token, empty for none.
        headers: more headers, such as Loki's tenant.
        credentials: how to give a token, for messages.
    """

    name: str
    url: str
    token: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    credentials: str = ""


class _Again(Exception):
    """An answer after which asking again may help."""

    def __init__(self, error: ServiceError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


@dataclass(frozen=True)
class _Call:
    method: str
    path: str
    content: Mapping[str, Any]
    also: Collection[int]
    unshown: bool = False


class Service:
    """Requests to one service. Redirects are not followed: they would carry the token.

    Args:
        place: where it is.
        redaction: takes secrets out of what is noted.
        patience: how long it is waited for.
        transport: how to reach it, for tests.
        sleep: waits so many seconds.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        place: ServiceAccess,
        redaction: Redaction,
        *,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.place = place
        self._redaction = redaction
        self._patience = patience or Patience()
        self._sleep = sleep
        self._clock = clock
        self._client = proxied.client(
            timeout=httpx.Timeout(self._patience.answer, connect=self._patience.connect),
            transport=transport,
            follow_redirects=False,
            verify=verification(place.url),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(
        self,
        kind: type[T],
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        also: Collection[int] = (),
        unshown: bool = False,
    ) -> T:
        """Return the answer to a GET.

        Args:
            kind: what it is read as.
            path: below the base URL.
            params: of the query.
            also: statuses besides 2xx whose body is such an answer.
            unshown: whether nothing of the answer is kept, as it is of others' doing.

        Raises:
            ServiceError: no answer, a refusal, or none of that kind.
        """
        shown = path + (f" {self._redaction.excerpt(dict(params))}" if params else "")
        call = _Call("GET", path, {"params": dict(params or {})}, also, unshown)
        return self._typed(kind, call, shown)

    def post(self, kind: type[T], path: str, body: Any, *, also: Collection[int] = ()) -> T:
        """Return the answer to a POST that changes nothing; raises as get does."""
        shown = f"{path} {self._redaction.excerpt(body)}"
        return self._typed(kind, _Call("POST", path, {"json": body}, also), shown)

    def _typed(self, kind: type[T], call: _Call, shown: str) -> T:
        request = f"{self.place.name}: {call.method} {shown}"
        try:
            answer = self._retried(call)
        except ServiceError as error:
            note(request, self._redaction.text(str(error)))
            raise
        note(request, _UNSHOWN if call.unshown else self._redaction.excerpt(answer))
        try:
            return TypeAdapter(kind).validate_python(answer)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the answer"
            raise BrokenError(
                f"{self._named(call.path)} answers as no {self.place.name} does: of {where}, "
                f"{first['msg'][0].lower()}{first['msg'][1:]}"
            ) from None

    def _retried(self, call: _Call) -> Any:
        attempts = Retrying(
            retry=retry_if_exception_type(_Again),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=self._pause,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return attempts(self._asked, call)
        except _Again as last:
            raise last.error from None

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, _Again) and error.wait is not None:
            return error.wait
        return float(self._patience.pause * 2 ** (state.attempt_number - 1))

    def _asked(self, call: _Call) -> Any:
        path = call.path
        headers = {"Accept": "application/json", **self.place.headers}
        if self.place.token:
            headers["Authorization"] = f"Bearer {self.place.token}"
        url = f"{self.place.url.rstrip('/')}{path}"
        try:
            with self._client.stream(call.method, url, headers=headers, **call.content) as response:
                return self._read(call, response, self._whole(path, response))
        except httpx.InvalidURL:
            raise RejectedError(f"{self.place.name}: {self.place.url} is no URL") from None
        except (httpx.LocalProtocolError, UnicodeEncodeError):
            # These quote the header, which is the token.
            raise UnauthorizedError(
                f"{self.place.name}: the token holds what HTTP cannot carry"
            ) from None
        except httpx.TimeoutException:
            raise _Again(UnreachableError(f"{self._named(path)} does not answer in time")) from None
        except httpx.HTTPError as error:
            why = type(error).__name__
            raise _Again(
                UnreachableError(f"{self._named(path)} cannot be reached: {why}")
            ) from None

    def _whole(self, path: str, response: httpx.Response) -> bytes:
        """The body: httpx limits the time for each part of it, this the time for all."""
        deadline = self._clock() + self._patience.answer
        content = bytearray()
        for part in response.iter_bytes():
            content += part
            if len(content) > _LARGEST:
                raise BrokenError(f"{self._named(path)} answers with more than {_LARGEST} bytes")
            if self._clock() > deadline:
                raise _Again(
                    UnreachableError(
                        f"{self._named(path)} has not ended its answer after "
                        f"{self._patience.answer:.0f} s"
                    )
                )
        return bytes(content)

    def _read(self, call: _Call, response: httpx.Response, content: bytes) -> Any:
        path = call.path
        status = response.status_code
        if not response.is_success and not (status in call.also and content.startswith(b"{")):
            self._refuse(path, response, content)
        try:
            return TypeAdapter(Any).validate_json(content)
        except ValidationError:
            raise BrokenError(
                f"{self._named(path)} answers {status} with something that is not JSON"
            ) from None

    def _refuse(self, path: str, response: httpx.Response, content: bytes) -> None:
        status, named = response.status_code, self._named(path)
        text = " ".join(content[: 4 * _SHOWN].decode(errors="replace").split())
        said = self._redaction.text(text)[:_SHOWN]
        more = f"; {self.place.credentials}" if self.place.credentials else ""
        if response.is_redirect:
            raise RejectedError(f"{named} redirects ({status}): name the address that it has")
        if status == HTTPStatus.UNAUTHORIZED:
            raise UnauthorizedError(f"{named} refuses the token (401){more}")
        if status == HTTPStatus.FORBIDDEN:
            raise ForbiddenError(f"{named}: the token may not do this (403){more}")
        if status == HTTPStatus.NOT_FOUND:
            raise NotFoundError(f"{named}: not found (404)")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            wait = _retry_after(response.headers.get("Retry-After"))
            error: ServiceError = ThrottledError(f"{named} has too many requests (429)")
            if wait is not None and wait > self._patience.longest:
                raise ThrottledError(f"{named} wants to be asked again in {wait:.0f} s (429)")
            raise _Again(error, wait)
        if status in _RETRIED:
            raise _Again(BrokenError(f"{named} answers {status}: {said}"))
        if response.is_server_error:
            raise BrokenError(f"{named} answers {status}: {said}")
        raise RejectedError(f"{named} refuses the request ({status}): {said}")

    def _named(self, path: str) -> str:
        return f"{self.place.name} ({path})"


def _retry_after(value: str | None) -> float | None:
    """Seconds from the header (RFC 9110, 10.2.3): a number of them, or a date."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
