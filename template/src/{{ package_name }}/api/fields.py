"""Fields, and rules for texts as validators that also stand in the document."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate

from ..database import words_of

# JSON Schema and Python read `$` alike only with the look-ahead: no line break at the end.
LINE = validate.Regexp(
    r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$(?!\n)",
    error="Must be one line without control characters.",
)
TEXT = validate.Regexp(r"^[^\u0000]*$", error="Must not contain the character NUL.")


class _WrittenByOrjson(fields.Field[Any]):
    """A value that orjson writes, at a fraction of marshmallow's time."""

    def _serialize(self, value: Any, *_args: Any, **_options: Any) -> Any:
        return value


class Id(_WrittenByOrjson, fields.UUID):
    """The id of a row."""


class Time(_WrittenByOrjson, fields.AwareDateTime):
    """A time with its zone."""


class Words(fields.String):
    """The words of a search as a list. What is neither letter nor digit parts them."""

    LENGTH = validate.Length(1, 200)

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        text: str = super()._deserialize(value, *args, **options)
        found = words_of(LINE(self.LENGTH(text)))
        if not found:
            raise ValidationError("Give a word of 3 to 84 letters or digits.")
        return found
