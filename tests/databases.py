"""Real database servers, and new databases on them."""

from __future__ import annotations

import getpass
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from sqlalchemy import URL, Connection, NullPool, create_engine, make_url
from sqlalchemy.exc import OperationalError


@dataclass(frozen=True)
class Kind:
    """What is special about a kind of server."""

    name: str
    driver: str
    variable: str  # Whoever runs the tests names a server there.
    local: tuple[str, ...]  # Where else one may be.
    databases: str  # The statement that lists them.
    drop: str


KINDS = {
    "postgresql": Kind(
        "PostgreSQL",
        "postgresql+psycopg",
        "TEST_POSTGRESQL_URL",
        tuple(f"postgresql://{u}@127.0.0.1/postgres" for u in ("postgres", getpass.getuser())),
        "SELECT datname FROM pg_database",
        "DROP DATABASE {} WITH (FORCE)",
    ),
    "mysql": Kind(
        "MariaDB",
        "mysql+pymysql",
        "TEST_MYSQL_URL",
        ("mysql://root@127.0.0.1/mysql",),
        "SHOW DATABASES",
        "DROP DATABASE {}",
    ),
}


@contextmanager
def connect(url: URL | str) -> Iterator[Connection]:
    """Yield a connection of its own, on which each statement is committed."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def answers(url: URL) -> bool:
    try:
        with connect(url):
            return True
    except OperationalError:
        return False


@cache
def server(kind: str) -> URL | None:
    """Return the server that the environment names, or one on the standard local port."""
    this = KINDS[kind]
    named = os.environ.get(this.variable)
    urls = [make_url(url).set(drivername=this.driver) for url in ([named] if named else this.local)]
    return urls[0] if named else next(filter(answers, urls), None)


def create(url: URL) -> URL:
    """Return a new database on a server."""
    made = url.set(database=f"copier_flask_test_{secrets.token_hex(6)}")
    with connect(url) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {made.database}")
    return made


def drop(kind: str, url: URL) -> None:
    """Drop a database, and those that a suite made beside it under longer names."""
    own = {"postgresql": "postgres", "mysql": "mysql"}[kind]
    with connect(url.set(database=own)) as connection:
        for name in connection.exec_driver_sql(KINDS[kind].databases).scalars().all():
            if name.startswith(str(url.database)):
                connection.exec_driver_sql(KINDS[kind].drop.format(name))
