"""The data layer: engines, migrations, readiness, and what services ask of a database."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from alembic.config import Config
from flask import Flask
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from .. import checks, health
from ..base import Base
from ..extensions import db, migrate
from . import failures
from .changes import delete_rows, update_rows
from .dialect import dialect
from .keyset import keyset
from .readiness import schema_is_current
from .search import words_of

__all__ = [
    "delete_rows",
    "has_words",
    "init_app",
    "keyset",
    "search_indexes",
    "searchable",
    "update_rows",
    "words_of",
]

has_words = dialect.has_words
search_indexes = dialect.search_indexes
searchable = dialect.searchable


def init_app(app: Flask) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # It logs every inspection.
    app.config.update(dialect.settings(app.config))
    db.init_app(app)
    app.teardown_appcontext(_give_back)
    migrate.init_app(app, db, **dialect.MIGRATIONS)
    with app.app_context():
        for engine in db.engines.values():
            dialect.prepare(engine, app.config)
    health.add_check(app, "database", schema_is_current)
    failures.init_app(app)
    app.shell_context_processor(_models)


def _give_back(_error: BaseException | None) -> None:
    """Undo what is left of the session, before its extension does.

    Of a connection that broke nothing is left, and a request that is answered already
    must not fail on it.
    """
    if not db.session.registry.has():
        return
    try:
        db.session.close()
    except DBAPIError:
        db.session().invalidate()


@migrate.configure
def _lock_migrations(config: Config) -> Config:
    """Tell `migrations/env.py` how one process migrates while the others wait."""
    config.attributes.update(locked=dialect.locked, start=dialect.START)
    return config


def _models() -> dict[str, Any]:
    """Return what `flask shell` knows by name."""
    return {mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers}


@checks.of_settings("S017", everywhere=True)
def database_url(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    for name in dialect.URLS:
        text = settings[name]
        if text is None:
            continue
        hint = f"Write it as {dialect.FORM}"
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):  # ValueError: of a port that is no number.
            yield f"FLASK_{name} is not set, or no URL.", hint
            continue
        if url.drivername not in dialect.DRIVERS:
            yield f"FLASK_{name} is for another driver.", hint
        elif fault := dialect.fault_of_url(url):
            yield f"FLASK_{name} {fault}.", hint
