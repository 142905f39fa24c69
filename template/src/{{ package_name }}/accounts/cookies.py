"""Logins by cookie. It holds a random token; the login itself is a row (`sessions.py`)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta

from flask import Flask, abort, g, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user
from flask_wtf.csrf import generate_csrf, validate_csrf
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized
from wtforms import ValidationError

from .. import checks, security
from ..config import Config
from ..methods import SAFE
from . import schemes, sessions
from .lifetimes import idle, lifetime
from .models import User, UserSession
from .origin import refuse_other_sites
from .secret import hash_of, new_secret


class Logins(LoginManager):
    """Flask-Login without its cookie to remember somebody by: a login is a long one already."""

    def _load_user_from_remember_cookie(self, cookie: str) -> None:
        return None


login_manager = Logins()
login_manager.session_protection = None  # An address that changes is no thief.


class Caller(UserMixin):
    """What Flask-Login knows of a login."""

    def __init__(self, login: UserSession, token: str) -> None:
        self.login = login
        self.token = token

    def get_id(self) -> str:
        return self.token


def init_app(app: Flask) -> None:
    app.config.update(
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=app.config["LOGIN_LIFETIME_SECONDS"]),
        SESSION_REFRESH_EACH_REQUEST=False,
        WTF_CSRF_TIME_LIMIT=None,  # It is as old as the login.
    )
    # As it is called in production: in development, too, the document is the same.
    cookie = Config.SESSION_COOKIE_NAME
    schemes.add(app, "cookie", {"type": "apiKey", "in": "cookie", "name": cookie})
    schemes.add(app, "csrfToken", {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"})
    schemes.let_in(
        app,
        {"cookie": []},
        writes={"cookie": [], "csrfToken": []},
        challenge=WWWAuthenticate("cookie", {"cookie-name": app.config["SESSION_COOKIE_NAME"]}),
    )
    # Not by init_app: that looks into the session after each request, for a cookie to
    # remember somebody by. Nobody is: a login is a long one from the start.
    app.login_manager = login_manager  # type: ignore[attr-defined]


@login_manager.user_loader
def find(token: str) -> Caller | None:
    """Return the login that holds this token, as long as it lasts."""
    login = sessions.find(idle(), token_hash=hash_of(token))
    return Caller(login, token) if login else None


def authenticate() -> UserSession:
    """Return the login of the cookie. 401 without one, 403 for a write that a page forged."""
    if not current_user.is_authenticated:
        raise Unauthorized("Log in first.", www_authenticate=schemes.challenges())
    if request.method not in SAFE:
        refuse_other_sites()
        try:
            validate_csrf(request.headers.get("X-CSRF-Token"))
        except ValidationError:
            abort(403, "Send X-CSRF-Token, with what GET auth/csrf has answered.")
    login: UserSession = current_user.login
    return login


def log_in(user: User, user_agent: str) -> None:
    """Begin a login, and end the one before with all of its session (ASVS 5: V7.2.4)."""
    if current_user.is_authenticated:
        sessions.end(current_user.login.user, current_user.login.id)
    token = new_secret()
    held = {"token_hash": hash_of(token)}
    login = sessions.start(user, user_agent=user_agent, lifetime=lifetime(), **held)
    session.clear()
    session.permanent = True
    login_user(Caller(login, token))
    del session["_id"]  # Of address and browser, which nobody compares.


def log_out() -> None:
    """Forget the session: cookie and what stood in it."""
    session.clear()


def csrf_token() -> str:
    """Return what a page sends back in `X-CSRF-Token`; it is bound to the session."""
    token: str = generate_csrf()
    return token


@checks.of_settings("S006", "warning")
def name_of_the_cookie(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    if not settings["SESSION_COOKIE_NAME"].startswith("__Host-"):
        hint = "Leave it out: __Host-session is the default."
        yield "FLASK_SESSION_COOKIE_NAME does not tie the cookie to this host.", hint
    for name, of_a_host in (("DOMAIN", (None, False)), ("PATH", (None, "/"))):
        if settings.get(f"SESSION_COOKIE_{name}") not in of_a_host:
            hint = "Leave it out: with the name __Host-... browsers drop the cookie."
            yield f"FLASK_SESSION_COOKIE_{name} is set.", hint


@checks.of_the_app("S010")
def cookie_is_opaque(app: Flask) -> Iterator[tuple[str, str]]:
    manager = getattr(app, "login_manager", None)
    if manager is not login_manager or manager._user_callback is not find:
        yield "The cookie is read by something else.", "Restore it in accounts/cookies.py."


@checks.of_the_app("S011")
def forged_writes_are_refused(app: Flask) -> Iterator[tuple[str, str]]:
    # A client that nobody is (RFC 3849): the limits of all others stay as they are.
    nobody = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"
    answer = app.test_client().post(
        "/api/v1/auth/session",
        environ_base={"REMOTE_ADDR": nobody},
        base_url=security.own_url(app),
        headers={"Origin": "https://evil.example"},
        json={"email": "nobody@example.com", "password": "-"},
    )
    if answer.status_code != 403:
        yield "A page of another site may log somebody in.", "Restore accounts/origin.py."


@checks.of_the_app("S011")
def writes_need_their_token(app: Flask) -> Iterator[tuple[str, str]]:
    with app.test_request_context(method="POST"):
        g._login_user = Caller(UserSession(), "-")
        try:
            authenticate()
        except Forbidden:
            return
    yield "A write needs no token of its session.", "Restore it in accounts/cookies.py."
