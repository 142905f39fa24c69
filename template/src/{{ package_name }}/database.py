"""The data layer: engine, unit of work, keyset pages, migrations, readiness."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask, has_request_context, request
from flask.typing import ResponseReturnValue
from sqlalchemy import (
    Connection,
    Engine,
    NullPool,
    Select,
    create_engine,
    event,
    literal,
    tuple_,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import PreconditionFailed, ServiceUnavailable

from . import checks, errors, health
from .base import Base
from .extensions import db, migrate

_log = logging.getLogger(__name__)
# What SQLite says of faults that are not of the request.
_PASSING = re.compile("locked|readonly|is full|disk I/O")
_READ_ONLY = ("GET", "HEAD", "OPTIONS")


def init_app(app: Flask) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # It logs every inspection.
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", engine_options(app.config))
    db.init_app(app)
    migrate.init_app(app, db)
    with app.app_context():
        _prepare(db.engine, app.config["DATABASE_TIMEOUT_SECONDS"])
    health.add_check(app, "database", schema_is_current)
    app.register_error_handler(StaleDataError, _changed_meanwhile)
    app.register_error_handler(OperationalError, _busy)
    app.register_error_handler(PoolTimeoutError, _busy)
    app.shell_context_processor(_models)


def engine_options(settings: checks.Settings) -> dict[str, Any]:
    """Return the options for the engine; a database in memory has no pool to size."""
    if make_url(settings["SQLALCHEMY_DATABASE_URI"]).database in (None, "", ":memory:"):
        return {"hide_parameters": True}
    return {
        "hide_parameters": True,  # An error says which statement failed, not with which values.
        "pool_size": settings["DATABASE_POOL_SIZE"],
        "max_overflow": settings["DATABASE_POOL_OVERFLOW"],
        "pool_timeout": settings["DATABASE_TIMEOUT_SECONDS"],
    }


def _prepare(engine: Engine, timeout_seconds: int) -> None:
    """Make SQLite keep foreign keys, wait for a lock, and begin when we say so."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # The driver begins nothing by itself.
        connection.execute(f"PRAGMA busy_timeout = {timeout_seconds * 1000}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails at once when somebody
        # else wrote in between, so a request that may write takes the lock first.
        writes = has_request_context() and request.method not in _READ_ONLY
        writes = writes or connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def keyset(
    statement: Select[Any],
    column: InstrumentedAttribute[Any],
    key: InstrumentedAttribute[Any],
    *,
    descending: bool,
    after: tuple[object, object] | None,
    limit: int,
) -> Select[Any]:
    """Return `statement` ordered by `column` and `key`, from behind the row `after`.

    The cost of a page does not grow with its distance from the start, as long as an
    index covers both columns.
    """
    if after is not None:
        row = tuple_(column, key)
        last = tuple_(literal(after[0], column.type), literal(after[1], key.type))
        statement = statement.where(row < last if descending else row > last)
    order = (column.desc(), key.desc()) if descending else (column, key)
    return statement.order_by(*order).limit(limit)


def schema_is_current() -> None:
    """Raise when the database cannot be read or lacks a migration of this code.

    A database with migrations that this code does not know is ahead, and is fine: the
    next release is being rolled out.
    """
    # A connection of its own: readiness waits for no pool. To connect would make the file.
    if not Path(db.engine.url.database or "").exists():
        raise FileNotFoundError("There is no database: run `flask db upgrade`.")
    engine = create_engine(db.engine.url, poolclass=NullPool, connect_args={"timeout": 1})
    with engine.connect() as connection:
        applied = set(MigrationContext.configure(connection).get_current_heads())
    known, heads = _revisions(migrate.directory)
    if applied != heads and applied <= known:
        raise RuntimeError("The schema is behind the code: run `flask db upgrade`.")


@cache
def _revisions(directory: str) -> tuple[set[str], set[str]]:
    scripts = ScriptDirectory(directory)
    known = {script.revision for script in scripts.walk_revisions()}
    return known, set(scripts.get_heads())


def begin_writing() -> None:
    """Take the write lock now: for a command, whose transaction would begin by reading."""
    db.session.connection(execution_options={"writes": True})


def _models() -> dict[str, Any]:
    """Return what `flask shell` knows by name."""
    return {mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers}


def _busy(error: OperationalError | PoolTimeoutError) -> ResponseReturnValue:
    """Answer 503 to what may pass: no lock, connection or space to be had. Else it is a crash."""
    if isinstance(error, OperationalError) and not _PASSING.search(str(error.orig)):
        raise error
    _log.warning("database is busy or cannot be written", exc_info=error)
    return errors.problem(ServiceUnavailable("The database is busy.", retry_after=1))


def _changed_meanwhile(_error: StaleDataError) -> ResponseReturnValue:
    return errors.problem(PreconditionFailed("It was changed meanwhile."))


@checks.of_settings("S017")
def database_url(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    hint = "Name a file: sqlite:////data/service.db"
    try:
        url = make_url(settings["SQLALCHEMY_DATABASE_URI"])
    except (ArgumentError, ValueError):  # ValueError: of a port that is no number.
        yield "FLASK_SQLALCHEMY_DATABASE_URI is not set, or no URL.", hint
        return
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        yield "FLASK_SQLALCHEMY_DATABASE_URI is not for SQLite.", hint
    elif url.host or url.username or url.password or url.port:
        yield "FLASK_SQLALCHEMY_DATABASE_URI names a host, and SQLite has none.", hint
    elif url.database in (None, "", ":memory:"):
        yield "FLASK_SQLALCHEMY_DATABASE_URI keeps nothing: it names no file.", hint
