"""What `rq cron` does as the workers need it: it takes no classes of ours."""

from __future__ import annotations  # pragma: exclude file

import time
from contextlib import suppress
from typing import Any

import redis
import rq
import structlog
from flask import current_app
from rq import cron
from rq.serializers import JSONSerializer

from . import heartbeat
from .rq import FAILURE_TTL, retry

_log = structlog.get_logger(__name__)


class ScheduleQueue(rq.Queue):
    """What `rq cron` sends to: jobs like any other, in JSON, which the workers read."""

    def __init__(self, name: str, connection: redis.Redis) -> None:
        timeout = current_app.config["JOB_SOFT_LIMIT_SECONDS"]
        super().__init__(name, connection, timeout, serializer=JSONSerializer)

    def enqueue(self, *args: Any, **options: Any) -> rq.job.Job:
        return super().enqueue(*args, retry=retry(), failure_ttl=FAILURE_TTL, **options)


_ask, _save = cron.CronScheduler.enqueue_jobs, cron.CronScheduler.save
_sleep, _tell_redis = cron.CronScheduler.calculate_sleep_interval, cron.CronScheduler.heartbeat


def ask_of_cron(self: cron.CronScheduler) -> list[cron.CronJob]:
    """Do what `CronScheduler.enqueue_jobs` does, but wait for a Redis that is away."""
    try:
        return _ask(self)
    except redis.RedisError as error:
        _log.warning("schedules wait: the queue is away", reason=type(error).__name__)
        time.sleep(1)
        return []


def save_of_cron(self: cron.CronScheduler, pipeline: Any = None) -> None:
    """Do what `CronScheduler.save` does, of which nothing but what RQ shows depends."""
    with suppress(redis.RedisError):
        _save(self, pipeline)


def beat_of_cron(self: cron.CronScheduler) -> None:
    """Do what `CronScheduler.heartbeat` does, and beat."""
    heartbeat.beat(current_app.config)
    with suppress(redis.RedisError):
        _tell_redis(self)


def sleep_of_cron(self: cron.CronScheduler) -> float:
    """Return what `calculate_sleep_interval` does, or how long a heart may stand still."""
    return min(_sleep(self), heartbeat.SECONDS)
