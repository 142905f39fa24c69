"""Reads that may be a moment old, from a copy of the database."""

from __future__ import annotations

from typing import TypedDict

from sqlalchemy import Engine

from ..extensions import db


class BindArguments(TypedDict):
    bind: Engine


def replica() -> BindArguments:
    """Return the `bind_arguments` of a read that may lag behind what was just written.

    `db.session.scalars(statement, bind_arguments=replica())` asks the database that
    `REPLICA_URL` names, and the only one when it names none. Its connections cannot write.
    """
    return {"bind": db.engines.get("replica", db.engine)}
