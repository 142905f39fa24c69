"""Pages by keyset: they cost the same wherever they are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, literal
from sqlalchemy.orm import InstrumentedAttribute

from .dialect import dialect


def keyset(
    statement: Select[Any],
    column: InstrumentedAttribute[Any],
    key: InstrumentedAttribute[Any],
    *,
    descending: bool,
    after: tuple[object, object] | None,
    limit: int,
) -> Select[Any]:
    """Return `statement` ordered by `column` and `key`, from behind the row `after`.

    The cost of a page does not grow with its distance from the start, as long as an
    index covers both columns.
    """
    if after is not None:
        last = (literal(after[0], column.type), literal(after[1], key.type))
        statement = statement.where(dialect.is_behind((column, key), last, descending))
    order = (column.desc(), key.desc()) if descending else (column, key)
    return statement.order_by(*order).limit(limit)
