"""How long a job may take, and when its worker counts as lost."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import current_app


def lost_before(now: datetime) -> datetime:
    """Return the time before which a job that still runs was begun by a lost worker."""
    return now - timedelta(seconds=current_app.config["JOB_VISIBILITY_SECONDS"])


def stale_before(now: datetime) -> datetime:
    """Return the time before which a message that nobody took is taken for lost."""
    return now - 2 * timedelta(seconds=current_app.config["JOB_VISIBILITY_SECONDS"])


def expired_before(now: datetime) -> datetime:
    """Return the time before which a job ended whose result is kept no longer."""
    return now - timedelta(seconds=current_app.config["JOB_RESULT_SECONDS"])
