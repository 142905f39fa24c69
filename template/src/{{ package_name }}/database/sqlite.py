"""What is special about SQLite."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import Any

import click
from flask import has_request_context, request
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    Index,
    StaticPool,
    and_,
    event,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.ext.hybrid import hybrid_property

from .. import checks
from ..methods import SAFE
from . import rows
from .engine import engine_options

DRIVERS = ("sqlite", "sqlite+pysqlite")
FORM = "sqlite:////data/service.db"
URLS = ("SQLALCHEMY_DATABASE_URI",)
START = "Does its folder exist?"
is_behind = rows.is_behind
# For alembic: a table is changed by copying it, and what a failed migration did is undone.
MIGRATIONS = {"render_as_batch": True, "transactional_ddl": True}

# What SQLite says of faults that are not of the request.
_PASSING = re.compile("locked|readonly|is full|disk I/O|unable to open")


def settings(ours: checks.Settings) -> dict[str, Any]:
    """Return the settings of Flask-SQLAlchemy that follow from ours."""
    options = engine_options(ours)
    if _is_in_memory(ours["SQLALCHEMY_DATABASE_URI"]):
        options = engine_options({**ours, "DATABASE_POOL_SIZE": 0}) | {"poolclass": StaticPool}
    return {"SQLALCHEMY_ENGINE_OPTIONS": options}


def _is_in_memory(uri: str) -> bool:
    return ":memory:" in (make_url(uri).database or ":memory:")


def prepare(engine: Engine, ours: checks.Settings) -> None:
    """Make SQLite keep foreign keys, wait for a lock, and begin when we say so."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # The driver begins nothing by itself.
        connection.execute(f"PRAGMA busy_timeout = {ours['DATABASE_TIMEOUT_SECONDS'] * 1000}")
        _write_ahead(connection, ours["DATABASE_TIMEOUT_SECONDS"])
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails at once when somebody
        # else wrote in between, so whoever may write takes the lock first.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _may_write(connection) else "BEGIN")


def _write_ahead(connection: sqlite3.Connection, seconds: int) -> None:
    """Keep a log beside the file. Of two who open a new file SQLite lets neither wait for it."""
    end = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


def _may_write(connection: Connection) -> bool:
    """Return whether a request or a command may write. A shell is open for too long."""
    if has_request_context():
        return request.method not in SAFE
    command = click.get_current_context(silent=True)
    is_command = command is not None and command.info_name != "shell"
    return is_command or connection.get_execution_options().get("writes", False)


def locked(connection: Connection) -> Connection:
    """Return the connection for migrations: they wait for each other, however long."""
    connection.connection.cursor().execute("PRAGMA busy_timeout = 600000")
    return connection.execution_options(writes=True)


def probe_args(url: URL, _ours: checks.Settings) -> dict[str, Any]:
    """Return how readiness connects. To connect to a file that is not there would make it."""
    if not Path(url.database or "").exists():
        raise FileNotFoundError("There is no database: run `flask db upgrade`.")
    return {"timeout": 1}


def status(error: DBAPIError) -> int | None:
    """Return 503 for what may pass. What else a client is told, the error's class says."""
    if isinstance(error, OperationalError) and _PASSING.search(str(error.orig)):
        return 503
    return None


def searchable(*columns: str) -> Any:
    """Return an attribute with the texts of others, for `has_words`."""

    def texts(model: Any) -> Any:
        first, *others = (getattr(model, column) for column in columns)
        return reduce(lambda texts, text: texts + " " + text, others, first)

    return hybrid_property(texts)


def search_indexes(_column: str) -> tuple[Index, ...]:
    """Return nothing: a search reads each row."""
    return ()


def has_words(texts: ColumnElement[str], words: Sequence[str]) -> ColumnElement[bool]:
    """Return whether a row has all the words, in any order and in any case."""
    # LIKE knows the case of ASCII alone, but leaves few rows to the slow regular expression.
    parts = (texts.contains(word) for word in words if word.isascii())
    whole = (rf"(?i)(?<![^\W_]){word}(?![^\W_])" for word in words)
    return and_(*parts, *(texts.regexp_match(pattern) for pattern in whole))


@checks.of_settings("S017")
def data_are_in_a_file(ours: checks.Settings) -> Iterator[tuple[str, str]]:
    with suppress(ArgumentError, ValueError):  # What is no URL is another finding.
        if _is_in_memory(ours["SQLALCHEMY_DATABASE_URI"]):
            yield "FLASK_SQLALCHEMY_DATABASE_URI keeps nothing: it names no file.", f"Write {FORM}"


def fault_of_url(url: URL) -> str | None:
    """Return what is wrong with a URL of this driver."""
    if url.host or url.username or url.password or url.port:
        return "names a host, and SQLite has none"
    return None
