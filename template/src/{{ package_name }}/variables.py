"""The variables `FLASK_*`: what the environment says about the settings."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from . import typed

_PREFIX = "FLASK_"
# Flask reads these itself; they are no misspelt settings of ours.
_FLASKS_OWN = {"FLASK_APP", "FLASK_DEBUG", "FLASK_ENV", "FLASK_SKIP_DOTENV"}


def read(declared: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the value of each setting that is set, and the fault of each that cannot be.

    `declared` has the type of each setting; the faults are by the name of the variable.
    """
    values, faults = {}, {}
    for name, kind in declared.items():
        variable = _PREFIX + name
        if {variable, f"{variable}_FILE"} <= os.environ.keys():
            faults[variable] = f"{variable} and {variable}_FILE are both set: keep one."
            continue
        try:
            text = _text(variable)
            if text is not None:
                values[name] = typed.parse(text, kind)
        except OSError as error:
            faults[variable] = f"{variable}_FILE cannot be read: {error.strerror}."
        except ValueError:
            faults[variable] = f"{variable} must be {typed.form(kind)}."
    return values, faults


def source(name: str) -> str:
    """Return the variable that a setting which is set comes from."""
    variable = _PREFIX + name
    return variable if variable in os.environ else f"{variable}_FILE"


def _text(variable: str) -> str | None:
    """Return the variable's text, or that of the file which `<variable>_FILE` names."""
    path = os.environ.get(f"{variable}_FILE")
    if path is not None:
        return Path(path).read_text(encoding="utf-8").strip()
    return os.environ.get(variable)


def near_misses(names: Collection[str]) -> Iterator[str]:
    """Yield a warning for each `FLASK_*` that is almost a setting."""
    known = {_PREFIX + name for name in names}
    for variable in sorted(os.environ):
        name = variable.removesuffix("_FILE")
        if name.startswith(_PREFIX) and name not in known | _FLASKS_OWN:
            for match in difflib.get_close_matches(name, known, n=1, cutoff=0.85):
                yield f"{variable} is not a setting and was left alone; {match} is one."
