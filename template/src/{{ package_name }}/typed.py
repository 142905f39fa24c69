"""Values from text: what a variable says, as the type that a setting declares."""

from __future__ import annotations

import json
import types
import typing
from typing import Any

_FORMS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number such as 0 or 10",
    str: "text (in JSON quotes, if it begins with a quote)",
    types.NoneType: "null",
    list[str]: 'a JSON list of texts such as ["a", "b"]',
    dict[str, str]: 'a JSON object of texts such as {"a": "b"}',
}


def parse(text: str, kind: Any) -> object:
    """Return the value that `text` stands for; ValueError when it is not of `kind`.

    Text is taken as written unless it is a JSON string, everything else is JSON, and
    a boolean may also be 1 or 0.
    """
    if typing.get_origin(kind) is typing.Literal:
        if text not in typing.get_args(kind):
            raise ValueError
        return text
    kinds = _alternatives(kind)
    if str in kinds and not text.startswith('"') and (text, len(kinds)) != ("null", 2):
        return text
    if kind is bool:
        text = {"1": "true", "0": "false"}.get(text, text.lower())
    value: object = json.loads(text)
    if not any(_is_a(value, alternative) for alternative in kinds):
        raise ValueError
    return value


def form(kind: Any) -> str:
    """Say what a value of `kind` looks like in a variable."""
    if typing.get_origin(kind) is typing.Literal:
        return "one of " + ", ".join(typing.get_args(kind))
    return " or ".join(_FORMS[alternative] for alternative in _alternatives(kind))


def _alternatives(kind: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return typing.get_args(kind) if is_union else (kind,)


def _is_a(value: object, kind: Any) -> bool:
    if isinstance(value, dict):
        return kind == dict[str, str] and all(isinstance(v, str) for v in value.values())
    if isinstance(value, list):
        return kind == list[str] and all(isinstance(item, str) for item in value)
    if kind is int:
        return type(value) is int and value >= 0
    return type(value) is kind
