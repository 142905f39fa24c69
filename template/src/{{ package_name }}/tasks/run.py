"""How a worker does a job: claim its row, call the task, write down what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from flask import Flask, current_app, g
from sqlalchemy import ColumnElement, or_

from .. import logs
from ..base import utc_now
from ..database import update_rows
from ..extensions import db
from .models import Job, Status
from .rows import add
from .times import lost_before
from .values import written

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """What a worker got: the name of a task, and the headers that it was sent with.

    `is_again` says that the broker has given it to a worker before, which is gone.
    """

    task: str
    headers: Mapping[str, str]
    is_again: bool


@contextmanager
def in_context(app: Flask, headers: Mapping[str, str]) -> Iterator[None]:
    """Work in an app context; what is logged or asked for has the id of the request."""
    with app.app_context():
        if "request_id" in headers:
            g.request_id = headers["request_id"]
        g.facts = {"actor": headers["actor"]} if "actor" in headers else {}
        yield


def perform(
    message: Message, call: Callable[[], Any], is_retried: Callable[[Exception], bool]
) -> None:
    """Call the task, unless its job is done, is being done, or was cancelled.

    Raises what the task raises; `is_retried` says whether it will be called again then.
    """
    if key := message.headers.get("key"):
        _ask_for(message.task, key)
        return
    job_id = UUID(message.headers["job_id"]) if "job_id" in message.headers else None
    claimed = _claim(job_id, message.is_again) if job_id else None
    told = {"task": message.task, "job": str(job_id) if job_id else None}
    if job_id and not claimed:
        _log.info("job skipped", **told)
        return
    begun = time.perf_counter()
    try:
        result = call()
        written(result)
    except Exception as error:
        db.session.rollback()
        if is_retried(error):
            _log.warning("job to be retried", exc_info=True, **told)
            _end(job_id, claimed, status=Status.QUEUED, deliveries=0, published_at=utc_now())
        else:
            _log.exception("job failed", **told)
            _end(job_id, claimed, status=Status.FAILED, error=type(error).__name__)
        raise
    if db.session.registry.has():
        db.session.rollback()  # What the task has not committed, it did not mean.
    _end(job_id, claimed, status=Status.DONE, result=result, args=[])  # It needs them no more.
    took = round((time.perf_counter() - begun) * 1000, 2)
    logs.write(__name__, "job done", **told, duration_ms=took)


def _ask_for(task: str, key: str) -> None:
    """Ask for what a schedule wants done, once for each key: a job like any other."""
    add(Job(task=task, key=key))
    db.session.commit()


def _claim(job_id: UUID, is_again: bool) -> datetime | None:
    """Return since when the job is this worker's; None if it is not.

    A job whose workers were lost too often is dead: it may be what killed them.
    """
    now = utc_now()
    gone = Job.status == Status.RUNNING
    if not is_again:
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
    return now if claimed else None


def _end(job_id: UUID | None, claimed: datetime | None, **values: Any) -> None:
    """Write down how it went, unless it was cancelled or is another worker's by now."""
    if job_id:
        if values["status"] is not Status.QUEUED:
            values["finished_at"] = utc_now()
        update_rows(Job, *_still_ours(job_id, claimed), **values)
        db.session.commit()


def _still_ours(job_id: UUID, claimed: datetime | None) -> tuple[ColumnElement[bool], ...]:
    return Job.id == job_id, Job.status == Status.RUNNING, Job.started_at == claimed
