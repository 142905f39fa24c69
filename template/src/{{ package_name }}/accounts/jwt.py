"""Logins by token: short access tokens, and refresh tokens that take turns (RFC 9700).

A token names its login (`sid`), which is a row (`sessions.py`): each request looks it up, so a
login that has ended is over at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from flask import Flask, current_app, g
from flask.typing import ResponseReturnValue
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    get_jwt,
    verify_jwt_in_request,
)
from flask_jwt_extended.exceptions import JWTExtendedException, NoAuthorizationError
from jwt.exceptions import InvalidKeyError, PyJWTError
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from .. import checks, errors, security
from . import refresh, schemes, sessions
from .lifetimes import idle, lifetime
from .models import User, UserSession
from .secret import hash_of

ALGORITHM = "HS256"
REQUIRED = ("exp", "iat", "jti", "iss", "aud", "sub", "sid")
LEEWAY_SECONDS = 10


class Tokens(JWTManager):
    """Flask-JWT-Extended with our errors: each of its own is a 401."""

    def _set_error_handler_callbacks(self, app: Flask) -> None:
        app.register_error_handler(JWTExtendedException, _unauthorized)
        app.register_error_handler(PyJWTError, _unauthorized)


tokens = Tokens()


def init_app(app: Flask) -> None:
    settings = app.config
    settings.update(
        JWT_ALGORITHM=ALGORITHM,
        JWT_DECODE_ALGORITHMS=[ALGORITHM],
        JWT_ENCODE_ISSUER=settings["JWT_ISSUER"],
        JWT_DECODE_ISSUER=settings["JWT_ISSUER"],
        JWT_ENCODE_AUDIENCE=settings["JWT_AUDIENCE"],
        JWT_DECODE_AUDIENCE=settings["JWT_AUDIENCE"],
        JWT_DECODE_LEEWAY=LEEWAY_SECONDS,
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(seconds=settings["JWT_ACCESS_TOKEN_SECONDS"]),
    )
    tokens.init_app(app)
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    schemes.add(app, "accessToken", bearer)
    schemes.add(app, "refreshToken", bearer)
    schemes.let_in(app, {"accessToken": []}, challenge=WWWAuthenticate("bearer"))


def authenticate() -> UserSession:
    """Return the login of the access token; 401 without one."""
    return _verified()


def log_in(user: User, user_agent: str) -> dict[str, Any]:
    """Begin a login; return its first two tokens."""
    jti = str(uuid4())
    held = {"refresh_hash": hash_of(jti)}
    login = sessions.start(user, user_agent=user_agent, lifetime=lifetime(), **held)
    return _pair(login, jti)


def take_turn() -> dict[str, Any]:
    """Return the next two tokens for a refresh token, which is worth nothing after it."""
    login, jti = _verified(refresh=True), str(uuid4())
    refresh.turn(login, get_jwt()["jti"], jti)
    return _pair(login, jti)


def end(*, only_refresh: bool = False) -> None:
    """End the login of a token, be it for access or for refresh."""
    login = _verified(refresh=only_refresh, verify_type=only_refresh)
    sessions.end(login.user, login.id)


@tokens.token_in_blocklist_loader
def has_ended(_header: Mapping[str, Any], claims: Mapping[str, Any]) -> bool:
    """Return whether a token is not, or no longer, one of a login. Keeps the login."""
    g.login_of_token = login_of(claims)
    return g.login_of_token is None


def login_of(claims: Mapping[str, Any]) -> UserSession | None:
    """Return the login that a token is one of, if it has all that it needs and lasts."""
    if not all(claims.get(name) for name in REQUIRED):
        return None
    sid, user_id = _uuid(claims["sid"]), _uuid(claims["sub"])
    return sessions.find(idle(), id=sid, user_id=user_id)


@tokens.encode_key_loader
def current_key(_identity: object) -> str:
    key: str = current_app.config["JWT_SECRET_KEY"]
    return key


@tokens.additional_headers_loader
def key_id_header(identity: object) -> dict[str, str]:
    return {"kid": key_id(current_key(identity))}


@tokens.decode_key_loader
def key_of(header: Mapping[str, Any], _claims: object) -> str:
    """Return the key that a token names: the current one, or one that is being phased out."""
    keys: list[str] = [current_key(None), *current_app.config["JWT_SECRET_KEY_FALLBACKS"]]
    for key in keys:
        if key_id(key) == header.get("kid"):
            return key
    raise InvalidKeyError("No key of ours has this id.")


def key_id(key: str) -> str:
    """Return the name of a key. It tells nothing of a key that cannot be guessed (S016)."""
    return hashlib.sha256(b"key id of " + key.encode()).hexdigest()[:16]


def _verified(*, refresh: bool = False, verify_type: bool = True) -> UserSession:
    verify_jwt_in_request(refresh=refresh, verify_type=verify_type)
    login: UserSession = g.login_of_token
    return login


def _pair(login: UserSession, jti: str) -> dict[str, Any]:
    sid = {"sid": str(login.id)}
    user_id = str(login.user_id)
    for_refresh = {**sid, "jti": jti, "exp": login.expires_at}
    return {
        "access_token": create_access_token(user_id, additional_claims=sid),
        "refresh_token": create_refresh_token(user_id, additional_claims=for_refresh),
        "token_type": "Bearer",
        "expires_in": current_app.config["JWT_ACCESS_TOKEN_SECONDS"],
    }


def _uuid(text: object) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None


def _unauthorized(error: Exception) -> ResponseReturnValue:
    """Answer 401, and say no more of a token than that it is wrong (RFC 6750, 3)."""
    missing = isinstance(error, NoAuthorizationError)
    challenge = WWWAuthenticate("bearer", {} if missing else {"error": "invalid_token"})
    told = "Send an access token." if missing else "The token is not valid, or no longer."
    return errors.problem(Unauthorized(told, www_authenticate=challenge))


@checks.of_settings("S016")
def token_settings(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    hint = "Make one: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
    key, fallbacks = settings["JWT_SECRET_KEY"], settings["JWT_SECRET_KEY_FALLBACKS"]
    of_cookies = (settings["SECRET_KEY"], *settings["SECRET_KEY_FALLBACKS"])
    if not key:
        yield "FLASK_JWT_SECRET_KEY is not set.", hint
    elif security.can_be_guessed(key):
        yield "FLASK_JWT_SECRET_KEY can be guessed: it is a sample, short, or a pattern.", hint
    elif key in of_cookies:
        yield "FLASK_JWT_SECRET_KEY signs cookies, too.", hint
    others = {key, *of_cookies}
    if any(old in others or security.can_be_guessed(old) for old in fallbacks):
        hint = "Keep in it what was FLASK_JWT_SECRET_KEY, or will be, and nothing else."
        yield "FLASK_JWT_SECRET_KEY_FALLBACKS has a key in use, or one that can be guessed.", hint
    if not 60 <= settings["JWT_ACCESS_TOKEN_SECONDS"] <= 3600:
        yield "FLASK_JWT_ACCESS_TOKEN_SECONDS is too many or too few.", "Set it to 900."
    for name in ("JWT_ISSUER", "JWT_AUDIENCE"):
        if not settings[name]:
            yield f"FLASK_{name} is empty.", "Name this service: no token of another is taken."


@checks.of_the_app("S016")
def tokens_are_read_strictly(app: Flask) -> Iterator[tuple[str, str]]:
    strict = {
        "JWT_ALGORITHM": ALGORITHM,
        "JWT_DECODE_ALGORITHMS": [ALGORITHM],
        "JWT_DECODE_ISSUER": app.config["JWT_ISSUER"],
        "JWT_DECODE_AUDIENCE": app.config["JWT_AUDIENCE"],
    }
    for name, value in strict.items():
        if app.config[name] != value:
            yield f"{name} was changed.", "Restore it in accounts/jwt.py."
    if tokens._token_in_blocklist_callback is not has_ended:
        yield "A login that has ended is not over.", "Restore it in accounts/jwt.py."
