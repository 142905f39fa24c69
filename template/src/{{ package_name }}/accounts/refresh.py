"""Refresh tokens take turns (RFC 9700, 4.14.2): a used one that comes back ends its login."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from ..base import utc_now
from ..database import delete_rows, update_rows
from ..extensions import db
from . import audit
from .errors import AccountError
from .models import UserSession
from .secret import hash_of

# For this long the token before is no theft, but a client that asked twice.
GRACE = timedelta(seconds=10)


class SupersededError(AccountError):
    """Another request with the same token was first; its answer has the new one."""

    status, code = 409, "refresh-superseded"
    message = "This token was used a moment ago. Use the one that came back."


class ReusedError(AccountError):
    """A token that was used before: somebody has a copy, so all of its login is over."""

    status, code = 401, "refresh-reused"
    message = "This token was used before. Log in again."


def turn(login: UserSession, jti: str, next_jti: str) -> None:
    """Put `next_jti` in the place of `jti`. Of many that try at once, one succeeds."""
    used, now = hash_of(jti), utc_now()
    turned = update_rows(
        UserSession,
        UserSession.id == login.id,
        UserSession.refresh_hash == used,
        refresh_hash=hash_of(next_jti),
        previous_hash=used,
        refreshed_at=now,
        last_seen_at=now,
    )
    db.session.commit()
    if not turned:
        _refuse(login, used)


def _refuse(login: UserSession, used: str) -> None:
    now = utc_now()
    superseded = select(UserSession.id).where(
        UserSession.id == login.id,
        UserSession.previous_hash == used,
        UserSession.refreshed_at > now - GRACE,
    )
    if db.session.scalar(superseded) is not None:
        raise SupersededError
    ended = delete_rows(UserSession, UserSession.id == login.id)
    db.session.commit()
    if ended:  # Else a logout was first.
        audit.log("refresh token reused", login.user, login=login.id)
    raise ReusedError
