"""Mailed tokens: random, hashed at rest, of one purpose, used once, and soon too old."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from ..base import utc_now
from ..database import delete_rows
from ..extensions import db
from .addresses import Address
from .errors import MailedTokenError
from .models import MailedToken, Purpose, User
from .secret import hash_of, new_secret

LIFETIMES = {
    Purpose.REGISTER: timedelta(days=1),
    Purpose.RESET: timedelta(minutes=30),
    Purpose.EMAIL: timedelta(hours=4),
}


def make(purpose: Purpose, address: Address, user: User | None) -> str:
    """Return a new token for whoever reads `address`."""
    token = new_secret()
    db.session.add(
        MailedToken(
            purpose=purpose,
            token_hash=hash_of(token),
            email=address.email,
            email_key=address.key,
            user_id=user.id if user else None,
            expires_at=utc_now() + LIFETIMES[purpose],
        )
    )
    return token


def check(purpose: Purpose, token: str) -> None:
    """Go on if a token is good now, so that we hash for nobody else; hold no lock meanwhile."""
    _find(purpose, token)
    db.session.commit()


def use(purpose: Purpose, token: str) -> MailedToken:
    """Use a token up, or raise `MailedTokenError`. Of many that try at once, one succeeds."""
    found = _find(purpose, token)
    # Who uses one token of an address holds them all, in one order: two would else wait
    # for each other, as each makes the token of the other worthless.
    same = (MailedToken.email_key == found.email_key, MailedToken.purpose == purpose)
    held = select(MailedToken.token_hash).where(*same).order_by(MailedToken.id).with_for_update()
    if found.token_hash not in db.session.scalars(held).all():
        raise MailedTokenError
    delete_rows(MailedToken, MailedToken.id == found.id)
    db.session.expunge(found)  # Its row is gone.
    return found


def forget_registrations(email_key: str) -> None:
    """Make the other tokens worthless that would make an account of this address."""
    same = (MailedToken.email_key == email_key, MailedToken.purpose == Purpose.REGISTER)
    delete_rows(MailedToken, *same)


def forget_all_of(user: User) -> None:
    """Make all tokens of an account worthless: who asked for them may not be its owner."""
    delete_rows(MailedToken, MailedToken.user_id == user.id)


def purge() -> None:
    """Delete the tokens that have expired."""
    delete_rows(MailedToken, MailedToken.expires_at <= utc_now())


def _find(purpose: Purpose, token: str) -> MailedToken:
    wanted = select(MailedToken).where(
        MailedToken.token_hash == hash_of(token),
        MailedToken.purpose == purpose,
        MailedToken.expires_at > utc_now(),
    )
    found = db.session.scalars(wanted).one_or_none()
    if found is None:
        raise MailedTokenError
    return found
