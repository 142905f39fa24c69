"""Whose a job is, by its row: a worker claims it, and writes down what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from flask import current_app
from sqlalchemy import or_

from ..base import utc_now
from ..database import update_rows
from ..extensions import db
from .models import Job, Status
from .rows import add
from .times import lost_before
from .values import written

if TYPE_CHECKING:
    from .run import Message

_log = structlog.get_logger(__name__)


def ask_for(task: str, key: str) -> None:
    """Ask for what a schedule wants done, once for each key: a job like any other."""
    add(Job(task=task, key=key))
    db.session.commit()


@dataclass
class Claim:
    """A job that is this worker's since a time; without an id, one that has no row."""

    job_id: UUID | None = None
    since: datetime | None = None
    result: Any = None

    def keep(self, result: Any) -> None:
        """Take what the task returned; raises TypeError or ValueError for what is no JSON."""
        if result is not None:
            written(result)
        self.result = result

    def again(self) -> None:
        db.session.rollback()
        self._end(status=Status.QUEUED, deliveries=0, published_at=utc_now())

    def fail(self, error: Exception) -> None:
        db.session.rollback()
        self._end(status=Status.FAILED, error=type(error).__name__, finished_at=utc_now())

    def done(self) -> None:
        if db.session.registry.has():
            db.session.rollback()  # What the task has not committed, it did not mean.
        # It needs its arguments no more.
        self._end(status=Status.DONE, result=self.result, args=[], finished_at=utc_now())

    def _end(self, **values: Any) -> None:
        """Write down how it went, unless it was cancelled or is another worker's by now."""
        if self.job_id:
            ours = (Job.status == Status.RUNNING, Job.started_at == self.since)
            update_rows(Job, Job.id == self.job_id, *ours, **values)
            db.session.commit()


def claim(message: Message) -> Claim | None:
    """Return the job as this worker's; None if it is done, is being done, or was cancelled.

    A job whose workers were lost too often is dead: it may be what killed them.
    """
    if "job_id" not in message.headers:
        return Claim()
    job_id, now = UUID(message.headers["job_id"]), utc_now()
    gone = Job.status == Status.RUNNING
    if not message.is_again:
        gone &= Job.started_at < lost_before(now)
    free = (Job.id == job_id, or_(Job.status == Status.QUEUED, gone))
    often = Job.deliveries >= current_app.config["JOB_DELIVERIES"]
    begun = {"status": Status.RUNNING, "started_at": now, "deliveries": Job.deliveries + 1}
    claimed = update_rows(Job, *free, ~often, **begun)
    if not claimed and update_rows(
        Job, *free, often, status=Status.FAILED, error="WorkerLost", finished_at=now
    ):
        _log.error("job dead: its workers were lost", job=str(job_id))
    db.session.commit()
    return Claim(job_id, now) if claimed else None
