"""Tokens in cookies, where the settings say so: no script of a page can read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from flask import Flask, Response, abort, after_this_request, current_app, request
from flask_jwt_extended import (
    decode_token,
    set_access_cookies,
    set_refresh_cookies,
    unset_jwt_cookies,
)
from flask_jwt_extended.exceptions import JWTExtendedException, NoAuthorizationError
from jwt.exceptions import PyJWTError

from .. import checks
from ..methods import SAFE
from . import jwt, schemes, sessions
from .models import User
from .origin import refuse_other_sites


def init_app(app: Flask) -> None:
    secure = app.config["SESSION_COOKIE_SECURE"]
    app.config.update(
        JWT_COOKIE_SECURE=secure,
        JWT_COOKIE_SAMESITE=app.config["SESSION_COOKIE_SAMESITE"],
        JWT_ACCESS_COOKIE_NAME="__Host-access" if secure else "access",
        JWT_REFRESH_COOKIE_NAME="__Secure-refresh" if secure else "refresh",
        JWT_REFRESH_COOKIE_PATH="/api/v1/auth/token",
        JWT_ACCESS_CSRF_COOKIE_NAME="__Host-csrf-access" if secure else "csrf-access",
        JWT_REFRESH_CSRF_COOKIE_NAME="__Host-csrf-refresh" if secure else "csrf-refresh",
    )
    if "cookies" in app.config["JWT_TOKEN_LOCATION"]:
        for kind in ("access", "refresh"):
            name = app.config[f"JWT_{kind.upper()}_COOKIE_NAME"]
            scheme = {"type": "apiKey", "in": "cookie", "name": name}
            schemes.add(app, f"{kind}Token", scheme)
    app.before_request(_refuse_other_sites)


def log_in(user: User, user_agent: str) -> dict[str, Any]:
    """Begin a login, and end the one before of these cookies (ASVS 5: V7.2.4)."""
    if _in_cookies():
        _end_the_one_before()
    return put(jwt.log_in(user, user_agent))


def _end_the_one_before() -> None:
    held = request.cookies.get(current_app.config["JWT_REFRESH_COOKIE_NAME"], "")
    with suppress(PyJWTError, JWTExtendedException):
        before = jwt.login_of(decode_token(held))
        if before:
            sessions.end(before.user, before.id)


def put(tokens: dict[str, Any]) -> dict[str, Any]:
    """Return what an answer says of new tokens; they are in its cookies, or else in it."""
    if not _in_cookies():
        return tokens

    @after_this_request
    def set_cookies(response: Response) -> Response:
        seconds = current_app.config["LOGIN_LIFETIME_SECONDS"]
        set_access_cookies(response, tokens["access_token"], max_age=tokens["expires_in"])
        set_refresh_cookies(response, tokens["refresh_token"], max_age=seconds)
        return response

    return {"token_type": "Cookie", "expires_in": tokens["expires_in"]}


def end() -> None:
    """End the login of a token, and take back its cookies."""
    try:
        jwt.end()
    except NoAuthorizationError:  # That for refresh may be the only cookie left.
        jwt.end(only_refresh=True)
    log_out()


def log_out() -> None:
    """Take back the cookies."""
    if _in_cookies():

        @after_this_request
        def unset(response: Response) -> Response:
            unset_jwt_cookies(response)
            return response


def _refuse_other_sites() -> None:
    """Let no page of another site write with the cookies of ours, nor log somebody in."""
    if _in_cookies() and request.method not in SAFE:
        refuse_other_sites()
        if not request.headers.get("X-CSRF-TOKEN", "").isascii():
            abort(403, "No token has such characters.")  # Comparing it would fail.


def _in_cookies() -> bool:
    return "cookies" in current_app.config["JWT_TOKEN_LOCATION"]


@checks.of_settings("S016")
def cookies_stay_here(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    is_kept = settings["SESSION_COOKIE_SAMESITE"] in ("Lax", "Strict")
    if "cookies" in settings["JWT_TOKEN_LOCATION"] and not is_kept:
        message = "FLASK_SESSION_COOKIE_SAMESITE lets other sites send the cookies of tokens."
        yield message, "Set it to Lax, or FLASK_JWT_TOKEN_LOCATION to headers."


@checks.of_the_app("S016")
def forged_writes_are_refused(app: Flask) -> Iterator[tuple[str, str]]:
    if app.config["JWT_COOKIE_CSRF_PROTECT"] is not True:
        yield "JWT_COOKIE_CSRF_PROTECT was changed.", "Leave it to Flask-JWT-Extended."
