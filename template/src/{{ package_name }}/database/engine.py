"""The engine: how many connections a process keeps, and what its errors tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask
from sqlalchemy import NullPool

from .. import checks, runtime


def engine_options(settings: checks.Settings) -> dict[str, Any]:
    """Return the options of every engine. A pool of size 0 is no pool at all."""
    # An error says which statement failed, not with which values.
    options: dict[str, Any] = {"hide_parameters": True}
    if settings["DATABASE_POOL_SIZE"] == 0:
        return {**options, "poolclass": NullPool}
    return {
        **options,
        "pool_size": settings["DATABASE_POOL_SIZE"],
        "max_overflow": settings["DATABASE_POOL_OVERFLOW"],
        "pool_timeout": settings["DATABASE_POOL_TIMEOUT_SECONDS"],
    }


@checks.of_the_app("S018", "warning")
def each_thread_finds_a_connection(app: Flask) -> Iterator[tuple[str, str]]:
    size, more = app.config["DATABASE_POOL_SIZE"], app.config["DATABASE_POOL_OVERFLOW"]
    threads = runtime.gunicorn_config().threads
    if size and threads > size + more:
        hint = f"Let FLASK_DATABASE_POOL_SIZE and _OVERFLOW be {threads} or more together."
        yield "A process has more threads than connections.", hint
