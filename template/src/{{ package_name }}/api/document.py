"""The OpenAPI document: written from the code, errors included."""

from __future__ import annotations

from collections.abc import Iterator
from threading import RLock
from typing import Any

import flask_smorest
import marshmallow as ma
from apispec.ext.marshmallow import MarshmallowPlugin, resolver
from flask import Flask
from flask_smorest.spec import openapi_cli
from marshmallow import fields
from werkzeug.exceptions import default_exceptions

from .. import about, checks, errors


class ProblemSchema(ma.Schema):
    """An error (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    instance = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "For machines."})
    request_id = fields.String(required=True, metadata={"description": "As in the log."})
    errors = fields.Dict(keys=fields.String(), values=fields.List(fields.String()))


class Api(flask_smorest.Api):
    """flask-smorest with our errors, in the answers and in the document.

    The document is written when somebody asks for it: most processes are never asked.
    """

    def __init__(self, app: Flask) -> None:
        self._blueprints: list[flask_smorest.Blueprint] = []
        self._writing = RLock()
        self._spec: Any = None
        options = {"info": {"description": about.DESCRIPTION}}
        options |= app.config.get("API_SPEC_OPTIONS", {})
        app.config.update(
            API_TITLE=about.NAME,
            API_VERSION=about.VERSION,
            OPENAPI_VERSION="3.1.0",
            API_SPEC_OPTIONS=options,
        )
        plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
        super().__init__(app, spec_kwargs={"marshmallow_plugin": plugin})

    def register_blueprint(self, blp: flask_smorest.Blueprint, **options: Any) -> None:
        self._app.register_blueprint(blp, **options)
        self._blueprints.append(blp)

    @property
    def spec(self) -> Any:
        with self._writing:
            if self._spec is None:
                super()._init_spec(**self._spec_kwargs)
                for blp in self._blueprints:
                    self._describe(blp)
            return self._spec

    @spec.setter
    def spec(self, spec: Any) -> None:
        self._spec = spec

    def _init_spec(self, **_options: Any) -> None:
        """Leave the document to `spec`; the command that writes it is there at once."""
        self._app.cli.add_command(openapi_cli)

    def _describe(self, blp: flask_smorest.Blueprint) -> None:
        blp.register_views_in_doc(self, self._app, self._spec, name=blp.name, parameters=None)
        self._spec.tag({"name": blp.name, "description": blp.description})

    def _register_error_handlers(self) -> None:
        """Leave the errors to `errors.py`, which keeps the headers that they carry."""

    def _register_responses(self) -> None:
        self.spec.components.schema("Problem", schema=ProblemSchema)
        problem = {"$ref": "#/components/schemas/Problem"}  # Resolved once for all of them.
        content = {errors.MEDIA_TYPE: {"schema": problem}}
        responses = {component(status): error for status, error in default_exceptions.items()}
        for name, error in responses.items():
            response = {"description": error().name, "content": content}
            self.spec.components.response(name, response, lazy=True)
        response = {"description": "An error", "content": content}
        self.spec.components.response("DEFAULT_ERROR", response, lazy=True)


def _schema_name(schema: Any) -> str:
    """Name a schema as its class; one that takes a part of the fields ends in `Changes`."""
    return resolver(schema) + ("Changes" if getattr(schema, "partial", False) else "")


def component(status: int) -> str:
    """Return the name under which the document describes an error: 404 is `NOT_FOUND`."""
    return default_exceptions[status]().name.upper().replace(" ", "_").replace("'", "")


@checks.of_settings("S026", "warning")
def openapi_is_private(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    if settings["OPENAPI_URL_PREFIX"] is not None:
        hint = "Leave it out, or silence this if the API is for everybody."
        yield "FLASK_OPENAPI_URL_PREFIX is set: anybody can read what there is to call.", hint
