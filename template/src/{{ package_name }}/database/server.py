"""What is special about a database on a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from .. import checks
from .engine import engine_options

URLS = ("SQLALCHEMY_DATABASE_URI", "REPLICA_URL")
START = "Is it started? docker compose up --wait database"
# For alembic: a table is changed in place, not by a copy of it.
MIGRATIONS = {"render_as_batch": False}
# What parts words, to a regular expression: the punctuation of ASCII.
PUNCTUATION = "[!-/:-@[-`{-~]"
# The password of compose.yaml, where nobody chose another.
_SAMPLE = "development"


def settings_of(
    ours: checks.Settings, connect_args: Callable[[str, bool], dict[str, Any]], **options: Any
) -> dict[str, Any]:
    """Return the settings of Flask-SQLAlchemy: those of its engines.

    `connect_args` is given a URL, and whether the engine may only read.
    """

    def engine(url: str, *, read_only: bool) -> dict[str, Any]:
        return {
            **engine_options(ours),
            "pool_pre_ping": True,
            "pool_recycle": ours["DATABASE_POOL_RECYCLE_SECONDS"],
            "connect_args": connect_args(url, read_only),
            "execution_options": {"read_only": read_only},
            **options,
        }

    url, replica = ours["SQLALCHEMY_DATABASE_URI"], ours["REPLICA_URL"]
    theirs: dict[str, Any] = {"SQLALCHEMY_ENGINE_OPTIONS": engine(url, read_only=False)}
    if replica:
        reading = {"url": replica, **engine(replica, read_only=True)}
        theirs["SQLALCHEMY_BINDS"] = {"replica": reading}
    return theirs


def fault_of_url(url: URL) -> str | None:
    """Return what is wrong with a URL of the right driver."""
    if "@" in str(url.host):
        return "has an @ too many: write %40 for one in the password"
    return None if url.database else "names no database"


def risks(
    ours: checks.Settings, is_private: Callable[[URL], bool], hint: str
) -> Iterator[tuple[str, str]]:
    """Yield what somebody else may make use of: an open way, or a password that all know."""
    for name in URLS:
        with suppress(ArgumentError, ValueError):  # What is no URL is another finding.
            url = make_url(ours[name]) if ours[name] else None
            if url and not is_private(url):
                yield f"FLASK_{name} lets the connection go unencrypted.", hint
            if url and url.password == _SAMPLE:
                yield f"FLASK_{name} has the password of development.", "Choose another."


@checks.of_settings("S018", "warning")
def statements_end(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    if settings["DATABASE_STATEMENT_TIMEOUT_SECONDS"] == 0:
        hint = "Leave it out: it is 30 seconds then."
        yield "FLASK_DATABASE_STATEMENT_TIMEOUT_SECONDS lets a statement run for ever.", hint
