"""How the service speaks: one JSON object a line, with the id of the request."""

from __future__ import annotations

import contextlib
import logging
import logging.config
import re
import secrets
import sys
import time
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from flask import Flask, Response, g, has_app_context, request
from structlog.stdlib import ProcessorFormatter

REDACTED = "[redacted]"
# A name is secret when one of its words is: api_key, Set-Cookie, refreshToken.
_SECRET_WORDS = frozenset(
    word
    for words in (
        "authorization cookie cookies credential credentials csrf jwt key keys",
        "passphrase passwd password passwords pwd secret secrets",
        "session sessionid token tokens",
    )
    for word in words.split()
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
# What a client may send as an id; anything else could forge a line (ASVS 5: V16.4.1).
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
_JSON = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS

Event = MutableMapping[str, Any]


def configure(settings: Mapping[str, Any]) -> None:
    """Send every logger of the process, ours and the libraries', through one formatter."""
    logging.config.dictConfig(dict_config(settings))
    structlog.configure(
        processors=[*_shared(), ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def dict_config(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration for `logging`, which gunicorn's master shares."""
    renderers: list[structlog.typing.Processor] = [_render_json]
    if settings["LOG_FORMAT"] == "text":
        renderers = [_on_one_line, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    formatter = {
        "()": ProcessorFormatter,
        "foreign_pre_chain": _shared(),
        "processors": [ProcessorFormatter.remove_processors_meta, *renderers],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"stderr": {"()": StderrHandler, "formatter": "line"}},
        "root": {"level": settings["LOG_LEVEL"], "handlers": ["stderr"]},
        "loggers": {
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
            # Its own access lines would repeat ours.
            "werkzeug": {"level": "WARNING"},
        },
    }


def init_app(app: Flask) -> None:
    """Give each request an id, and write one line when it is answered."""
    write = _write_json if app.config["LOG_FORMAT"] == "json" else _write_event

    def end(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        if speaks:
            write(_access_line(response))
        return response

    speaks = logging.getLogger(__name__).isEnabledFor(logging.INFO)
    app.before_request(_begin)
    app.after_request(end)


def _begin() -> None:
    given = request.environ.get("HTTP_X_REQUEST_ID")
    g.request_id = given if given and _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
    g.started = time.perf_counter()


def _access_line(response: Response) -> dict[str, Any]:
    """Return the line of a request: the rule, never the path, and nothing secret."""
    # A look through a proxy costs as much as the whole line does in JSON.
    asked, known = request._get_current_object(), g._get_current_object()  # type: ignore[attr-defined]
    rule = asked.url_rule
    return {
        "event": "request",
        "method": asked.method,
        "route": rule.rule if rule else None,
        "status": response.status_code,
        "duration_ms": round((time.perf_counter() - known.started) * 1000, 2),
        "client": asked.remote_addr,
        "request_id": known.request_id,
        "logger": __name__,
        "level": "info",
        "timestamp": datetime.now(UTC),
    }


class StderrHandler(logging.Handler):
    """Writes to what stderr is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            _write(self.format(record).encode())
        except Exception:
            self.handleError(record)


def _write(line: bytes) -> None:
    with contextlib.suppress(OSError):  # A full disk or a closed pipe fails no request.
        sys.stderr.buffer.write(line + b"\n")
        sys.stderr.buffer.flush()


def _write_json(line: dict[str, Any]) -> None:
    """Write past `logging`, which would cost a request more than its answer does."""
    _write(orjson.dumps(line, option=_JSON))


def _write_event(line: dict[str, Any]) -> None:
    del line["timestamp"], line["level"], line["logger"], line["request_id"]
    structlog.get_logger(__name__).info(**line)


def _shared() -> list[structlog.typing.Processor]:
    """Return what happens to every event, before one renderer writes it."""
    return [
        _add_request_id,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]


def _add_request_id(_logger: Any, _method: str, event: Event) -> Event:
    if has_app_context() and "request_id" in g:
        event["request_id"] = g.request_id
    return event


def redact(_logger: Any, _method: str, event: Event) -> Event:
    """Replace each value whose name says that it is secret, at any depth."""
    return {name: _redacted(name, value) for name, value in event.items()}


def _redacted(name: object, value: Any) -> Any:
    words = {word.lower() for word in _WORD.findall(str(name))}
    if words & _SECRET_WORDS:
        return REDACTED
    if isinstance(value, Mapping):
        return {key: _redacted(key, inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted("", inner) for inner in value]
    return value


def _on_one_line(_logger: Any, _method: str, event: Event) -> Event:
    """Keep a line break in a text from looking like a line of its own."""
    return {k: _escaped(v) if k != "exception" else v for k, v in event.items()}


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\r", "\\r").replace("\n", "\\n")
    return value


def _render_json(_logger: Any, _method: str, event: Event) -> str:
    return orjson.dumps(event, default=repr, option=_JSON).decode()
