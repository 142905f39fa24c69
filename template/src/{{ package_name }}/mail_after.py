"""Mails that leave when the client has its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import structlog
from flask import Flask, Response, after_this_request, current_app, g

from . import mail
from .mail import Mail

# How many mails a process sends at the same time.
_THREADS = 4

_log = structlog.get_logger(__name__)


def init_app(app: Flask) -> None:
    """Have a pool for the mails. It starts no thread before the first one."""
    app.extensions["mail_pool"] = ThreadPoolExecutor(_THREADS, "mail")
    mail.init_app(app, send)


@contextmanager
def send(to_send: Mail) -> Iterator[None]:
    """Send a mail when the request is answered; a failure is logged."""
    yield
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    deliver = partial(_deliver_or_log, app, to_send, g.get("request_id"))

    @after_this_request
    def wait_for_the_end(response: Response) -> Response:
        response.call_on_close(partial(_hand_over, app, deliver))
        return response


def _hand_over(app: Flask, deliver: Callable[[], None]) -> None:
    """Let a thread talk to the server.

    A client that keeps its connection would else wait with its next request, and could
    tell from it whether there was a mail (OWASP ASVS 5: V6.3.8).
    """
    if app.config["MAIL_BACKEND"] != "smtp":
        deliver()
        return
    try:
        app.extensions["mail_pool"].submit(deliver)
    except RuntimeError:  # The process ends, and makes no more threads.
        deliver()


def _deliver_or_log(app: Flask, to_send: Mail, request_id: str | None) -> None:
    try:
        mail.deliver(app, to_send)
    except mail.NotSentError as error:
        _log.error("a mail was not sent", reason=str(error), request_id=request_id)
