"""Failed logins, counted in the database: guessing gets slow, and nobody is locked out for long.

Two counts stand for each address, whether it has an account or not: one for the network that
somebody tries from, one for all networks together. A network that has logged in before is not
held up by the second, so strangers cannot keep an owner out (ASVS 5: V6.1.1, V6.3.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import case, or_, select
from sqlalchemy.exc import IntegrityError

from ..base import utc_now
from ..database import delete_rows, update_rows
from ..extensions import db
from .errors import LockedError
from .models import LoginAttempts
from .secret import keyed_hash


@dataclass(frozen=True, slots=True)
class Rule:
    """So many attempts are free; then each locks for twice as long, up to the longest."""

    free: int
    longest: timedelta

    def lock(self, failures: int) -> timedelta | None:
        over = failures - self.free
        return min(_FIRST * 2 ** min(over - 1, 20), self.longest) if over > 0 else None


OF_A_NETWORK = Rule(5, timedelta(hours=1))
OF_A_KNOWN_NETWORK = Rule(5, timedelta(minutes=15))  # There its owner may sit, too.
OF_AN_ACCOUNT = Rule(50, timedelta(minutes=15))
_FIRST = timedelta(seconds=30)
_FORGOTTEN_AFTER = timedelta(days=1)
KNOWN_FOR = timedelta(days=90)


def begin(email_key: str, network: str) -> None:
    """Count an attempt before it is made, so that a hundred at once are a hundred.

    `LockedError` without counting, while one of the counts is locked.
    """
    near, far = _keys(email_key, network)
    is_known = _is_known(near)
    rules = {near: OF_A_KNOWN_NETWORK} if is_known else {near: OF_A_NETWORK, far: OF_AN_ACCOUNT}
    for key in rules:
        _make(key)
    for key, rule in rules.items():
        _count(key, rule)
    db.session.commit()


def succeeded(email_key: str, network: str) -> None:
    """Take back what `begin` counted, and remember the network."""
    near, far = _keys(email_key, network)
    was_known = _is_known(near)
    # In the order of `begin`: two logins at once must not wait for each other.
    _set(near, failures=0, locked_until=None, succeeded_at=utc_now())
    if not was_known:
        fewer = case((LoginAttempts.failures > 0, LoginAttempts.failures - 1), else_=0)
        _set(far, failures=fewer, locked_until=None)


def forgive(email_key: str, network: str) -> None:
    """Forget the failures of an address: its owner reads its mails."""
    near, far = _keys(email_key, network)
    _set(near, failures=0, locked_until=None)
    _set(far, failures=0, locked_until=None)


def purge() -> None:
    """Delete the counts that mean nothing any more."""
    old = utc_now() - KNOWN_FOR
    delete_rows(
        LoginAttempts,
        LoginAttempts.failed_at < old,
        or_(LoginAttempts.succeeded_at.is_(None), LoginAttempts.succeeded_at < old),
    )


def _keys(email_key: str, network: str) -> tuple[str, str]:
    return keyed_hash(f"{email_key}\n{network}"), keyed_hash(email_key)


def _count(key: str, rule: Rule) -> None:
    now = utc_now()
    if not _add_one(key, now):
        raise LockedError(_seconds_left(key, now))
    failures = db.session.scalars(select(LoginAttempts.failures).where(LoginAttempts.key == key))
    if lock := rule.lock(failures.one()):
        _set(key, locked_until=now + lock)


def _add_one(key: str, now: datetime) -> bool:
    """Add an attempt, unless it is locked."""
    forgotten = LoginAttempts.failed_at < now - _FORGOTTEN_AFTER
    added = update_rows(
        LoginAttempts,
        LoginAttempts.key == key,
        or_(LoginAttempts.locked_until.is_(None), LoginAttempts.locked_until <= now),
        failures=case((forgotten, 1), else_=LoginAttempts.failures + 1),
        failed_at=now,
    )
    return added == 1


def _make(key: str) -> None:
    """Make the count, in a transaction of its own: who comes second would else keep a lock."""
    if db.session.scalar(select(LoginAttempts.key).where(LoginAttempts.key == key)) is None:
        db.session.add(LoginAttempts(key=key))
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()  # Somebody else was first.


def _set(key: str, **values: object) -> None:
    update_rows(LoginAttempts, LoginAttempts.key == key, **values)


def _is_known(key: str) -> bool:
    known = select(LoginAttempts.key).where(
        LoginAttempts.key == key, LoginAttempts.succeeded_at > utc_now() - KNOWN_FOR
    )
    return db.session.scalar(known) is not None


def _seconds_left(key: str, now: datetime) -> int:
    until = db.session.scalar(select(LoginAttempts.locked_until).where(LoginAttempts.key == key))
    return max(ceil((until - now).total_seconds()), 1) if until else 1
