"""The rows of users, as the other services need them."""

from __future__ import annotations

from sqlalchemy import select

from ..extensions import db
from .errors import WrongLoginError
from .models import User


def find_user(email_key: str) -> User | None:
    return db.session.scalars(select(User).where(User.email_key == email_key)).one_or_none()


def hold(user: User) -> None:
    """Keep a user as it was when its password was verified, until the next commit.

    While we hashed, somebody may have set another password, or disabled or deleted it:
    `WrongLoginError`.
    """
    same = select(User.id).where(
        User.id == user.id,
        User.password_hash == user.password_hash,
        User.disabled_at.is_(None),
    )
    if db.session.scalar(same.with_for_update()) is None:
        raise WrongLoginError
