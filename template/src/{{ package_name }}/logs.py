"""How the service speaks: one JSON object a line, with the id of the request."""

from __future__ import annotations

import contextlib
import json
import logging
import logging.config
import re
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from flask import Flask, Response, current_app, g, has_app_context, request
from structlog.stdlib import ProcessorFormatter
from werkzeug.datastructures import Headers

from . import checks

REDACTED = "[redacted]"
# A name is secret when it has one of these in it, or one of those as a word of its own.
_SECRET_PARTS = re.compile(
    "authori|bearer|cookie|credential|pass(code|phrase|w)|secret|token", re.I
)
_SECRET_WORDS = frozenset(
    ["apikey", "auth", "csrf", "dsn", "jwt", "key", "keys", "otp", "pwd", "session", "sessionid"]
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# What a client may send as an id; anything else could forge a line (ASVS 5: V16.4.1).
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
_JSON = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS

Event = MutableMapping[str, Any]

_log = structlog.get_logger(__name__)


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
            "werkzeug": {"level": "INFO", "filters": [_is_no_access_line]},
        },
    }


def init_app(app: Flask) -> None:
    """Give each request an id, and write one line when it is answered."""
    write = _write_json if app.config["LOG_FORMAT"] == "json" else _write_event
    app.extensions["logs"] = write

    def end(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        if speaks:
            write(_access_line(response))
        return response

    app.log_exception = _log_exception  # type: ignore[method-assign]
    speaks = logging.getLogger(__name__).isEnabledFor(logging.INFO)
    app.before_request(_begin)
    app.after_request(end)


def _log_exception(exc_info: Any) -> None:
    """Log what nobody caught, by the rule: a path can hold a secret."""
    rule = request.url_rule
    _log.error("unhandled exception", exc_info=exc_info, route=rule.rule if rule else None)


def _is_no_access_line(record: logging.LogRecord) -> bool:
    """Tell werkzeug's other lines from those that would repeat ours: they have arguments."""
    return not record.args


def _begin() -> None:
    given = request.environ.get("HTTP_X_REQUEST_ID")
    g.request_id = given if given and _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
    g.started = time.perf_counter()
    g.facts = {}  # Whoever knows more of a request adds it here, and its line has it.


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
        **known.facts,
    }


def write(logger: str, event: str, **facts: object) -> None:
    """Write a line of what happens often, past `logging`; the facts are no secrets."""
    if logging.getLogger(logger).isEnabledFor(logging.INFO):
        told = {"request_id": g.get("request_id"), "logger": logger, "level": "info"}
        line = {"event": event, **facts, **told, "timestamp": datetime.now(UTC)}
        current_app.extensions["logs"](line)


class StderrHandler(logging.Handler):
    """Writes to what stderr is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            _write(self.format(record).encode())
        except Exception:
            self.handleError(record)


def _write(line: bytes) -> None:
    # A full disk, a closed pipe or a stderr that is none fails no request.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.buffer.write(line + b"\n")
        sys.stderr.buffer.flush()


def _write_json(line: dict[str, Any]) -> None:
    """Write past `logging`, which would cost a request more than its answer does."""
    _write(orjson.dumps(line, option=_JSON))


def _write_event(line: dict[str, Any]) -> None:
    del line["timestamp"], line["level"], line["logger"], line["request_id"]
    _log.info(**line)


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
    if words & _SECRET_WORDS or _SECRET_PARTS.search(str(name)):
        return REDACTED
    if isinstance(value, Mapping | Headers):
        return {key: _redacted(key, inner) for key, inner in value.items()}
    if isinstance(value, tuple) and len(value) == 2:
        return [value[0], _redacted(value[0], value[1])]
    if isinstance(value, list | tuple):
        return [_redacted("", inner) for inner in value]
    return value


def _on_one_line(_logger: Any, _method: str, event: Event) -> Event:
    """Keep a text from looking like a line of its own, or like a command to the terminal."""
    return {_escaped(k): _escaped(v) if k != "exception" else v for k, v in event.items()}


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return _UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], _COLOUR.sub("", value))
    return value


def _render_json(_logger: Any, _method: str, event: Event) -> str:
    try:
        return orjson.dumps(event, default=repr, option=_JSON).decode()
    except TypeError:  # Of a number beyond 64 bits, half a character, a strange key.
        return json.dumps(event, default=repr, skipkeys=True)


@checks.of_settings("S029", "warning")
def lines_are_for_machines(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    if settings["LOG_LEVEL"] == "DEBUG":
        yield "FLASK_LOG_LEVEL is DEBUG.", "Set it to INFO: at DEBUG libraries log values."
    if settings["LOG_FORMAT"] != "json":
        yield "FLASK_LOG_FORMAT is for people.", "Leave it out: json is the default."
