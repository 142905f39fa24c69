"""RQ: https://python-rq.org/docs/"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import redis
import rq
from flask import Flask, current_app
from rq.serializers import JSONSerializer

from .. import checks
from ..redis import PATIENCE
from .run import Message, in_context, perform
from .schedules import key_of

# What `send` raises when Redis cannot be reached.
UNAVAILABLE = (redis.ConnectionError, redis.TimeoutError)


class Job(rq.job.Job):
    """A job that runs in an app context. What it raises, it is called again for, later."""

    def perform(self) -> None:
        headers = dict(self.meta)
        if headers.pop("schedule", None) and (key := key_of(str(self.func_name), _sent_at(self))):
            headers["key"] = key
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        with in_context(app, headers):
            message = Message(str(self.func_name), headers, is_again=bool(self.number_of_retries))
            perform(message, super().perform, lambda _error: self.should_retry)


def _sent_at(job: rq.job.Job) -> float:
    return job.enqueued_at.timestamp() if job.enqueued_at else time.time()


def _tells_no_arguments(record: logging.LogRecord) -> bool:
    """Tell RQ's other lines from those of each job: it has lines of ours."""
    return record.levelno > logging.INFO and not hasattr(record, "arguments")


def init_app(app: Flask) -> None:
    logging.getLogger("rq.worker").addFilter(_tells_no_arguments)
    app.extensions["rq"] = rq.Queue(
        app.config["JOB_QUEUE"],
        connection=redis.Redis.from_url(app.config["REDIS_URL"], **PATIENCE),
        serializer=JSONSerializer,
        default_timeout=app.config["JOB_SOFT_LIMIT_SECONDS"],
    )


def ping() -> None:
    """Raise when the queue cannot be reached."""
    current_app.extensions["rq"].connection.ping()


def name_of(task: Callable[..., Any]) -> str:
    return f"{task.__module__}.{task.__qualname__}"


def send(task: str, args: Sequence[Any], headers: Mapping[str, str]) -> None:
    """Tell the workers at once; raises one of `UNAVAILABLE` within 2 seconds."""
    queue: rq.Queue = current_app.extensions["rq"]
    retry = rq.Retry(current_app.config["JOB_RETRIES"], _waits(current_app.config))
    queue.enqueue_call(task, tuple(args), meta=dict(headers), result_ttl=0, retry=retry)


def _waits(settings: checks.Settings) -> list[int]:
    """Return the seconds between tries: twice as many each time, and not the same for all."""
    longest = settings["JOB_VISIBILITY_SECONDS"] // 2
    longest_of = (min(2**n, longest) for n in range(1, settings["JOB_RETRIES"] + 1))
    return [1 + secrets.randbelow(seconds) for seconds in longest_of]
