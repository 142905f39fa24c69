"""The notes over HTTP: validate, call the service, answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import abort, url_for
from flask.views import MethodView
from marshmallow import Schema, fields, validate

from ..api import Blueprint
from ..api.conditional import IF_MATCH, etag, not_modified, require_match
from ..api.fields import LINE, TEXT
from ..api.pagination import PageQuery, page, time
from . import service
from .models import Note

bp = Blueprint("notes", __name__, description="Notes, the example")
bp.after_request(not_modified)


class NoteSchema(Schema):
    id = fields.UUID(dump_only=True, required=True)
    title = fields.String(required=True, validate=[LINE, validate.Length(1, 200)])
    body = fields.String(validate=[TEXT, validate.Length(max=10_000)])
    created_at = fields.AwareDateTime(dump_only=True, required=True)
    updated_at = fields.AwareDateTime(dump_only=True, required=True)


class NotePageSchema(Schema):
    items = fields.List(fields.Nested(NoteSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class NoteQuery(PageQuery):
    PARSERS = {"created_at": time, "title": str}

    sort = fields.String(load_default="-created_at", validate=validate.OneOf(service.SORTS))


@bp.route("")
class Notes(MethodView):
    @bp.arguments(NoteQuery, location="query")
    @bp.response(200, NotePageSchema)
    def get(self, query: dict[str, Any]) -> Any:
        """List notes, a page at a time"""
        rows = service.list_notes(**{**query, "limit": query["limit"] + 1})
        return page(rows, query)

    @bp.arguments(NoteSchema)
    @bp.response(201, NoteSchema)
    def post(self, note_data: dict[str, str]) -> Any:
        """Create a note"""
        note = service.create_note(**note_data)
        location = url_for("notes.NoteById", note_id=note.id)
        return note, {**etag(note.version), "Location": location}


@bp.route("/<uuid:note_id>")
class NoteById(MethodView):
    @bp.response(200, NoteSchema)
    @bp.alt_response(404, "NOT_FOUND")
    def get(self, note_id: UUID) -> Any:
        """Read a note"""
        note = find(note_id)
        return note, etag(note.version)

    @bp.arguments(NoteSchema(partial=True))
    @bp.doc(parameters=[{**IF_MATCH, "required": True}])
    @bp.response(200, NoteSchema)
    @bp.alt_response(404, "NOT_FOUND")
    @bp.alt_response(412, "PRECONDITION_FAILED")
    @bp.alt_response(428, "PRECONDITION_REQUIRED")
    def patch(self, changes: dict[str, str], note_id: UUID) -> Any:
        """Change a note that you have read"""
        note = find(note_id)
        require_match(note.version)
        note = service.change_note(note, changes)
        return note, etag(note.version)

    @bp.doc(parameters=[IF_MATCH])
    @bp.response(204)
    @bp.alt_response(404, "NOT_FOUND")
    @bp.alt_response(412, "PRECONDITION_FAILED")
    def delete(self, note_id: UUID) -> None:
        """Delete a note"""
        note = find(note_id)
        require_match(note.version, required=False)
        service.delete_note(note)


def find(note_id: UUID) -> Note:
    """Return the note, or answer 404."""
    return service.find_note(note_id) or abort(404, "There is no such note.")
