"""The experiments of the stand-in's deployment: none."""

from http import HTTPStatus
from typing import Any

from local.coderd.people import organization_of
from local.coderd.rest import ApiError, RestCall


def experiments(call: RestCall) -> Any:
    """GET /experiments: none."""
    return []


def sharing(call: RestCall) -> Any:
    """GET /organizations/{organization}/settings/workspace-sharing: an experiment that is off."""
    organization_of(call)
    raise ApiError(
        HTTPStatus.FORBIDDEN,
        "Workspace Sharing functionality requires enabling the 'workspace-sharing' experiment.",
    )
