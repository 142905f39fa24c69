"""Conditional requests (RFC 9110, 13): nobody overwrites a change that they have not seen."""

from __future__ import annotations

from flask import Response, request
from werkzeug.exceptions import PreconditionFailed, PreconditionRequired
from werkzeug.http import quote_etag

# For `bp.doc(parameters=[...])` of a method that calls `require_match`.
IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "description": "The ETag that you have read",
    "schema": {"type": "string"},
}


def etag(version: int) -> dict[str, str]:
    """Return the header that names this version of a resource."""
    return {"ETag": quote_etag(str(version))}


def require_match(version: int, *, required: bool = True) -> None:
    """Go on if the client means this version: 428 without If-Match, 412 on another."""
    if "If-Match" in request.headers:
        if str(version) not in request.if_match:
            raise PreconditionFailed("It was changed meanwhile.")
    elif required:
        raise PreconditionRequired("Send If-Match with the ETag that you have read.")


def not_modified(response: Response) -> Response:
    """Answer 304 to a client that has this ETag; for `bp.after_request`."""
    if "If-None-Match" in request.headers and "ETag" in response.headers:
        # Beside it this one counts for nothing (13.1.3), and werkzeug fails on some years.
        request.environ.pop("HTTP_IF_MODIFIED_SINCE", None)
        response.make_conditional(request)
    return response
