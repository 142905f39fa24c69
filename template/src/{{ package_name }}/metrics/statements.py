"""The database: how long statements took, and how many connections there are."""

from __future__ import annotations

import time
from functools import cache
from math import inf
from typing import Any

from flask import Flask
from prometheus_client import Gauge, Histogram
from sqlalchemy import Engine, ExceptionContext, Pool, event

from ..database.dialect import dialect
from .counts import registry

_KINDS = frozenset(["DELETE", "INSERT", "SELECT", "UPDATE"])


def init_app(app: Flask) -> None:
    size = app.config["DATABASE_POOL_SIZE"]
    limit = size + app.config["DATABASE_POOL_OVERFLOW"] if size else inf  # 0 is no pool at all.
    pools = 1 + len(dialect.settings(app.config).get("SQLALCHEMY_BINDS", ()))
    _connections("_limit", "Connections to the database that may be open.").set(limit * pools)
    _watch_every_engine()


@cache
def _connections(name: str, told: str) -> Gauge:
    return Gauge(
        f"database_connections{name}", told, multiprocess_mode="livesum", registry=registry()
    )


@cache
def _durations() -> Histogram:
    return Histogram(
        "database_statement_duration_seconds",
        "How long statements took, those that failed as well.",
        ["kind"],
        registry=registry(),
    )


@cache
def _watch_every_engine() -> None:
    """Count what the engines of this process do: once, for however many apps."""
    _durations()
    opened = _connections("", "Connections to the database that are open.")
    used = _connections("_used", "Connections to the database that are in use.")
    event.listen(Pool, "connect", lambda *_: opened.inc())
    event.listen(Pool, "close", lambda *_: opened.dec())
    event.listen(Pool, "checkout", lambda _, record, __: _take(record, used))
    event.listen(Pool, "checkin", lambda _, record: _give_back(record, used))
    event.listen(Engine, "before_cursor_execute", _begin)
    event.listen(Engine, "after_cursor_execute", _end)
    event.listen(Engine, "handle_error", _fail)


def _take(record: Any, used: Gauge) -> None:
    record.record_info["counted"] = True
    used.inc()


def _give_back(record: Any, used: Gauge) -> None:
    """Count it only if it was taken: one that never came to be is given back as well."""
    if record.record_info.pop("counted", False):
        used.dec()


def _begin(*args: Any) -> None:
    args[4].began = time.perf_counter()


def _end(*args: Any) -> None:
    statement, context = args[2], args[4]
    _series(_kind(statement)).observe(time.perf_counter() - context.began)


def _fail(failure: ExceptionContext) -> None:
    if began := getattr(failure.execution_context, "began", None):
        _series(_kind(str(failure.statement))).observe(time.perf_counter() - began)


@cache
def _series(kind: str) -> Any:
    return _durations().labels(kind)


def _kind(statement: str) -> str:
    """Return what a statement does: its values and tables would make a series each."""
    kind = statement[:6].upper()
    return kind.lower() if kind in _KINDS else "other"
