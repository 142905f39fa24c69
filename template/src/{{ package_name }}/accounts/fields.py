"""Fields of accounts: an address, and passwords as they were typed."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate

from . import addresses, passwords


class Email(fields.String):
    """An address, which a view gets as an `addresses.Address`."""

    def __init__(self, **options: Any) -> None:
        documented = {
            "format": "email",
            "maxLength": addresses.MAX_LENGTH,
            "examples": ["me@example.com"],
        }
        super().__init__(metadata=documented, **options)

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        text: str = super()._deserialize(value, *args, **options)
        try:
            return addresses.parse(text)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class Password(fields.String):
    """A password that somebody has. It is never written."""

    DESCRIPTION = "As it was typed, blanks included"

    def __init__(self, **options: Any) -> None:
        super().__init__(
            load_only=True,
            validate=validate.Length(1, passwords.MAX_LENGTH),
            metadata={
                "format": "password",
                "description": self.DESCRIPTION,
                "examples": ["correct horse battery staple"],
            },
            **options,
        )


class NewPassword(Password):
    """A password that somebody wants. The service says whether it is good enough."""

    DESCRIPTION = "Long (15 characters, or what the service is set to), and not a common one"
