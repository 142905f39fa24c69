"""Addresses: what somebody typed, and the key under which it is found again."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from email_validator import validate_email

MAX_LENGTH = 254  # Octets: RFC 5321, 4.5.3.1.3 and erratum 1690 of RFC 3696.

_FORM = f"Give an address such as name@example.com, of at most {MAX_LENGTH} characters."


@dataclass(frozen=True, slots=True)
class Address:
    """`email` is for people and for mail; two with the same `key` are the same address."""

    email: str
    key: str


def parse(text: str) -> Address:
    """Return the address; ValueError, with a text for people, when mail cannot reach it.

    Blanks around it are dropped. `email` has the local part as it was typed, and the domain
    in its usual form. `key` has the local part casefolded and the domain in ASCII; it is an
    address itself, with the same key. Names for tests and networks of your own (`.test`,
    `localhost`) are refused everywhere: write example.com.
    """
    try:
        address = _read(text.strip(" "))
        _read(address.key)  # Folded, a text may have grown.
    except ValueError:
        raise ValueError(_FORM) from None
    return address


def mailbox(email: str) -> str:
    """Return an address as mail takes it: with its domain in ASCII."""
    return f"{email.rpartition('@')[0]}@{parse(email).key.rpartition('@')[2]}"


def _read(text: str) -> Address:
    if len(text) > MAX_LENGTH:
        raise ValueError  # Before anything looks at each character.
    found = validate_email(text, check_deliverability=False, strict=True)
    # Unicode TR 39, 3.3: no letter that only looks like another, no wide `@` before the `@`.
    if not unicodedata.is_normalized("NFKC", found.local_part):
        raise ValueError
    local = unicodedata.normalize("NFC", found.local_part.casefold())
    return Address(found.normalized, f"{local}@{found.ascii_domain}")
