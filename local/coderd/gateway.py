"""The AI Gateway, as far as asking for its models goes."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.coderd.rest import ApiError, authenticate_bearer
from local.coderd.store import Store

_MODEL = {
    "type": "model",
    "id": "claude-stand-in",
    "display_name": "Stand-in",
    "created_at": "2026-01-01T00:00:00Z",
}


def models(store: Store) -> Route:
    """GET /api/v2/aibridge/anthropic/v1/models, by a session token as bearer token."""

    async def endpoint(request: Request) -> Response:
        try:
            authenticate_bearer(store, request)
        except ApiError as error:
            return JSONResponse(error.body(), error.status)
        answer: dict[str, Any] = {"data": [_MODEL], "has_more": False}
        return JSONResponse({**answer, "first_id": _MODEL["id"], "last_id": _MODEL["id"]})

    return Route("/api/v2/aibridge/anthropic/v1/models", endpoint)
