"""Are you alive, are you ready: what a balancer asks before it sends anybody here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson
import structlog
from flask import Flask, current_app
from flask.cli import with_appcontext

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# What an answer for machines has: it is not guessed at, and not kept.
HEADERS = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"))
_CACHE_SECONDS = 2.0

_log = structlog.get_logger(__name__)


def init_app(app: Flask) -> None:
    """Answer the probes in front of Flask: no host check, no log line, no hook."""
    app.extensions["health"] = {}
    app.wsgi_app = Probes(app, app.wsgi_app)  # type: ignore[assignment, method-assign]
    app.cli.add_command(drain)


def add_check(app: Flask, name: str, check: Callable[[], None]) -> None:
    """Ask `check` when /readyz is; it raises when the part cannot be used."""
    app.extensions["health"][name] = check


class Probes:
    """The WSGI layer of `/livez` and `/readyz`.

    `/livez` is 200 while the process answers at all. `/readyz` is 200 when each check
    passes, and 503 when one fails or the service drains; results are kept 2 seconds.
    """

    def __init__(self, app: Flask, wsgi_app: WSGIApplication) -> None:
        self.app = app
        self.wsgi_app = wsgi_app
        self.results: dict[str, str] = {}
        self.fresh_until = 0.0
        self.lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path not in ("/livez", "/readyz"):
            return self.wsgi_app(environ, start)
        headers = [*HEADERS]
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            start("405 Method Not Allowed", [*headers, ("Allow", "GET, HEAD")])
            return []
        ready, answer = (True, {"status": "alive"}) if path == "/livez" else self.readiness()
        body = orjson.dumps(answer)
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start("200 OK" if ready else "503 Service Unavailable", headers)
        return [body] if environ["REQUEST_METHOD"] == "GET" else []

    def readiness(self) -> tuple[bool, dict[str, object]]:
        if Path(self.app.config["DRAIN_FILE"]).exists():
            return False, {"status": "draining"}
        with self.lock:
            if time.monotonic() >= self.fresh_until:
                checks = self.app.extensions["health"].items()
                self.results = {name: self.run(name, check) for name, check in checks}
                self.fresh_until = time.monotonic() + _CACHE_SECONDS
        ready = "failed" not in self.results.values()
        return ready, {"status": "ready" if ready else "failed", "checks": self.results}

    def run(self, name: str, check: Callable[[], None]) -> str:
        try:
            with self.app.app_context():
                check()
        except Exception:
            # The log has the reason; the answer, which anybody can read, has not.
            _log.exception("not ready", check=name)
            return "failed"
        return "ok"


@click.command()
@click.option("--off", is_flag=True, help="Be ready again.")
@with_appcontext
def drain(off: bool) -> None:
    """Turn /readyz to 503, wait DRAIN_SECONDS, and leave the service running.

    Call it before SIGTERM: the balancer stops sending requests while they are still
    served. A start of gunicorn makes the service ready again.
    """
    file = Path(current_app.config["DRAIN_FILE"])
    if off:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    time.sleep(current_app.config["DRAIN_SECONDS"])
