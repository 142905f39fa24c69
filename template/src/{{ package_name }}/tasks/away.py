"""What a client is told while the queue is away."""

from __future__ import annotations

import logging

from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import ServiceUnavailable

from .. import errors

_log = logging.getLogger(__name__)


class QueueAwayError(Exception):
    """The queue is away, and has not taken the job: ask again later."""


def init_app(app: Flask) -> None:
    app.register_error_handler(QueueAwayError, _unavailable)


def _unavailable(error: QueueAwayError) -> ResponseReturnValue:
    _log.warning("the queue is away", exc_info=error)
    return errors.problem(ServiceUnavailable("The queue is away.", retry_after=5))
