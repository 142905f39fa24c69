"""Requests that this service sends: how long others took to answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from prometheus_client import Histogram

from .counts import registry


@contextmanager
def outbound(target: str) -> Iterator[None]:
    """Measure a request to another service: `with outbound("payments"): ...`.

    `target` is a name of few, no address. What raises in it is counted as failed.
    """
    failed = "yes"
    began = time.perf_counter()
    try:
        yield
        failed = "no"
    finally:
        _durations().labels(target, failed).observe(time.perf_counter() - began)


@cache
def _durations() -> Histogram:
    return Histogram(
        "http_client_request_duration_seconds",
        "How long requests to other services took.",
        ["target", "failed"],
        registry=registry(),
    )
