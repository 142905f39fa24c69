"""The jobs of RQ that failed for good: its `FailedJobRegistry`, which keeps them a year."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import redis
import rq
from flask import current_app
from rq.job import Job as Failed

from .away import QueueAwayError
from .deliveries import WorkerLostError, forget

_PAUSE_SECONDS = 5


@dataclass(frozen=True)
class Job:
    id: str
    task: str
    error: str
    failed_at: datetime


@contextmanager
def kept(job: Failed) -> Iterator[None]:
    """Have a job fail for good, at once, whose workers were lost too often.

    That Redis was away for a moment costs it no try.
    """
    try:
        yield
    except QueueAwayError:
        job.retries_left = (job.retries_left or 0) + 1
        job.retry_intervals = job.retry_intervals or [_PAUSE_SECONDS]
        raise
    except Exception as error:
        if isinstance(error, WorkerLostError):
            job.retries_left = 0
        # Its name alone: the text can have a secret.
        job.meta["error"] = type(error).__name__
        with suppress(redis.RedisError):
            job.save_meta()  # type: ignore[no-untyped-call]
        raise


def jobs() -> list[Job]:
    """Return the jobs that failed, the oldest first."""
    ids = _queue().failed_job_registry.get_job_ids()
    failed = [_told(failed) for failed in map(_find, ids) if failed]
    return sorted(failed, key=lambda job: job.failed_at)


def replay(job_id: str) -> bool:
    """Have a job done again; False if it did not fail."""
    if failed := _find(job_id):
        forget(job_id)
        failed.retries_left = current_app.config["JOB_RETRIES"]
        _queue().failed_job_registry.requeue(failed)
    return failed is not None


def purge(job_id: str) -> bool:
    """Delete a job; False if it did not fail."""
    if failed := _find(job_id):
        failed.delete()
    return failed is not None


def _queue() -> rq.Queue:
    queue: rq.Queue = current_app.extensions["rq"]
    return queue


def _find(job_id: str) -> Failed | None:
    queue = _queue()
    return queue.fetch_job(job_id) if job_id in queue.failed_job_registry else None


def _told(failed: Failed) -> Job:
    error = failed.meta.get("error", WorkerLostError.__name__)
    failed_at = failed.ended_at or failed.created_at
    return Job(failed.id, str(failed.func_name), error, failed_at)
