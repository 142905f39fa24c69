"""One shape for every error: RFC 9457, application/problem+json."""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, g
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, SecurityError

MEDIA_TYPE = "application/problem+json"
# Names that marshmallow and webargs put between those of fields.
_NO_FIELDS = ("json", "query", "_schema")


class ProblemError(HTTPException):
    """An error with more to tell: `code`, a word for machines; `errors` by field; `headers`."""

    def __init__(self, status: int, detail: str | None = None, **told: Any) -> None:
        super().__init__(detail)
        self.code, self.data = status, told


def init_app(app: Flask) -> None:
    # An exception that nobody expected arrives as an InternalServerError, logged by Flask.
    app.register_error_handler(HTTPException, problem)


def problem(error: HTTPException) -> ResponseReturnValue:
    """Return the answer for an error, with the headers that it carries.

    Neither the host nor the URL is read here: a refused host raises again on both.
    """
    if error.response is not None:
        return error.response
    status = error.code or 500
    # What we, flask-smorest's abort and webargs have left on the exception.
    data: dict[str, Any] = getattr(error, "data", None) or {}
    messages = data.get("errors") or data.get("messages")
    body = {
        "type": "about:blank",
        "title": error.name,
        "status": status,
        "detail": data.get("message") or _detail(error, messages),
        "instance": f"urn:request:{g.request_id}",
        "code": data.get("code") or code(error.name),
        "request_id": g.request_id,
    }
    if messages:
        body["errors"] = _by_field(messages)
    response = current_app.json.response(body)
    response.status_code = status
    response.content_type = MEDIA_TYPE
    for name, value in [*error.get_headers(), *Headers(data.get("headers"))]:
        if name.lower() not in ("content-type", "content-length"):
            response.headers.add(name, value)
    return response


def code(title: str) -> str:
    """Return the word for machines: `Not Found` is `not-found`."""
    return title.lower().replace(" ", "-").replace("'", "")


def _detail(error: HTTPException, messages: object) -> str | None:
    """Return what whoever raised the error wrote, unless it tells of the inside."""
    if messages:
        return "The request is not valid."
    if isinstance(error, SecurityError) or (error.code or 500) >= 500:
        return type(error).description
    return error.description


def _by_field(messages: dict[str, Any], path: str = "") -> dict[str, list[str]]:
    """Flatten marshmallow's messages: `{"json": {"a": {"b": ["x"]}}}` is `{"a.b": ["x"]}`."""
    flat: dict[str, list[str]] = {}
    for name, value in messages.items():
        inner = ".".join(filter(None, [path, "" if name in _NO_FIELDS else str(name)]))
        if isinstance(value, dict):
            flat |= _by_field(value, inner)
        else:
            flat[inner or "body"] = [str(text) for text in value]
    return flat
