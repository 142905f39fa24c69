"""What RQ itself writes to the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.usefixtures("app")
def test_arguments_are_not_quoted(lines: Callable[[], list[dict[str, Any]]]) -> None:
    log = logging.getLogger("rq.worker")
    log.error("a job raised", extra={"arguments": ("hunter2",)})
    log.info("default: reports.jobs.export('hunter2')")
    log.warning("the work horse is gone")
    assert [line["event"] for line in lines()] == ["the work horse is gone"]
