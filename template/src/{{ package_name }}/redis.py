"""Redis: what all processes share, how long each waits for it, and what its URL must be."""

from __future__ import annotations

from collections.abc import Iterator

from redis import ConnectionError as RedisConnectionError
from redis.backoff import NoBackoff
from redis.retry import Retry

from . import checks, urls

TIMEOUTS = {"socket_connect_timeout": 0.8, "socket_timeout": 0.8}
# A connection that Redis closed meanwhile is opened again, once. Silence is not asked twice.
PATIENCE = {**TIMEOUTS, "retry": Retry(NoBackoff(), 1, (RedisConnectionError,))}
_FORM = "Write it as rediss://user:password@host:6379/0"


@checks.of_settings("S021", everywhere=True)
def redis_url(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    if not urls.is_one(settings["REDIS_URL"], "redis", "rediss"):
        yield "FLASK_REDIS_URL is not set, or no URL.", _FORM


@checks.of_settings("S021", "warning")
def redis_is_private(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    if urls.is_open(settings["REDIS_URL"], "redis"):
        yield "FLASK_REDIS_URL names no password, and no encryption.", _FORM
