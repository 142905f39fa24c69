"""The account of development."""

from __future__ import annotations

from ..extensions import db
from . import passwords, service
from .addresses import parse
from .models import User
from .secret import new_secret
from .users import find_user


def seed() -> tuple[User, list[str]]:
    """Return the account of development, and its password in words if it is new.

    The password is another each time: this may run where it should not.
    """
    address = parse("dev@example.com")
    user = find_user(address.key)
    if user:
        return user, []
    password = new_secret()
    user = service.add_user(address.email, address.key, passwords.hash(password))
    db.session.commit()
    return user, [f"{user.email} may log in with the password {password}"]
