"""One line for each event that concerns the security of an account (ASVS 5: V16.3)."""

from __future__ import annotations

from typing import Any

import structlog

from .models import User
from .secret import keyed_hash

OPERATOR = "operator"  # Whoever runs `flask accounts`.

_log = structlog.get_logger(__name__)


def log(event: str, account: User | str = "", *, actor: User | str = "", **facts: Any) -> None:
    """Write what happened to an account, if it is one, and who did it where that is known.

    Of the key of an address that may have no account, a name that is the same each time.
    """
    named = account.id if isinstance(account, User) else account and keyed_hash(account)[:16]
    told = {"account": named, "actor": actor.id if isinstance(actor, User) else actor, **facts}
    _log.info(event, **{name: str(value) for name, value in told.items() if value})
