"""The engine: how many connections a process keeps, and what its errors tell."""

from __future__ import annotations

from typing import Any

from sqlalchemy import NullPool

from ..checks import Settings


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return the options of every engine. A pool of size 0 is no pool at all."""
    # An error says which statement failed, not with which values.
    options: dict[str, Any] = {"hide_parameters": True}
    if settings["DATABASE_POOL_SIZE"] == 0:
        return {**options, "poolclass": NullPool}
    return {
        **options,
        "pool_size": settings["DATABASE_POOL_SIZE"],
        "max_overflow": settings["DATABASE_POOL_OVERFLOW"],
        "pool_timeout": settings["DATABASE_POOL_TIMEOUT_SECONDS"],
    }
