"""Rows compared as wholes, on a database that reads an index for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, tuple_
from sqlalchemy.orm import InstrumentedAttribute


def is_behind(
    columns: Sequence[InstrumentedAttribute[Any]],
    row: Sequence[ColumnElement[Any]],
    descending: bool,
) -> ColumnElement[bool]:
    """Return whether a row comes after `row` in the order of these columns."""
    return tuple_(*columns) < tuple_(*row) if descending else tuple_(*columns) > tuple_(*row)
