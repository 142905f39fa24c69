"""Where this process counts: in memory, or under gunicorn in a file that its workers share."""

from __future__ import annotations

from functools import cache

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.multiprocess import MultiProcessCollector


@cache
def registry() -> CollectorRegistry:
    """Return what each metric of this process is made in, once, for however many apps."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # Several processes have none.
    return CollectorRegistry()


def of_all_processes() -> CollectorRegistry:
    """Return a new registry that tells what all workers counted, those that ended as well."""
    whole = CollectorRegistry()
    try:
        MultiProcessCollector(whole)  # type: ignore[no-untyped-call]
    except ValueError:  # It has no folder of files: this process is alone.
        whole.register(registry())
    return whole
