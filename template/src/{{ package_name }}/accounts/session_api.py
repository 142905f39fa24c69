"""Logging in and out by cookie."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from marshmallow import Schema, fields

from . import cookies, limits, sessions
from .api import LoginSchema, attempt, user_agent
from .blueprint import Blueprint
from .guard import actor, current_login, log_out
from .origin import refuse_other_sites

session_bp = Blueprint("sessions", __name__, description="Logins by cookie")


class CsrfSchema(Schema):
    csrf_token = fields.String(required=True)


@session_bp.route("/session")
class Session(MethodView):
    @limits.by_client("login")
    @session_bp.public
    @session_bp.arguments(LoginSchema)
    @session_bp.response(204)
    @session_bp.alt_response(401, "UNAUTHORIZED")
    @session_bp.alt_response(403, "FORBIDDEN")
    def post(self, credentials: dict[str, Any]) -> None:
        """Log in; the answer sets the cookie"""
        refuse_other_sites()
        cookies.log_in(attempt(credentials), user_agent())

    @session_bp.response(204)
    def delete(self) -> None:
        """Log out"""
        sessions.end(actor(), current_login().id)
        log_out()


@session_bp.route("/csrf")
class Csrf(MethodView):
    @session_bp.response(200, CsrfSchema)
    def get(self) -> dict[str, str]:
        """Get the token that each write with this cookie sends as `X-CSRF-Token`"""
        return {"csrf_token": cookies.csrf_token()}
