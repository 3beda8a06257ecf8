"""Routing, authentication and errors of the stand-in, in the shapes of Coder's REST API."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.coderd.store import Document, Store, new_id, now

HEADER: Final = "Coder-Session-Token"
MAX_BODY_BYTES: Final = 100 << 20
"""The largest body; HTTPFileMaxBytes in coder's coderd/files.go is ten times ten MiB."""

NAME: Final = re.compile(r"[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*")
"""Users, templates and groups; UsernameValidRegex in coder's codersdk/name.go."""
VERSION_NAME: Final = re.compile(r"[a-zA-Z0-9]+(?:[_.-]{1}[a-zA-Z0-9]+)*")
"""Template versions; templateVersionName in coder's codersdk/name.go."""
DISPLAY_NAME: Final = re.compile(r"[^\s](.*[^\s])?")

_SIGNED_OUT: Final = (
    "You are signed out or your session has expired. Please sign in again to continue."
)


class ApiError(Exception):
    """A request is refused.

    Args:
        status: HTTP status.
        message: what the user is told.
        detail: more of it.
        validations: the fields at fault and what is wrong with them.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        detail: str = "",
        validations: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.detail = detail
        self.validations = dict(validations or {})

    def body(self) -> Document:
        """The refusal as Coder writes it (codersdk.Response)."""
        body: Document = {"message": self.message}
        if self.detail:
            body["detail"] = self.detail
        if self.validations:
            body["validations"] = [
                {"field": field, "detail": detail} for field, detail in self.validations.items()
            ]
        return body


@dataclass
class RestCall:
    """A request that has passed authentication."""

    store: Store
    user: Document
    path: Mapping[str, str]
    query: Mapping[str, str]
    content: bytes
    content_type: str
    access_url: str
    request_id: str
    user_agent: str = ""

    def json(self) -> Document:
        """The body as an object.

        Raises:
            ApiError: it is none.
        """
        try:
            body = json.loads(self.content)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise ApiError(HTTPStatus.BAD_REQUEST, "Request body must be valid JSON.")
        return body

    @property
    def is_owner(self) -> bool:
        """Whether the caller may administer the deployment."""
        return "owner" in self.user["roles"]

    def require_owner(self) -> None:
        """Refuse a caller who is no administrator."""
        if not self.is_owner:
            raise ApiError(HTTPStatus.FORBIDDEN, "Forbidden.")

    def audit(
        self,
        action: str,
        kind: str,
        target: Document,
        name: str,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        """Write a line of the audit log, with additional `fields` and no value of a setting."""
        self.store.put(
            "audit",
            {
                "id": new_id(),
                "request_id": self.request_id,
                "time": now(),
                "organization_id": target.get("organization_id", ""),
                "user_id": self.user["id"],
                "action": action,
                "resource_type": kind,
                "resource_id": target["id"],
                "resource_target": name,
                "user_agent": self.user_agent,
                "additional_fields": dict(fields or {}),
            },
        )


Handler = Callable[[RestCall], Any]
"""Answers a call: a body, or a body and a status."""


def not_found() -> ApiError:
    """Coder says no more of what is not there or may not be seen."""
    return ApiError(
        HTTPStatus.NOT_FOUND, "Resource not found or you do not have access to this resource"
    )


def invalid(**fields: str) -> ApiError:
    """A request with fields that are wrong."""
    return ApiError(HTTPStatus.BAD_REQUEST, "Validation failed.", validations=fields)


def uuid_of(call: "RestCall", name: str) -> str:
    """An id in the path.

    Raises:
        ApiError: it is none.
    """
    value = call.path[name]
    try:
        UUID(value)
    except ValueError:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            f'Invalid UUID "{value}".',
            detail=f"invalid UUID length: {len(value)}",
        ) from None
    return value


def text(body: Mapping[str, Any], name: str, default: str = "") -> str:
    """A text in a body.

    Raises:
        ApiError: it is of another type.
    """
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise invalid(**{name: "must be a string"})
    return value


def check_name(name: str, what: str = "name", *, limit: int = 32) -> None:
    """Refuse a name that Coder refuses."""
    if not 0 < len(name) <= limit or not NAME.fullmatch(name):
        raise invalid(
            **{what: f"must be 1 to {limit} letters and digits, in groups joined by single hyphens"}
        )


def check_display_name(name: str) -> None:
    """Refuse a display name that Coder refuses."""
    if name and (len(name) > 64 or not DISPLAY_NAME.fullmatch(name)):
        raise invalid(display_name="must be up to 64 characters without space around them")


def check_url(url: str, what: str) -> None:
    """Refuse what is no absolute URL."""
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        raise invalid(**{what: "must be a URL"})


def token_id(token: str) -> str:
    """Under what a token is stored: never itself."""
    return hashlib.sha256(token.encode()).hexdigest()


def route(store: Store, method: str, path: str, handler: Handler, access_url: str) -> Route:
    """A route whose handler runs in one transaction, for callers who prove who they are."""

    async def endpoint(request: Request) -> Response:
        try:
            user = authenticate(store, request)
            content = await _body(request)
            with store.transaction():
                answer = handler(
                    RestCall(
                        store=store,
                        user=user,
                        path=request.path_params,
                        query=request.query_params,
                        content=content,
                        content_type=request.headers.get("content-type", ""),
                        access_url=access_url,
                        request_id=new_id(),
                        user_agent=request.headers.get("user-agent", ""),
                    )
                )
        except ApiError as error:
            return JSONResponse(error.body(), error.status)
        body, status = answer if isinstance(answer, tuple) else (answer, HTTPStatus.OK)
        if status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            return Response(status_code=status)
        if isinstance(body, bytes):
            return Response(body, status, media_type="application/x-tar")
        return JSONResponse(body, status)

    return Route(path, endpoint, methods=[method])


async def _body(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request body is too large.")
    return bytes(content)


def authenticate(store: Store, request: HTTPConnection) -> Document:
    """Return the user whose session token a request carries.

    Raises:
        ApiError: it carries none, or none that is known.
    """
    return _user(
        store, request.headers.get(HEADER) or request.cookies.get("coder_session_token") or ""
    )


def authenticate_bearer(store: Store, request: HTTPConnection) -> Document:
    """Return the user whose session token is a request's bearer token; raises ApiError."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return _user(store, token if scheme == "Bearer" else "")


def _user(store: Store, token: str) -> Document:
    if not token:
        raise ApiError(
            HTTPStatus.UNAUTHORIZED,
            _SIGNED_OUT,
            detail='Cookie "coder_session_token" or query parameter must be provided.',
        )
    key = store.get("token", token_id(token))
    user = store.get("user", key["user_id"]) if key else None
    if user is None:
        raise ApiError(HTTPStatus.UNAUTHORIZED, _SIGNED_OUT, detail="API key is invalid.")
    return user
