"""What can be done with jobs that are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from ..base import utc_now
from ..database import delete_rows, update_rows
from ..extensions import db
from .models import Job, Status
from .times import expired_before

KEPT_FOR = timedelta(days=30)


def find_job(job_id: UUID) -> Job | None:
    return db.session.get(Job, job_id)


def list_jobs(*statuses: Status) -> Sequence[Job]:
    """Return the jobs of these statuses, or all; the oldest first."""
    asked = select(Job).order_by(Job.created_at, Job.id)
    return db.session.scalars(asked.where(Job.status.in_(statuses or Status))).all()


def cancel(job: Job) -> bool:
    """Let nobody begin it, and forget what comes of it. False if it has ended."""
    may = (Job.id == job.id, Job.status.in_((Status.QUEUED, Status.RUNNING)))
    cancelled = update_rows(Job, *may, status=Status.CANCELLED, finished_at=utc_now())
    db.session.commit()
    return cancelled == 1


def replay(job_id: UUID | None = None) -> int:
    """Have failed jobs done again, or one of them; return how many these are."""
    which = [Job.status == Status.FAILED, *([Job.id == job_id] if job_id else [])]
    fresh = {"status": Status.QUEUED, "deliveries": 0, "error": None, "published_at": None}
    replayed = update_rows(Job, *which, **fresh, finished_at=None)
    db.session.commit()
    return replayed


def has_expired(job: Job) -> bool:
    """Return whether the result of a job that is done is kept no longer."""
    return job.finished_at is None or job.finished_at < expired_before(utc_now())


def purge() -> int:
    """Delete expired results, and jobs that ended 30 days ago; return how many jobs."""
    now = utc_now()
    update_rows(Job, Job.finished_at < expired_before(now), Job.result.is_not(None), result=None)
    purged = delete_rows(Job, Job.finished_at < now - KEPT_FOR)
    db.session.commit()
    return purged
