"""The relay: what did not leave, or got lost on the way, leaves again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, and_, or_, select

from ..base import utc_now
from ..database import update_rows
from ..extensions import db
from .backend import backend
from .models import Job, Status
from .queue import send
from .times import lost_before, stale_before

_BATCH = 100

_log = structlog.get_logger(__name__)


def send_again() -> int:
    """Send the messages that did not leave, or were lost; return how many these are.

    Many may do so at once: each message leaves once.
    """
    sent = 0
    while jobs := _next_batch():
        for job in jobs:
            if _take(job):
                try:
                    send(job)
                except backend.UNAVAILABLE as error:
                    _log.warning("jobs wait: the queue is away", reason=type(error).__name__)
                    update_rows(Job, Job.id == job.id, published_at=None)
                    db.session.commit()
                    return sent
                sent += 1
    return sent


def _next_batch() -> Sequence[Job]:
    left = select(Job).where(_is_left(utc_now())).order_by(Job.created_at).limit(_BATCH)
    return db.session.scalars(left, execution_options={"populate_existing": True}).all()


def _take(job: Job) -> bool:
    """Return whether the message of a job is ours to send, and nobody else's."""
    same = (Job.id == job.id, Job.status == job.status, Job.published_at == job.published_at)
    taken = update_rows(Job, *same, published_at=utc_now())
    db.session.commit()
    return taken == 1


def _is_left(now: datetime) -> ColumnElement[bool]:
    """Return whether nobody does a job, nor is going to."""
    unsent = or_(Job.published_at.is_(None), Job.published_at < stale_before(now))
    lost = and_(Job.started_at < lost_before(now), Job.published_at < lost_before(now))
    queued, running = Job.status == Status.QUEUED, Job.status == Status.RUNNING
    return or_(and_(queued, unsent), and_(running, lost))
