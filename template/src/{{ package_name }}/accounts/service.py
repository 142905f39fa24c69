"""What can be done with an account. Knows no Flask; each function is a transaction.

Whether an address has an account is told to nobody but to whoever reads it: known and unknown
addresses get the same answers, for the same statements and the same hashing (ASVS 5: V6.3.8).
"""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError

from ..base import utc_now
from ..extensions import db
from . import attempts, audit, mailed, mails, passwords, sessions
from .addresses import Address
from .errors import (
    AddressTakenError,
    LockedError,
    MailedTokenError,
    WrongLoginError,
    WrongPasswordError,
)
from .models import MailedToken, Purpose, Role, User, UserSession
from .users import find_user, hold


def register(address: Address) -> None:
    """Mail a token that makes an account of the address; its owner hears if there is one."""
    user = find_user(address.key)
    token = mailed.make(Purpose.REGISTER, address, user)
    db.session.commit()
    audit.log("registration asked for", user or address.key)
    if user is None:
        mails.send_registration(address.email, token)
    else:
        mails.send_already_registered(user.email)


def confirm(token: str, password: str) -> None:
    """Make the account. Of many that try at once, for one token or one address, one succeeds."""
    passwords.check(password)
    mailed.check(Purpose.REGISTER, token)
    password_hash = passwords.hash(password)
    used = mailed.use(Purpose.REGISTER, token)
    passwords.check(password, used.email)
    user = add_user(used.email, used.email_key, password_hash)
    mailed.forget_registrations(used.email_key)
    db.session.commit()
    audit.log("registered", user, actor=user)


def log_in(address: Address, password: str, *, network: str) -> User:
    """Return the user. `WrongLoginError`, or `LockedError` after too many of these."""
    user = _attempt(find_user(address.key), address.key, password, network)
    if user is None:
        audit.log("login failed", address.key, network=network)
        raise WrongLoginError
    is_old = passwords.needs_rehash(user.password_hash)
    kept = passwords.hash(password) if is_old else user.password_hash
    hold(user)
    user.password_hash = kept
    attempts.succeeded(address.key, network)
    db.session.commit()
    audit.log("logged in", user, actor=user, network=network)
    return user


def forgot(address: Address) -> None:
    """Mail a token that sets a new password, if the address has an account."""
    user = find_user(address.key)
    token = mailed.make(Purpose.RESET, address, user)
    db.session.commit()
    audit.log("reset asked for", user or address.key)
    if user is not None and user.disabled_at is None:
        mails.send_reset(user.email, token)


def reset(token: str, password: str, *, network: str) -> None:
    """Set a new password; all logins end."""
    passwords.check(password)
    mailed.check(Purpose.RESET, token)
    password_hash = passwords.hash(password)
    used = mailed.use(Purpose.RESET, token)
    user = _owner(used)
    passwords.check(password, user.email)
    user.password_hash = password_hash
    sessions.end_all(user)
    mailed.forget_all_of(user)
    attempts.forgive(user.email_key, network)
    with mails.password_changed(user.email):
        db.session.commit()
        audit.log("password reset", user, actor=user)


def change_password(login: UserSession, current: str, new: str, *, network: str) -> None:
    """Set a new password; all other logins end."""
    user = login.user
    passwords.check(new, user.email, field="new_password")
    password_hash = passwords.hash(new)
    check_password(user, current, network=network)
    user.password_hash = password_hash
    sessions.end_all(user, but=login)
    mailed.forget_all_of(user)
    with mails.password_changed(user.email):
        db.session.commit()
        audit.log("password changed", user, actor=user)


def change_email(user: User, address: Address) -> None:
    """Mail a token to the new address; whoever uses it proves that it is theirs."""
    taken = find_user(address.key)
    token = mailed.make(Purpose.EMAIL, address, user)
    db.session.commit()
    audit.log("change of address asked for", user, actor=user)
    if taken is None or taken.id == user.id:
        mails.send_confirm_email(address.email, token)
    else:
        mails.send_already_registered(taken.email)


def confirm_email(token: str) -> None:
    """Put the proven address in the place of the old one, and tell the old one."""
    used = mailed.use(Purpose.EMAIL, token)
    user = _owner(used)
    before = user.email
    user.email, user.email_key = used.email, used.email_key
    _flush()
    mailed.forget_all_of(user)
    with mails.email_changed(before):
        db.session.commit()
        audit.log("address changed", user, actor=user)


def check_password(user: User, password: str, *, network: str) -> None:
    """Go on if it is the user's own password: a login alone changes no account.

    The user stays as it is until the next commit.
    """
    if _attempt(user, user.email_key, password, network) is None:
        audit.log("password not confirmed", user, actor=user, network=network)
        raise WrongPasswordError
    attempts.succeeded(user.email_key, network)
    db.session.commit()
    hold(user)


def delete_account(user: User, password: str, *, network: str) -> None:
    """Delete the account and all that belongs to it."""
    check_password(user, password, network=network)
    db.session.delete(user)
    db.session.commit()
    audit.log("account deleted", user, actor=user)


def create_admin(address: Address, password: str) -> User:
    """Make an account with all rights, without a mail. `AddressTakenError` if there is one."""
    passwords.check(password, address.email)
    user = add_user(address.email, address.key, passwords.hash(password), Role.ADMIN)
    db.session.commit()
    audit.log("admin created", user, actor=audit.OPERATOR)
    return user


def set_role(user: User, role: Role) -> None:
    user.role = role
    db.session.commit()
    audit.log("role changed", user, actor=audit.OPERATOR, role=role)


def disable(user: User) -> None:
    """Let nobody log in any more; all logins end."""
    user.disabled_at = utc_now()
    sessions.end_all(user)
    mailed.forget_all_of(user)
    db.session.commit()
    audit.log("disabled", user, actor=audit.OPERATOR)


def enable(user: User) -> None:
    user.disabled_at = None
    db.session.commit()
    audit.log("enabled", user, actor=audit.OPERATOR)


def purge() -> None:
    """Delete what has expired: logins, mailed tokens, counts of failed logins."""
    sessions.purge()
    mailed.purge()
    attempts.purge()
    db.session.commit()


def add_user(email: str, email_key: str, password_hash: str, role: Role = Role.USER) -> User:
    """Add a user to this transaction."""
    user = User(email=email, email_key=email_key, password_hash=password_hash, role=role)
    db.session.add(user)
    _flush()
    return user


def _flush() -> None:
    """Write what is new; of many that try at once, one gets the address."""
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise AddressTakenError from None


def _owner(used: MailedToken) -> User:
    user = db.session.get(User, used.user_id) if used.user_id else None
    if user is None or user.disabled_at is not None:
        raise MailedTokenError
    return user


def _attempt(user: User | None, email_key: str, password: str, network: str) -> User | None:
    """Return the user if it is the right password, and the account is not disabled.

    The attempt is counted and committed first: nothing waits for a lock while we hash.
    """
    try:
        attempts.begin(email_key, network)
    except LockedError:
        audit.log("login locked", email_key, network=network)
        raise
    there = user if user and user.disabled_at is None else None
    right = passwords.verify(there.password_hash if there else None, password)
    return there if right else None
