"""What /readyz asks of the database."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask, current_app
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from .. import checks
from ..extensions import db, migrate
from .dialect import dialect


class BehindError(RuntimeError):
    """The database lacks a migration of this code."""


def schema_is_current() -> None:
    """Raise when the database cannot be read or lacks a migration of this code.

    A database with migrations that this code does not know is ahead, and is fine: the
    next release is being rolled out.
    """
    # A connection of its own: readiness waits for no pool, and gives up soon.
    connect_args = dialect.probe_args(db.engine.url, current_app.config)
    engine = create_engine(db.engine.url, poolclass=NullPool, connect_args=connect_args)
    with engine.connect() as connection:
        applied = set(MigrationContext.configure(connection).get_current_heads())
    known, heads = _revisions(migrate.directory)
    if applied != heads and applied <= known:
        raise BehindError("The schema is behind the code: run `flask db upgrade`.")


@cache
def _revisions(directory: str) -> tuple[set[str], set[str]]:
    scripts = ScriptDirectory(directory)
    known = {script.revision for script in scripts.walk_revisions()}
    return known, set(scripts.get_heads())


@checks.of_the_app("S031")
def migrations_are_applied(app: Flask) -> Iterator[tuple[str, str]]:
    with app.app_context():
        try:
            schema_is_current()
        except (BehindError, FileNotFoundError):
            yield "The schema is behind the code.", "Run flask db upgrade."
        except (DBAPIError, OSError):
            yield "The database cannot be asked for its schema.", "Run this where it can."
        if len(_revisions(migrate.directory)[1]) > 1:
            yield "The migrations have several heads.", "Run flask db merge heads."
