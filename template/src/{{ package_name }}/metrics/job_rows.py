"""What the table of jobs says."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import func, select

from ..base import utc_now
from ..extensions import db
from ..tasks.models import Job, Status

# What is done is not counted: the more there is of it, the longer that took.
_COUNTED = (Status.QUEUED, Status.RUNNING, Status.FAILED)


def count_jobs() -> Sequence[Metric]:
    """Return how many jobs have each status, and how long one has been queued at most.

    A job that is tried again, or replayed, is queued anew.
    """
    jobs = GaugeMetricFamily("jobs", "Jobs, but for those that are done.", labels=["status"])
    for status in _COUNTED:
        counted = select(func.count()).where(Job.status == status)
        jobs.add_metric([status], db.session.scalar(counted) or 0)
    queued_at = func.min(func.coalesce(Job.published_at, Job.created_at))
    since = db.session.scalar(select(queued_at).where(Job.status == Status.QUEUED))
    waited = (utc_now() - since).total_seconds() if since else 0
    oldest = "How long the job has been queued that has been for longest."
    return jobs, GaugeMetricFamily("jobs_oldest_queued_seconds", oldest, waited)
