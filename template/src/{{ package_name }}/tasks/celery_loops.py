"""The main loops of Celery's worker and of Beat, with a heartbeat each."""

from __future__ import annotations  # pragma: exclude file

from typing import Any

import structlog
from celery import beat
from celery.worker.consumer import Consumer as CeleryConsumer
from celery.worker.state import maybe_shutdown

from . import heartbeat

_log = structlog.get_logger(__name__)


class Consumer(CeleryConsumer):
    """A worker that lives while its loop goes round, and while it waits for the broker."""

    def __init__(self, *args: Any, task_events: bool = False, **options: Any) -> None:
        # A broker that is full takes no message: who has to send one would not empty it.
        silent = {
            "without_gossip": True,
            "without_heartbeat": not task_events,
            "without_mingle": True,
        }
        super().__init__(*args, task_events=task_events, **options, **silent)
        self.timer.call_repeatedly(heartbeat.SECONDS, self.beat)

    def beat(self) -> None:
        heartbeat.beat(self.app.flask_app.config)

    def ensure_connected(self, conn: Any) -> Any:
        """Return the connection when there is one: Celery's own wait has no heartbeat."""
        self.beat()
        conn.ensure_connection(_log_wait, callback=self.wait)
        self.first_connection_attempt = False
        return conn

    def wait(self) -> None:
        """Do what is to be done each second without a broker."""
        maybe_shutdown()
        self.beat()


def _log_wait(error: Exception, seconds: float) -> None:
    _log.error("broker away", error=str(error), again_in_seconds=seconds)


class Scheduler(beat.Scheduler):
    """Beat. It keeps nothing on a disk: what cron lines were due while it was away is left out."""

    # One of its own would never find the way back to a broker that was away.
    producer = None

    def tick(self, *args: Any, **options: Any) -> Any:
        heartbeat.beat(self.app.flask_app.config)
        return super().tick(*args, **options)
