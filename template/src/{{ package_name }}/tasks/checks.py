"""What the limits and tries of a job must be."""

from __future__ import annotations

from collections.abc import Iterator

from .. import checks


@checks.of_settings("S022", everywhere=True)
def limits_of_a_job(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    names = ("JOB_SOFT_LIMIT_SECONDS", "JOB_LIMIT_SECONDS", "JOB_VISIBILITY_SECONDS")
    soft, hard, visible = (settings[name] for name in names)
    if not 0 < soft < hard < visible:
        hint = "Let it be more than 0, less than FLASK_JOB_LIMIT_SECONDS, and that less than"
        yield f"FLASK_{names[0]} is out of order.", f"{hint} FLASK_{names[2]}."


@checks.of_settings("S022", everywhere=True)
def tries_of_a_job(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    for name, least in {"JOB_DELIVERIES": 1, "JOB_RETRIES": 0}.items():
        if settings[name] < least:
            yield f"FLASK_{name} is less than {least}.", "Leave it out: it has a default."
