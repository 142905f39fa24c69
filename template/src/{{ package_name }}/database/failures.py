"""What the database's errors mean to a client. Whatever has no meaning here is a crash."""

from __future__ import annotations

import logging

from flask import Flask, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import (
    Conflict,
    PreconditionFailed,
    ServiceUnavailable,
    UnprocessableEntity,
)

from .. import errors
from .dialect import dialect

_log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    app.register_error_handler(StatementError, _of_a_statement)
    app.register_error_handler(PoolTimeoutError, _unavailable)
    app.register_error_handler(StaleDataError, _of_a_race)


def status(error: StatementError) -> int | None:
    """Return what a client is told: 409, 422, 503, or None for a crash.

    503 is for what may pass: no connection, lock, time or space to be had, a deadlock or a
    serialization that failed. The client may send it again; only of a connection that broke
    in the middle of a commit does nobody know whether it was written.
    """
    if not isinstance(error, DBAPIError):
        return 422 if isinstance(error.orig, OverflowError) else None  # Of a time after 9999.
    if error.connection_invalidated:
        return 503
    of_its_class = 409 if isinstance(error, IntegrityError) else None
    if isinstance(error, DataError):
        of_its_class = 422
    return dialect.status(error) or of_its_class


def _of_a_statement(error: StatementError) -> ResponseReturnValue:
    told = status(error)
    if told is None:
        raise error
    if told == 503:
        return _unavailable(error)
    # Without the message: it quotes values.
    _log.warning("refused by the database: %s in %s", type(error.orig).__name__, error.statement)
    if told == 409:
        return errors.problem(Conflict("It conflicts with what is there."))
    return errors.problem(UnprocessableEntity("A value cannot be stored: its form or its length."))


def _of_a_race(_error: StaleDataError) -> ResponseReturnValue:
    told = PreconditionFailed if "If-Match" in request.headers else Conflict
    return errors.problem(told("It was changed meanwhile."))


def _unavailable(error: Exception) -> ResponseReturnValue:
    _log.warning("the database is busy or away", exc_info=error)
    return errors.problem(ServiceUnavailable("The database is busy.", retry_after=1))
