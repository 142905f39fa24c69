"""Requests: how many, how long, how many at once, and what broke in them."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from flask import Flask, Response, g, got_request_exception, request
from prometheus_client import Counter, Gauge, Histogram

from .counts import registry

# A client can send any word as a method, and any path: none makes a series of its own.
_METHODS = frozenset(["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"])


def init_app(app: Flask) -> None:
    active = _active()

    def begin() -> None:
        active.inc()
        g.is_active = True

    def end(_error: BaseException | None) -> None:
        if g.pop("is_active", False):
            active.dec()

    app.before_request(begin)
    app.after_request(_count)
    app.teardown_request(end)
    got_request_exception.connect(_count_exception, app)
    _durations()
    _exceptions()


@cache
def _active() -> Gauge:
    return Gauge(
        "http_server_active_requests",
        "Requests that are being answered.",
        multiprocess_mode="livesum",
        registry=registry(),
    )


@cache
def _durations() -> Histogram:
    return Histogram(
        "http_server_request_duration_seconds",
        "How long requests took.",
        ["method", "route", "status"],
        registry=registry(),
    )


@cache
def _exceptions() -> Counter:
    return Counter(
        "http_server_exceptions",
        "Exceptions that nobody caught.",
        ["route", "exception"],
        registry=registry(),
    )


@cache
def _series(method: str, route: str, status: int) -> Any:
    """Return one series: to look it up in the histogram takes as long as to count."""
    return _durations().labels(method, route, status)


def _count(response: Response) -> Response:
    method = request.method if request.method in _METHODS else "other"
    took = time.perf_counter() - g.started
    _series(method, _route(), response.status_code).observe(took)
    return response


def _count_exception(_app: Flask, exception: BaseException, **_: Any) -> None:
    _exceptions().labels(_route(), type(exception).__name__).inc()


def _route() -> str:
    return request.url_rule.rule if request.url_rule else "unmatched"
