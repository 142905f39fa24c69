"""Logins, as rows: begun, found, listed and ended."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ScalarResult, Select, bindparam, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import contains_eager

from ..base import utc_now
from ..database import delete_rows
from ..extensions import db
from . import audit
from .models import User, UserSession
from .users import hold

# How exactly `last_seen_at` is kept: more often would make a write of every read.
SEEN_EVERY = timedelta(minutes=5)


def start(user: User, *, user_agent: str, lifetime: timedelta, **held: Any) -> UserSession:
    """Return a new login. `held` are the hashes of what its client will show.

    `WrongLoginError` if the account changed since the password was verified.
    """
    hold(user)
    now = utc_now()
    login = UserSession(
        user=user,
        user_agent=user_agent[:200],
        created_at=now,
        last_seen_at=now,
        expires_at=now + lifetime,
        **held,
    )
    db.session.add(login)
    db.session.commit()
    return login


def find(idle: timedelta, **wanted: object) -> UserSession | None:
    """Return the login with these values, and its user, if it is neither expired nor idle."""
    return _find(idle, wanted).one_or_none()


def touch(login: UserSession) -> None:
    """Keep when a login was last seen, now and then: the only write that a read may make.

    It is a transaction of its own, and no request fails with it.
    """
    now = utc_now()
    if now - login.last_seen_at < SEEN_EVERY:
        return
    db.session.commit()  # Else the write would wait for what we have read.
    same = (UserSession.id == login.id, UserSession.last_seen_at == login.last_seen_at)
    with suppress(DBAPIError), db.engine.begin() as connection:
        connection.execute(update(UserSession).where(*same).values(last_seen_at=now))


def list_sessions(user: User, idle: timedelta) -> Sequence[UserSession]:
    """Return the newest logins of a user, at most 100."""
    return _find(idle, {"user_id": user.id}).all()


def end(user: User, session_id: UUID) -> bool:
    """End one login of a user; return whether there was one."""
    ended = delete_rows(UserSession, UserSession.user_id == user.id, UserSession.id == session_id)
    db.session.commit()
    if ended:
        audit.log("login ended", user, actor=user, login=session_id)
    return bool(ended)


def end_others(login: UserSession) -> None:
    """End all logins of a user but this one."""
    end_all(login.user, but=login)
    db.session.commit()
    audit.log("other logins ended", login.user, actor=login.user)


def end_all(user: User, *, but: UserSession | None = None) -> None:
    """End the logins of a user as a part of the caller's transaction."""
    others = [UserSession.id != but.id] if but else []
    delete_rows(UserSession, UserSession.user_id == user.id, *others)


def purge() -> None:
    """Delete the logins that have expired."""
    delete_rows(UserSession, UserSession.expires_at <= utc_now())


def _find(idle: timedelta, wanted: Mapping[str, object]) -> ScalarResult[UserSession]:
    now = utc_now()
    given = {"now": now, "used_after": now - idle, **wanted}
    return db.session.scalars(_alive(*wanted), given)


@functools.cache  # Each request that asks for a login would else make it anew.
def _alive(*columns: str) -> Select[UserSession]:
    """Return a statement for the logins with some values, the newest first."""
    return (
        select(UserSession)
        .join(UserSession.user)
        .options(contains_eager(UserSession.user))
        .where(
            *(getattr(UserSession, name) == bindparam(name) for name in columns),
            User.disabled_at.is_(None),
            UserSession.expires_at > bindparam("now"),
            UserSession.last_seen_at > bindparam("used_after"),
        )
        .order_by(UserSession.created_at.desc(), UserSession.id)
        .limit(100)
    )
