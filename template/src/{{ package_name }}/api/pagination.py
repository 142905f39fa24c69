"""Pages by keyset: a cursor names the last row that the client has seen."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

import orjson
from flask import request
from marshmallow import Schema, ValidationError, fields, post_load, validate

from ..base import utc

MAX_LIMIT = 100


class PageQuery(Schema):
    """The parameters of a list. A subclass declares `sort` and how its values read."""

    PARSERS: ClassVar[Mapping[str, Callable[[str], object]]]

    limit = fields.Integer(load_default=20, validate=validate.Range(1, MAX_LIMIT))
    cursor = fields.String(metadata={"description": "`next_cursor` of the page before"})

    @post_load
    def read_cursor(self, query: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """Replace `cursor` by `after`: the sorted value and the id of the last row."""
        cursor = query.pop("cursor", None)
        query["after"] = self._after(cursor, query["sort"]) if cursor else None
        return query

    def _after(self, cursor: str, sort: str) -> tuple[object, UUID]:
        try:
            made_for, value, key = orjson.loads(base64.urlsafe_b64decode(cursor.encode()))
            if made_for != sort or not isinstance(value, str):
                raise ValueError
            return self.PARSERS[sort.lstrip("-")](value), UUID(key)
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise ValidationError("Not a cursor of this list.", "cursor") from error


def time(text: str) -> datetime:
    """Read a sorted time; for `PARSERS`."""
    return utc(datetime.fromisoformat(text))


def page(rows: Sequence[Any], query: Mapping[str, Any]) -> tuple[Any, dict[str, str]]:
    """Return the body and the headers of a page; `rows` has one more when it goes on.

    The header `Link` is that of RFC 8288.
    """
    rows, more = rows[: query["limit"]], rows[query["limit"] :]
    if not more:
        return {"items": rows, "next_cursor": None}, {}
    sort, last = query["sort"], rows[-1]
    position = orjson.dumps([sort, getattr(last, sort.lstrip("-")), last.id])
    cursor = base64.urlsafe_b64encode(position).decode()
    # A relative reference: it stays right behind a proxy that takes a part of the path away.
    link = f'<?{urlencode({**request.args, "cursor": cursor})}>; rel="next"'
    return {"items": rows, "next_cursor": cursor}, {"Link": link}
