"""Accounts over HTTP, but for logging in: validate, call the service, answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Flask, abort, request
from flask.typing import ResponseReturnValue
from flask.views import MethodView
from marshmallow import Schema, fields

from .. import errors
from ..api.fields import Id, Time
from ..clients import client
from . import limits, schemes, service, sessions
from .blueprint import Blueprint
from .errors import AccountError, LockedError
from .fields import Email, NewPassword, Password
from .guard import actor, current_login, log_out
from .lifetimes import idle
from .models import User
from .passwords import WeakPasswordError

bp = Blueprint("accounts", __name__, description="Accounts and logins")


class LoginSchema(Schema):
    email = Email(required=True)
    password = Password(required=True)


class AddressSchema(Schema):
    email = Email(required=True)


class TokenSchema(Schema):
    token = fields.String(
        required=True, metadata={"examples": ["the-text-behind-the-hash-of-a-mailed-link"]}
    )


class NewPasswordSchema(TokenSchema):
    password = NewPassword(required=True)


class PasswordChangeSchema(Schema):
    current_password = Password(required=True)
    new_password = NewPassword(required=True)


class AddressChangeSchema(AddressSchema):
    current_password = Password(required=True)


class DeletionSchema(Schema):
    current_password = Password(required=True)


class UserSchema(Schema):
    id = Id(required=True)
    email = fields.String(required=True)
    role = fields.String(required=True)
    created_at = Time(required=True)


class SessionSchema(Schema):
    id = Id(required=True)
    user_agent = fields.String(required=True, metadata={"description": "Of its first request"})
    created_at = Time(required=True)
    last_seen_at = Time(required=True, metadata={"description": "To 5 minutes"})
    expires_at = Time(required=True)
    is_current = fields.Function(
        lambda login: login.id == current_login().id, required=True, metadata={"type": "boolean"}
    )


def init_app(app: Flask) -> None:
    app.register_error_handler(AccountError, refused)
    app.register_error_handler(WeakPasswordError, weak)


@bp.route("/register")
class Registration(MethodView):
    @limits.by_client("login")
    @bp.public
    @bp.arguments(AddressSchema)
    @bp.response(202)
    def post(self, data: dict[str, Any]) -> None:
        """Ask for an account; the address gets a mail"""
        limits.by_account(data["email"].key)
        service.register(data["email"])


@bp.route("/confirm")
class Confirmation(MethodView):
    @limits.by_client("login")
    @bp.public
    @bp.arguments(NewPasswordSchema)
    @bp.response(204)
    @bp.alt_response(400, "BAD_REQUEST")
    def post(self, data: dict[str, str]) -> None:
        """Make the account, with the mailed token and a password"""
        service.confirm(data["token"], data["password"])


@bp.route("/password/forgot")
class ForgottenPassword(MethodView):
    @limits.by_client("login")
    @bp.public
    @bp.arguments(AddressSchema)
    @bp.response(202)
    def post(self, data: dict[str, Any]) -> None:
        """Ask for a new password; the address gets a mail if it has an account"""
        limits.by_account(data["email"].key)
        service.forgot(data["email"])


@bp.route("/password/reset")
class PasswordReset(MethodView):
    @limits.by_client("login")
    @bp.public
    @bp.arguments(NewPasswordSchema)
    @bp.response(204)
    @bp.alt_response(400, "BAD_REQUEST")
    def post(self, data: dict[str, str]) -> None:
        """Set a new password with the mailed token; all logins end"""
        service.reset(data["token"], data["password"], network=client())


@bp.route("/password")
class PasswordChange(MethodView):
    @bp.arguments(PasswordChangeSchema)
    @bp.response(204)
    def post(self, data: dict[str, str]) -> None:
        """Change the password; all other logins end"""
        current, new = data["current_password"], data["new_password"]
        service.change_password(current_login(), current, new, network=client())


@bp.route("/email")
class AddressChange(MethodView):
    @bp.arguments(AddressChangeSchema)
    @bp.response(202)
    def post(self, data: dict[str, Any]) -> None:
        """Ask for another address; it gets a mail"""
        limits.by_account(actor().email_key)
        limits.by_account(data["email"].key)
        password = data["current_password"]
        service.change_email(actor(), data["email"], password, network=client())


@bp.route("/email/confirm")
class AddressConfirmation(MethodView):
    @limits.by_client("login")
    @bp.public
    @bp.arguments(TokenSchema)
    @bp.response(204)
    @bp.alt_response(400, "BAD_REQUEST")
    def post(self, data: dict[str, str]) -> None:
        """Change the address, with the mailed token"""
        service.confirm_email(data["token"])


@bp.route("/me")
class Me(MethodView):
    @bp.response(200, UserSchema)
    def get(self) -> User:
        """Read your account"""
        return actor()


@bp.route("/me/deletion")
class Deletion(MethodView):
    @bp.arguments(DeletionSchema)
    @bp.response(204)
    def post(self, data: dict[str, str]) -> None:
        """Delete your account, with all that belongs to it"""
        service.delete_account(actor(), data["current_password"], network=client())
        log_out()


@bp.route("/sessions")
class Sessions(MethodView):
    @bp.response(200, SessionSchema(many=True))
    def get(self) -> Any:
        """List your newest logins"""
        return sessions.list_sessions(actor(), idle())

    @bp.response(204)
    def delete(self) -> None:
        """End all your logins but this one"""
        sessions.end_others(current_login())


@bp.route("/sessions/<uuid:session_id>")
class SessionById(MethodView):
    @bp.response(204)
    @bp.alt_response(404, "NOT_FOUND")
    def delete(self, session_id: UUID) -> None:
        """End one of your logins"""
        if not sessions.end(actor(), session_id):
            abort(404, "You have no such login.")


def attempt(credentials: dict[str, Any]) -> User:
    """Return who logs in with these, or raise what the service does."""
    return service.log_in(credentials["email"], credentials["password"], network=client())


def user_agent() -> str:
    """Return what the client of this request calls itself."""
    return request.user_agent.string or "unknown"


def refused(error: AccountError) -> ResponseReturnValue:
    """Answer with what a service refused."""
    headers: dict[str, Any] = {}
    if error.status == 401:
        headers["WWW-Authenticate"] = [one.to_header() for one in schemes.challenges()]
    if isinstance(error, LockedError):
        headers["Retry-After"] = error.retry_after
    told = errors.ProblemError(error.status, error.message, code=error.code, headers=headers)
    return errors.problem(told)


def weak(error: WeakPasswordError) -> ResponseReturnValue:
    """Answer with what is wrong with a new password."""
    return errors.problem(errors.ProblemError(422, errors={error.field: [str(error)]}))
