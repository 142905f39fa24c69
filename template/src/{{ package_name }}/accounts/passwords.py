"""Passwords: how they are kept, and which are good enough."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterator
from importlib import resources

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from flask import Flask, current_app

from .. import checks

MAX_LENGTH = 128

# OWASP Password Storage: KiB and passes. Each pair is as strong as the others.
_STRONG_ENOUGH = ((47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5))


class WeakPasswordError(ValueError):
    """A password that must not be used: the message says why, `field` how it was called."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


def init_app(app: Flask) -> None:
    app.extensions["passwords"] = PasswordHasher(
        memory_cost=app.config["ARGON2_MEMORY_COST"],
        time_cost=app.config["ARGON2_TIME_COST"],
        parallelism=app.config["ARGON2_PARALLELISM"],
    )


def hash(text: str) -> str:  # noqa: A001 (called as passwords.hash)
    """Return what to keep of a password: its argon2id hash, with its salt and parameters."""
    return _hasher().hash(_octets(text))


def verify(known: str | None, text: str) -> bool:
    """Say whether `text` is the password of which `known` is the hash.

    `None`, for somebody unknown, takes as long and is never right (OWASP ASVS 5: 6.3.8).
    """
    hasher = _hasher()
    try:
        return hasher.verify(known or _of_nobody(hasher), _octets(text)) and bool(known)
    except VerifyMismatchError:
        return False


def needs_rehash(known: str) -> bool:
    """Say whether the settings have changed since the hash was made."""
    return _hasher().check_needs_rehash(known)


def check(text: str, email: str = "", *, field: str = "password") -> None:
    """Go on if a password is good enough for a new one, or raise `WeakPasswordError`."""
    if found := fault(text, email=email, min_length=current_app.config["PASSWORD_MIN_LENGTH"]):
        raise WeakPasswordError(found, field)


def fault(text: str, *, email: str, min_length: int) -> str | None:
    """Return what is wrong with a new password, or None. Any characters may make it up.

    OWASP ASVS 5: 6.2.1 to 6.2.9; NIST SP 800-63B-4, 3.1.1.2.
    """
    text = _normal(text)
    if not min_length <= len(text) <= MAX_LENGTH:
        return f"Must have {min_length} to {MAX_LENGTH} characters."
    folded, address = text.casefold(), _normal(email).casefold()
    if _repeats_itself(folded):
        return "Must not be one piece repeated."
    if folded in (address, address.rpartition("@")[0]):
        return "Must not be the address."
    if folded in _common():
        return "Must not be one that many people use."
    return None


def _hasher() -> PasswordHasher:
    hasher: PasswordHasher = current_app.extensions["passwords"]
    return hasher


def _of_nobody(hasher: PasswordHasher) -> str:
    """Return a hash that no password has, as costly to verify as one made now."""
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${'A' * 22}${'A' * 43}"


def _normal(text: str) -> str:
    """Make one text of what keyboards write in several ways (NIST SP 800-63B-4)."""
    return unicodedata.normalize("NFKC", text)


def _octets(text: str) -> bytes:
    return _normal(text).encode(errors="surrogatepass")


def _repeats_itself(text: str) -> bool:
    return any(text.startswith(text[period:]) for period in range(1, len(text) // 2 + 1))


@functools.cache
def _common() -> frozenset[str]:
    text = resources.files(__package__).joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))


@checks.of_settings("S023")
def strength_of_passwords(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    memory, passes = settings["ARGON2_MEMORY_COST"], settings["ARGON2_TIME_COST"]
    if not any(memory >= kib and passes >= times for kib, times in _STRONG_ENOUGH):
        hint = "Leave both out, or set them to 19456 and 2, or more."
        yield "FLASK_ARGON2_MEMORY_COST is too low for FLASK_ARGON2_TIME_COST.", hint
    if not 1 <= settings["ARGON2_PARALLELISM"] <= memory // 8:
        yield "FLASK_ARGON2_PARALLELISM cannot be used.", "Leave it out: 1 is the default."
    if not 12 <= settings["PASSWORD_MIN_LENGTH"] <= 64:
        yield "FLASK_PASSWORD_MIN_LENGTH is not 12 to 64.", "Leave it out: 15 is the default."
