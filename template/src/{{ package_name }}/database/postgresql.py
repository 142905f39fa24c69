"""What is special about PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    URL,
    ColumnElement,
    Computed,
    Connection,
    Engine,
    Index,
    event,
    func,
    literal_column,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import mapped_column

from .. import checks
from . import rows, server

DRIVERS = ("postgresql+psycopg",)
FORM = "postgresql+psycopg://user:password@host:5432/name"
URLS, START, MIGRATIONS = server.URLS, server.START, server.MIGRATIONS
fault_of_url = server.fault_of_url
is_behind = rows.is_behind

# The lock of migrations: any number, as long as nothing else in this database uses it.
_LOCK = 7_274_694_271
_NO_LIMIT = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
# Classes and codes of SQLSTATE for what may pass: connection, rollback, resources,
# intervention; a server that became read-only, and a lock that was not to be had.
_PASSING = ("08", "40", "53", "57", "25006", "55P03")


def settings(ours: checks.Settings) -> dict[str, Any]:
    """Return the settings of Flask-SQLAlchemy that follow from ours."""
    return server.settings_of(ours, partial(_connect_args, ours))


def _connect_args(ours: checks.Settings, uri: str, read_only: bool) -> dict[str, Any]:
    seconds = ours["DATABASE_TIMEOUT_SECONDS"]
    arguments: dict[str, Any] = {
        "connect_timeout": max(seconds, 2),  # libpq takes less for 2, and 0 for ever.
        # A server that vanished is noticed, whether we sent to it or wait for it.
        "tcp_user_timeout": 1000 * max(seconds, 1),
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }
    if ours["DATABASE_TRANSACTION_POOLER"]:
        arguments["prepare_threshold"] = None  # The next transaction has another connection.
    else:
        read_only_too = {"default_transaction_read_only": "on"} if read_only else {}
        arguments["options"] = _options(make_url(uri), _limits(ours) | read_only_too)
    return arguments


def _options(url: URL, values: Mapping[str, str]) -> str:
    """Return values for a session as a connection's options, before those of its URL."""
    given = url.query.get("options", ())
    ours = [f"-c {name}={value}" for name, value in values.items()]
    return " ".join([*ours, *((given,) if isinstance(given, str) else given)])


def _limits(ours: checks.Settings) -> dict[str, str]:
    """Return the settings of a session: nothing waits for ever, and times are in UTC."""
    return {
        "lock_timeout": f"{max(1000 * ours['DATABASE_TIMEOUT_SECONDS'], 1)}ms",
        "statement_timeout": f"{ours['DATABASE_STATEMENT_TIMEOUT_SECONDS']}s",
        "idle_in_transaction_session_timeout": "60s",
        "timezone": "UTC",
    }


def prepare(engine: Engine, ours: checks.Settings) -> None:
    """Behind a transaction pooler, set each transaction's limits: no session keeps them."""
    if not ours["DATABASE_TRANSACTION_POOLER"]:
        return

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        _set(connection, **_limits(ours))
        if engine.get_execution_options()["read_only"]:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")


def locked(connection: Connection) -> Connection:
    """Return the connection for migrations: each transaction begins with their lock.

    A migration takes the time that it needs, but waits for a lock on a table no longer
    than a request does: whoever comes after it would wait, too.
    """

    @event.listens_for(connection, "begin")
    def begin(connection: Connection) -> None:
        waits = connection.exec_driver_sql("SHOW lock_timeout").scalar_one()
        no_limit = dict.fromkeys(_NO_LIMIT, "0")
        _set(connection, **no_limit)
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        _set(connection, lock_timeout=waits)

    return connection


def _set(connection: Connection, **values: str) -> None:
    """Set values for this transaction, all in one statement."""
    calls = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in values.items())
    connection.exec_driver_sql(f"SELECT {calls}")


def probe_args(url: URL, ours: checks.Settings) -> dict[str, Any]:
    """Return how readiness connects: it waits for little."""
    if ours["DATABASE_TRANSACTION_POOLER"]:
        return {"connect_timeout": 2}
    return {"connect_timeout": 2, "options": _options(url, {"statement_timeout": "1s"})}


def status(error: DBAPIError) -> int | None:
    """Return 503 for what may pass. What else a client is told, the error's class says."""
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is None:  # It did not come from the server: there was none.
        return 503 if isinstance(error, OperationalError) else None
    return 503 if state.startswith(_PASSING) else None


def searchable(*columns: str) -> Any:
    """Return a column with the words of others, for `has_words`. The database keeps it."""
    # The parser would take a/b, a.b and a@b for one word each.
    texts = " || ' ' || ".join(columns)
    words = f"regexp_replace({texts}, '{server.PUNCTUATION}', ' ', 'g')"
    vector = Computed(f"to_tsvector('simple', {words})", persisted=True)
    return mapped_column(TSVECTOR, vector, deferred=True, nullable=True)


def search_indexes(column: str) -> tuple[Index, ...]:
    """Return the index that makes `has_words` quick, for `__table_args__`."""
    return (Index(None, column, postgresql_using="gin"),)


def has_words(column: ColumnElement[str], words: Sequence[str]) -> ColumnElement[bool]:
    """Return whether a row has all the words, in any order and in any case."""
    query = func.plainto_tsquery(literal_column("'simple'"), " ".join(words))
    return column.op("@@", is_comparison=True)(query)


@checks.of_settings("S017", "warning")
def connection_is_private(ours: checks.Settings) -> Iterator[tuple[str, str]]:
    return server.risks(ours, _is_private, "Add ?sslmode=verify-full")


def _is_private(url: URL) -> bool:
    host = str(url.query.get("host") or url.host or "/")
    if host.startswith("/") or host in ("localhost", "127.0.0.1", "::1"):
        return True
    return url.query.get("sslmode") in ("require", "verify-ca", "verify-full")
