"""Real brokers: where the queues of the services under test are."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from functools import cache
from pathlib import Path

from sqlalchemy import URL, make_url

# The variable in which whoever runs the tests names one, and where else it may be.
KINDS = {
    "redis": ("TEST_REDIS_URL", "redis://127.0.0.1:6379/0"),
    "rabbitmq": ("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//"),
}
# What their URLs begin with.
SCHEMES = ("redis", "amqp")


def listens(url: URL) -> bool:
    """Return whether something is there."""
    with contextlib.suppress(OSError), socket.create_connection((url.host, url.port), 1):
        return True
    return False


@cache
def server(kind: str) -> str | None:
    """Return the URL of a broker that is there."""
    variable, local = KINDS[kind]
    named = os.environ.get(variable, local)
    return named if listens(make_url(named)) else None


def settings(service: Path) -> dict[str, str]:
    """Return what a service with workers or a cache needs: its servers, and its own queue."""
    sample = (service / ".env.example").read_text(encoding="utf-8")
    named = {f"FLASK_{kind.upper()}_URL": server(kind) or "" for kind in KINDS}
    needed = {name: url for name, url in named.items() if f"\n{name}=" in sample}
    queue = {"FLASK_JOB_QUEUE": f"test-{secrets.token_hex(4)}"}
    return needed | (queue if "\nFLASK_JOB_QUEUE=" in sample else {})
