"""What Celery itself writes to the log, and what its tasks are to who calls them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from celery.signals import setup_logging
from celery.worker.consumer import consumer
from flask import Flask

import samples


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


def test_task_that_is_called_is_a_function(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a shell, or in another task: no job begins."""
    monkeypatch.setattr(samples, "DONE", [])
    assert samples.keep(1) == 1
    with app.test_request_context():
        assert samples.keep(2) == 2
    with pytest.raises(LookupError):
        samples.fail()
