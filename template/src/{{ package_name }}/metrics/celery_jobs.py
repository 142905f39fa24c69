"""What Redis says of Celery's jobs."""

from __future__ import annotations

from collections.abc import Sequence

from flask import current_app
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from ..tasks.deliveries import name, store


def count_jobs() -> Sequence[Metric]:
    """Return how many jobs wait for a worker, and how many failed for good."""
    jobs = GaugeMetricFamily("jobs", "Jobs that wait, or failed for good.", labels=["status"])
    queue = current_app.config["JOB_QUEUE"]
    with store().pipeline() as both:
        both.llen(f"{queue}:{queue}")
        both.zcard(name("dead"))
        for status, count in zip(("queued", "failed"), both.execute(), strict=True):
            jobs.add_metric([status], count)
    return (jobs,)
