"""`/metrics`: what Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from flask import Flask
from prometheus_client import make_wsgi_app

from .. import checks
from ..health import HEADERS
from ..security import can_be_guessed
from .counts import of_all_processes

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def init_app(app: Flask) -> None:
    """Answer in front of Flask: no host check, no log line, not counted."""
    app.extensions["metrics"] = of_all_processes()
    if token := app.config["METRICS_TOKEN"]:
        tell = make_wsgi_app(app.extensions["metrics"])
        app.wsgi_app = Scrapes(tell, token, app.wsgi_app)  # type: ignore[assignment, method-assign]


class Scrapes:
    """The WSGI layer of `/metrics`, which only who brings the token can tell from no page."""

    def __init__(self, tell: WSGIApplication, token: str, wsgi_app: WSGIApplication) -> None:
        self.tell = tell
        self.token = token.encode()
        self.wsgi_app = wsgi_app

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/metrics" or not self.is_shown_by(environ):
            return self.wsgi_app(environ, start)

        def start_unkept(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start(status, [*headers, *HEADERS], *error)

        if environ["REQUEST_METHOD"] != "HEAD":
            return self.tell(environ, start_unkept)
        self.tell({**environ, "REQUEST_METHOD": "GET"}, start_unkept)
        return []

    def is_shown_by(self, environ: WSGIEnvironment) -> bool:
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        return scheme.lower() == "bearer" and compare_digest(token.encode("latin-1"), self.token)


@checks.of_settings("S027")
def token_of_metrics_is_a_secret(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    token = settings["METRICS_TOKEN"]
    if token and can_be_guessed(token):
        hint = "Make one: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        yield "FLASK_METRICS_TOKEN can be guessed: it is a sample, short, or a pattern.", hint
