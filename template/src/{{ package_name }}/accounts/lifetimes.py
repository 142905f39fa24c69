"""How long a login lasts: at most, and unused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from flask import current_app

from .. import checks

DAY = 86_400


def lifetime() -> timedelta:
    return timedelta(seconds=current_app.config["LOGIN_LIFETIME_SECONDS"])


def idle() -> timedelta:
    return timedelta(seconds=current_app.config["LOGIN_IDLE_SECONDS"])


@checks.of_settings("S008", "warning")
def long_logins(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    for name, days in (("LOGIN_LIFETIME_SECONDS", 30), ("LOGIN_IDLE_SECONDS", 14)):
        if not 600 <= settings[name] <= days * DAY:
            message = f"FLASK_{name} is less than 10 minutes, or more than {days} days."
            yield message, f"Set it to {days * DAY}."
