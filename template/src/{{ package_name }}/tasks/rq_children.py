"""The processes in which a worker of RQ does its jobs, each in one of its own."""

from __future__ import annotations

from contextlib import suppress
from uuid import uuid4

from sqlalchemy.exc import DBAPIError

from ..extensions import db
from .claims import claim
from .run import Message


def warm_up() -> None:
    """Look for a job that is not there: what that loads, no child loads again."""
    with suppress(DBAPIError):
        claim(Message("warm-up", {"job_id": str(uuid4())}, is_again=False))
    db.session.remove()
    for engine in db.engines.values():
        engine.dispose()  # No process takes the connection of another.
