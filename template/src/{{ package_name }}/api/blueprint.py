"""What every blueprint of the API shares: strict parsing and described errors."""

from __future__ import annotations

from typing import Any

import flask
import flask_smorest
from marshmallow import RAISE, Schema
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, HTTPException, UnsupportedMediaType

from .document import component


class Parser(FlaskParser):
    """Takes application/json alone, and no field or parameter that is not declared."""

    DEFAULT_UNKNOWN_BY_LOCATION = {
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": RAISE,
        "query_params": RAISE,
    }

    def load_json(self, req: flask.Request, schema: Schema) -> Any:
        if req.mimetype != "application/json":
            raise UnsupportedMediaType("Send the body as application/json.")
        if req.content_length is None:
            read_chunks(req)
        try:
            return req.get_json()
        except BadRequest as error:
            raise BadRequest("The body is no valid JSON.") from error


def read_chunks(req: flask.Request) -> None:
    """Read a chunked body: 413 when it is too large, 400 when its chunks are broken."""
    try:
        req.get_data()
        req.stream.read(1)  # What exceeds the limit was cut off.
    except HTTPException:
        raise
    except Exception as error:  # Each server has classes of its own for broken chunks.
        raise BadRequest("The chunks of the body are broken.") from error


class Blueprint(flask_smorest.Blueprint):
    """A blueprint that describes the errors of what it parses."""

    ARGUMENTS_PARSER = Parser()

    def arguments(self, schema: Any, **options: Any) -> Any:
        """Take a schema or its class, of which one is made for all requests."""
        return super().arguments(schema() if isinstance(schema, type) else schema, **options)

    def _prepare_arguments_doc(self, doc: Any, doc_info: Any, **kwargs: Any) -> Any:
        # http.HTTPStatus was renamed in Python 3.13; the document's names are not.
        responses = doc_info.get("arguments", {}).get("responses", {})
        responses.update({status: component(status) for status in responses})
        if any(p["in"] == "json" for p in doc_info.get("arguments", {}).get("parameters", ())):
            responses.update({status: component(status) for status in (400, 413, 415)})
        return super()._prepare_arguments_doc(doc, doc_info, **kwargs)
