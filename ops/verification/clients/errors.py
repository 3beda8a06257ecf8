"""What goes wrong with a service; no message holds a token or a header."""

from __future__ import annotations


class ServiceError(Exception):
    """A service could not be asked, or did not answer as it should; base of all of them."""


class UnreachableError(ServiceError):
    """No answer: no connection, none in time, or one that was cut off."""


class UnauthorizedError(ServiceError):
    """401: the token is missing or not valid."""


class ForbiddenError(ServiceError):
    """403: the token may not do this."""


class NotFoundError(ServiceError):
    """404: what was asked for is not there."""


class ThrottledError(ServiceError):
    """429, again and again, or with a longer wait than anybody waits here."""


class RejectedError(ServiceError):
    """Any other 4xx: the service found the request wrong; the message has its reason."""


class BrokenError(ServiceError):
    """5xx, or an answer that is not of the service: no JSON, another shape, too much of it."""
