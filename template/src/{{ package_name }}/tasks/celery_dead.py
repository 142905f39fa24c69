"""The jobs of Celery that failed for good: a sorted set on Redis, which keeps them a year."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import redis
from celery.exceptions import Reject, Retry
from flask import current_app

from .away import QueueAwayError
from .deliveries import WorkerLostError, forget, name, store

KEPT_SECONDS = 365 * 86_400


@dataclass(frozen=True)
class Job:
    """A job with all that is needed to do it again."""

    id: str
    task: str
    args: Sequence[Any]
    headers: Mapping[str, str]
    error: str
    failed_at: datetime


@contextmanager
def kept(task: str, args: Sequence[Any], headers: Mapping[str, str]) -> Iterator[None]:
    """Put a job aside that fails for good. While Redis is away, none does."""
    try:
        yield
    except Retry:
        raise
    except QueueAwayError as error:
        raise Reject(error, requeue=True) from error
    except Exception as error:
        if isinstance(error, Reject) and isinstance(error.reason, Exception):
            raise Reject(error, requeue=True) from error  # It could not be sent again.
        job = {"id": headers["job_id"], "task": task, "args": args, "headers": headers}
        job["error"] = type(error).__name__
        try:
            _add(job)
        except redis.RedisError as away:
            raise Reject(away, requeue=True) from away
        if not isinstance(error, WorkerLostError):
            raise


def _add(job: Mapping[str, Any]) -> None:
    now = time.time()
    with store().pipeline() as both:
        both.zadd(name("dead"), {json.dumps(job): now})
        both.zremrangebyscore(name("dead"), 0, now - KEPT_SECONDS)
        both.execute()


def jobs() -> list[Job]:
    """Return the jobs that failed, the oldest first."""
    return [job for job, _ in _written()]


def replay(job_id: str) -> bool:
    """Have a job done again; False if it did not fail."""
    for job, text in _written():
        if job.id == job_id:
            forget(job_id)
            failed_at = store().zscore(name("dead"), text)
            send = current_app.extensions["celery"].send_task
            send(job.task, job.args, headers=dict(job.headers), task_id=job_id)
            store().transaction(partial(_remove, text, failed_at), name("dead"))
            return True
    return False


def _remove(text: str, failed_at: object, dead: Any) -> None:
    """Delete a failure, if the job has not failed again by now: a worker may be that quick."""
    if dead.zscore(name("dead"), text) == failed_at:
        dead.multi()
        dead.zrem(name("dead"), text)


def purge(job_id: str) -> bool:
    """Delete a job; False if it did not fail."""
    texts = [text for job, text in _written() if job.id == job_id]
    return bool(texts and store().zrem(name("dead"), *texts))


def _written() -> Iterator[tuple[Job, str]]:
    written: Any = store().zrange(name("dead"), 0, -1, withscores=True)
    for text, failed_at in written:
        yield Job(**json.loads(text), failed_at=datetime.fromtimestamp(failed_at, UTC)), text
