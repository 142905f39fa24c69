"""What is special about MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    URL,
    ColumnElement,
    Computed,
    Connection,
    Engine,
    Index,
    and_,
    event,
    func,
    or_,
)
from sqlalchemy.dialects.mysql import MEDIUMTEXT, match
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import InstrumentedAttribute, mapped_column

from .. import checks
from . import server

DRIVERS = ("mysql+pymysql",)
FORM = "mysql+pymysql://user:password@host:3306/name"
URLS, START, MIGRATIONS = server.URLS, server.START, server.MIGRATIONS
fault_of_url = server.fault_of_url

# What numbers of errors mean to a client. 503: too many connections, no space, a lock or the
# time that were not to be had, a deadlock, a server that stops or became read-only, or is
# gone. 409 and 422: a constraint and a value that the driver has no class for.
_STATUS = {
    503: {1020, 1021, 1040, 1053, 1114, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1226, 1290}
    | {1317, 1792, 1836, 1927, 1969, 2003, 2006, 2013, 2014, 2055, 3024},
    409: {3819, 4025},
    422: {1292, 1366, 1411, 1525},
}


def settings(ours: checks.Settings) -> dict[str, Any]:
    """Return the settings of Flask-SQLAlchemy that follow from ours."""
    connect_args = partial(_connect_args, ours)
    return server.settings_of(ours, connect_args, isolation_level="READ COMMITTED")


def _connect_args(ours: checks.Settings, uri: str, _read_only: bool) -> dict[str, Any]:
    seconds = max(ours["DATABASE_TIMEOUT_SECONDS"], 1)
    return {
        "charset": "utf8mb4",
        "connect_timeout": seconds,
        "read_timeout": seconds,
        "write_timeout": seconds,
        **_encryption(make_url(uri)),
    }


def _encryption(url: URL) -> dict[str, Any]:
    """Return that what stays in the machine needs no TLS, unless the URL says how it is done.

    PyMySQL would read all authorities that the machine knows, for each connection: 20 ms.
    """
    told = any(name.startswith("ssl") for name in url.query)
    return {"ssl_disabled": True} if _is_local(url) and not told else {}


def prepare(engine: Engine, ours: checks.Settings) -> None:
    """Make each session strict and in UTC, and let nothing wait for ever."""
    wait = max(ours["DATABASE_TIMEOUT_SECONDS"], 1)
    limit = ours["DATABASE_STATEMENT_TIMEOUT_SECONDS"]

    @event.listens_for(engine, "checkout")
    def checkout(connection: Any, *_of_the_pool: Any) -> None:
        """Wait for a statement longer than for a server that may be gone."""
        connection._read_timeout = connection._write_timeout = wait + limit + 5 if limit else None

    @event.listens_for(engine, "checkin")
    def checkin(connection: Any, _record: Any) -> None:
        if connection is not None:
            connection._read_timeout = connection._write_timeout = wait

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        values = (
            "sql_mode = 'TRADITIONAL,ONLY_FULL_GROUP_BY'",
            "time_zone = '+00:00'",
            f"innodb_lock_wait_timeout = {wait}",
            f"lock_wait_timeout = {wait}",
            "innodb_ft_enable_stopword = 0",  # Each word counts.
            _limit(connection, limit),
        )
        with connection.cursor() as cursor:
            cursor.execute(f"SET SESSION {', '.join(values)}")
            if engine.get_execution_options()["read_only"]:
                cursor.execute("SET SESSION TRANSACTION READ ONLY")


def _limit(connection: Any, seconds: int) -> str:
    """Return how a session limits a statement: MySQL counts otherwise, and stops only reads."""
    if "MariaDB" in connection.get_server_info():
        return f"max_statement_time = {seconds}"
    return f"max_execution_time = {1000 * seconds}"


def locked(connection: Connection) -> Connection:
    """Return the connection for migrations: it has their lock until it is closed.

    A migration takes the time that it needs, but waits for a lock on a table no longer
    than a request does: whoever comes after it would wait, too.
    """
    driver: Any = connection.connection.driver_connection
    driver._read_timeout = driver._write_timeout = None  # It would hang up on a long statement.
    with driver.cursor() as cursor:
        cursor.execute(f"SET SESSION {_limit(driver, 0)}")
        cursor.execute("SELECT GET_LOCK(CONCAT('migrations of ', MD5(DATABASE())), 600)")
        if cursor.fetchone() != (1,):
            raise TimeoutError("Another process migrates this database for 10 minutes already.")
    return connection


def probe_args(url: URL, _ours: checks.Settings) -> dict[str, Any]:
    """Return how readiness connects: it waits for little."""
    return {"connect_timeout": 1, "read_timeout": 1, "write_timeout": 1, **_encryption(url)}


def status(error: DBAPIError) -> int | None:
    """Return 503 for what may pass, 409 or 422 for what the driver has no class for."""
    if error.statement is None and isinstance(error, OperationalError):
        return 503  # It did not even connect.
    number = error.orig.args[0] if error.orig and error.orig.args else None
    for status, numbers in _STATUS.items():
        if number in numbers:
            return status
    return None


def is_behind(
    columns: Sequence[InstrumentedAttribute[Any]],
    row: Sequence[ColumnElement[Any]],
    descending: bool,
) -> ColumnElement[bool]:
    """Return whether a row comes after `row` in the order of these two columns.

    Written out: no index is read for `(a, b) < (1, 2)`.
    """
    (first, second), (one, two) = columns, row
    if descending:
        return or_(first < one, and_(first == one, second < two))
    return or_(first > one, and_(first == one, second > two))


def searchable(*columns: str) -> Any:
    """Return a column with the words of others, for `has_words`. The database keeps it."""
    texts = ", ' ', ".join(columns)
    # Else a_b and it's would be one word each.
    words = f"regexp_replace(concat({texts}), '{server.PUNCTUATION}', ' ')"
    lower = Computed(f"lcase({words})", persisted=True)
    return mapped_column(MEDIUMTEXT, lower, deferred=True, nullable=True)


def search_indexes(column: str) -> tuple[Index, ...]:
    """Return the index that makes `has_words` quick, for `__table_args__`."""
    return (Index(None, column, mysql_prefix="FULLTEXT"),)


def has_words(column: Any, words: Sequence[str]) -> ColumnElement[bool]:
    """Return whether a row has all the words, in any order and in any case."""
    query = " ".join(f"+{word}" for word in words)
    return match(column, against=func.lcase(query)).in_boolean_mode()


@checks.of_settings("S017", "warning")
def connection_is_private(ours: checks.Settings) -> Iterator[tuple[str, str]]:
    return server.risks(ours, _is_private, "Add ?ssl_ca= and the file of its authority")


def _is_private(url: URL) -> bool:
    return _is_local(url) or "ssl_ca" in url.query or "ssl_capath" in url.query


def _is_local(url: URL) -> bool:
    return url.host in ("localhost", "127.0.0.1", "::1") or "unix_socket" in url.query
