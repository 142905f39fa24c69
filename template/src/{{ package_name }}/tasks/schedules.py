"""What is done again and again: the full name of a task, and how often.

A number is of seconds; a text is a line of cron, in UTC.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

_PACKAGE = __package__.partition(".")[0]
RELAY = f"{_PACKAGE}.tasks.jobs.relay"
SCHEDULES: Mapping[str, int | str] = {
    RELAY: 10,
    f"{_PACKAGE}.tasks.jobs.purge": "30 3 * * *",
    # --- this service's own schedules stand below ---
}


def key_of(task: str, sent_at: float | None = None) -> str | None:
    """Return the key of a period, which two schedulers share: the task and its start.

    The relay has none: it is asked for too often, and many may do it at once.
    """
    if task == RELAY:
        return None
    every = SCHEDULES[task]
    period = every if isinstance(every, int) else 60
    now = time.time() if sent_at is None else sent_at
    return f"{task}:{int(now // period) * period}"
