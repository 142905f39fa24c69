"""Rules for texts, as validators that also stand in the document."""

from marshmallow import validate

# JSON Schema and Python read `$` alike only with the look-ahead: no line break at the end.
LINE = validate.Regexp(
    r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$(?!\n)",
    error="Must be one line without control characters.",
)
TEXT = validate.Regexp(r"^[^\u0000]*$", error="Must not contain the character NUL.")
