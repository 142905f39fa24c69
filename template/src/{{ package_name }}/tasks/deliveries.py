"""Whose a job is, by what Redis counts: who has its key, and how many workers it lost."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import redis
import structlog
from flask import Flask, current_app

from ..redis import PATIENCE
from .away import QueueAwayError

if TYPE_CHECKING:
    from .run import Message

KEY_SECONDS = 86_400  # How long a key is known after its job was begun.

_log = structlog.get_logger(__name__)


class WorkerLostError(Exception):
    """The workers of a job were lost too often: it may be what killed them."""


def init_app(app: Flask) -> None:
    url = app.config["REDIS_URL"]
    app.extensions["jobs"] = redis.Redis.from_url(url, decode_responses=True, **PATIENCE)


def store() -> redis.Redis:
    """Return what all processes share beside the queue."""
    shared: redis.Redis = current_app.extensions["jobs"]
    return shared


def name(*parts: str) -> str:
    """Return the name of a value in the store: another service there has other names."""
    return ":".join((current_app.config["JOB_QUEUE"], "jobs", *parts))


@dataclass(frozen=True)
class Claim:
    """A job that is this worker's."""

    job_id: str

    def keep(self, result: object) -> None:
        """Leave what the task returned: nobody asks for it."""

    def again(self) -> None:
        self._end()

    def fail(self, _error: Exception) -> None:
        self._end()

    def done(self) -> None:
        self._end()

    def _end(self) -> None:
        with suppress(redis.RedisError):  # The count is forgotten by itself, too.
            forget(self.job_id)


def claim(message: Message) -> Claim | None:
    """Return the job as this worker's; None if another job has its key.

    Raises `WorkerLostError` for a job that is dead, `QueueAwayError` when Redis is away.
    """
    job_id, key = message.headers["job_id"], message.headers.get("key")
    try:
        if key and not _has(job_id, key):
            return None
        deliveries = _count(job_id)
    except redis.RedisError as error:
        raise QueueAwayError from error
    if deliveries > current_app.config["JOB_DELIVERIES"]:
        _log.error("job dead: its workers were lost", job=job_id)
        raise WorkerLostError
    return Claim(job_id)


def forget(job_id: str) -> None:
    """Count the workers of a job anew."""
    store().delete(name("deliveries", job_id))


def _has(job_id: str, key: str) -> bool:
    """Return whether of all jobs with a key it is this one that is done."""
    owner = name("key", key)
    return bool(store().set(owner, job_id, nx=True, ex=KEY_SECONDS) or store().get(owner) == job_id)


def _count(job_id: str) -> int:
    """Return how many workers have begun a job, one after the other, and did not end it."""
    counter = name("deliveries", job_id)
    with store().pipeline() as both:
        both.incr(counter)
        both.expire(counter, KEY_SECONDS)
        return int(both.execute()[0])
