"""Secrets that we hand out, kept as a hash; and names for what others could guess."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from flask import current_app


def new_secret() -> str:
    """Return 256 random bits, so that a plain hash is enough to keep (ASVS 5: V6.5.2)."""
    return secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """Return what is kept of a secret. Takes any text that a client may send."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def keyed_hash(text: str) -> str:
    """Return a name for a text that can be guessed, such as an address.

    It is the same each time, and tells nothing to whoever lacks `SECRET_KEY`.
    """
    key = str(current_app.config["SECRET_KEY"]).encode()
    return hmac.digest(key, text.encode(errors="surrogatepass"), "sha256").hex()
