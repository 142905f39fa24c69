"""JSON by orjson: fast, and strict where the standard library is not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
from flask.json.provider import JSONProvider


class JsonProvider(JSONProvider):
    """Refuses NaN, Infinity, lone surrogates and nesting without end (RFC 8259)."""

    def dumps(self, obj: Any, *, indent: int | None = None, **_options: Any) -> str:
        option = orjson.OPT_INDENT_2 if indent else None
        return orjson.dumps(obj, default=_default, option=option).decode()

    def loads(self, s: str | bytes, **_options: Any) -> Any:
        return orjson.loads(s)


def _default(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON.")
