"""How a job is asked for: a row in the transaction of its caller, a message when that commits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, overload

import structlog
from flask import g
from sqlalchemy import event, inspect, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, SessionTransaction

from ..extensions import db
from . import values
from .backend import backend
from .models import Job, asked_for, headers_of
from .rows import add, added

# Where a session has the ids of jobs that could not leave.
_WAITING = "jobs that wait"

_log = structlog.get_logger(__name__)


@overload
def enqueue(task: Callable[..., Any], *args: Any, key: str | None = None) -> Job: ...
@overload
def enqueue(task: Callable[..., Any], *args: Any, durable: Literal[False]) -> None: ...
def enqueue(
    task: Callable[..., Any], *args: Any, key: str | None = None, durable: bool = True
) -> Job | None:
    """Have a worker call `task(*args)` once this transaction is committed: at least once.

    Return the job. Of many of a task with the same `key` there is one, which each of them
    gets. Where the queue is away, the job waits in its row. What is not `durable` has no row
    and no key: it leaves at once, and raises one of `backend.UNAVAILABLE` when the queue is
    away.

    Raises `ArgumentsError` for what is no JSON, or too much of it, and for a long key.
    """
    values.check(args)
    by = (g.get("request_id"), g.get("facts", {}).get("actor"))
    name = backend.name_of(task)
    job = asked_for(*by, task=name, args=list(args), key=values.key_among_all(name, key))
    if durable:
        return add(job)
    send(job)
    return None


def start(task: Callable[..., Any], *args: Any, key: str | None = None) -> Job:
    """Ask for a job in a transaction of its own."""
    job = enqueue(task, *args, key=key)
    db.session.commit()
    return job


def send(job: Job) -> None:
    """Tell the workers of a job."""
    backend.send(job.task, job.args, headers_of(job))


@event.listens_for(db.session, "after_commit")
def _publish(session: Session) -> None:
    """Send what was committed; what cannot leave now is the relay's."""
    if session.in_nested_transaction():
        return
    jobs = [job for job in added(session) if inspect(job).persistent]
    for number, job in enumerate(jobs):
        try:
            send(job)
        except backend.UNAVAILABLE as error:
            _log.warning("a job waits: the queue is away", reason=type(error).__name__)
            session.info[_WAITING] = [job.id for job in jobs[number:]]
            return


@event.listens_for(db.session, "after_soft_rollback")
def _forget(session: Session, undone: SessionTransaction) -> None:
    if not undone.nested:
        added(session)


@event.listens_for(db.session, "after_transaction_end")
def _leave_to_the_relay(session: Session, _ended: SessionTransaction) -> None:
    """Mark jobs as unsent, now that their transaction has given its connection back."""
    if not (waiting := session.info.pop(_WAITING, None)):
        return
    unpublished = update(Job).where(Job.id.in_(waiting)).values(published_at=None)
    try:
        with db.engine.begin() as connection:
            connection.execute(unpublished)
    except SQLAlchemyError:  # The relay sends them all the same, later.
        _log.exception("jobs wait longer: the database is away, too")
