"""What Celery itself writes to the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from celery.signals import setup_logging
from celery.worker.consumer import consumer


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("quoting", ["UNKNOWN_TASK_ERROR", "INVALID_TASK_ERROR"])
def test_message_that_nobody_takes_is_not_quoted(
    lines: Callable[[], list[dict[str, Any]]], quoting: str
) -> None:
    setup_logging.send(sender=None)
    log = logging.getLogger(consumer.__name__)
    log.error(getattr(consumer, quoting), *["hunter2"] * getattr(consumer, quoting).count("%"))
    log.error("connection lost")
    assert [line["event"] for line in lines()] == ["connection lost"]
