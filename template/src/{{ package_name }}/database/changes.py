"""Rows changed where they are, many at once: nothing of them is loaded."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Delete, Update, delete, update

from ..base import Base
from ..extensions import db


def update_rows(model: type[Base], *which: ColumnElement[bool], **values: object) -> int:
    """Set values in all rows that meet the conditions; return how many these were."""
    return _changed(update(model).where(*which).values(values))


def delete_rows(model: type[Base], *which: ColumnElement[bool]) -> int:
    """Delete all rows that meet the conditions; return how many these were."""
    return _changed(delete(model).where(*which))


def _changed(statement: Update | Delete) -> int:
    unloaded = {"synchronize_session": False}
    result = db.session.execute(statement, execution_options=unloaded)
    return int(result.rowcount)  # type: ignore[attr-defined]
