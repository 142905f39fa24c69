"""The processes in which a worker of Celery does its jobs."""

from __future__ import annotations

from typing import Any

from celery import current_app as celery_app
from celery.signals import worker_process_init

from ..extensions import db


@worker_process_init.connect
def _share_no_connection(**_: Any) -> None:
    """Let a child open its own: those of its parent belong to the parent."""
    with celery_app.flask_app.app_context():
        for engine in db.engines.values():
            engine.dispose(close=False)
