"""What Redis says of RQ's jobs."""

from __future__ import annotations

from collections.abc import Sequence

import rq
from flask import current_app
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily


def count_jobs() -> Sequence[Metric]:
    """Return how many jobs wait for a worker, and how many failed for good."""
    queue: rq.Queue = current_app.extensions["rq"]
    jobs = GaugeMetricFamily("jobs", "Jobs that wait, or failed for good.", labels=["status"])
    jobs.add_metric(["queued"], queue.count)
    jobs.add_metric(["failed"], queue.failed_job_registry.count)
    return (jobs,)
