"""The rows of a transaction: what is published when it commits."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..extensions import db
from .models import Job


def add(job: Job) -> Job:
    """Add a job to this transaction; return it, or the one that has its key."""
    if job.key is None:
        return _add(job)
    there = select(Job).where(Job.key == job.key)
    if known := db.session.scalars(there).one_or_none():
        return known
    try:
        with db.session.begin_nested():
            return _add(job)
    except IntegrityError:
        return db.session.scalars(there).one()


def added(session: Session) -> list[Job]:
    """Return the jobs that were added since the last call."""
    jobs: list[Job] = session.info.pop(Job, [])
    return jobs


def _add(job: Job) -> Job:
    db.session.add(job)
    db.session().info.setdefault(Job, []).append(job)
    return job
