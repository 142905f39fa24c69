"""What goes into a job and comes out of it: JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .errors import ArgumentsError

LONGEST = 60_000  # Characters of arguments.
LONGEST_KEY = 200  # Characters, the task included.


def written(value: Any) -> str:
    """Return a value as JSON; TypeError or ValueError for what is none, NaN included."""
    return json.dumps(value, allow_nan=False)


def check(args: Sequence[Any]) -> None:
    """Raise `ArgumentsError` unless the arguments read back as they are written."""
    given = list(args)
    try:
        text = written(given)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentsError("The arguments of a job are JSON: give ids, not objects.") from error
    if json.loads(text) != given:
        raise ArgumentsError("The arguments of a job are JSON: lists, and names that are texts.")
    if len(text) > LONGEST:
        raise ArgumentsError(f"The arguments of a job take {LONGEST} bytes: give ids, not data.")


def key_among_all(task: str, key: str | None) -> str | None:
    """Return the key of a job among those of all tasks; `ArgumentsError` if it is too long."""
    if not key:
        return None
    whole = f"{task}:{key}"
    if len(whole) > LONGEST_KEY:
        raise ArgumentsError(f"A key takes {LONGEST_KEY} characters, with the name of its task.")
    return whole
