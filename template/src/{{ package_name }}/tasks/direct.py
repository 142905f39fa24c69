"""How a job is asked for: a message, which leaves at once or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import g

from . import values
from .away import QueueAwayError
from .backend import backend


def enqueue(task: Callable[..., Any], *args: Any, key: str | None = None) -> str:
    """Have a worker call `task(*args)`: at least once. Return the id of the job.

    Of many of a task with the same `key`, the first that a worker begins is done, and no
    other for a day. Raises `QueueAwayError`, which a client is told as 503, when the queue is
    away: within 2 seconds. Raises `ArgumentsError` for what is no JSON, or too much of it, and
    for a long key.
    """
    values.check(args)
    task_name = backend.name_of(task)
    key = values.key_among_all(task_name, key)
    told = {"request_id": g.get("request_id"), "key": key}
    headers = {name: str(value) for name, value in told.items() if value}
    try:
        return backend.send(task_name, args, headers)
    except backend.UNAVAILABLE as error:
        raise QueueAwayError from error
