"""The heartbeat of workers and schedulers, which the health check of `compose.yaml` hears."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from .. import checks

# The check wants one a minute.
SECONDS = 5


def file_of(settings: checks.Settings) -> Path:
    """Return the file whose age is that of the last beat."""
    return Path(settings["DRAIN_FILE"]).with_name("heartbeat")


def beat(settings: checks.Settings) -> None:
    """Say that the main loop goes round. Where nothing can be written, nobody hears it."""
    file = file_of(settings)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
