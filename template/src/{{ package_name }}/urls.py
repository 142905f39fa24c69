"""What a URL in a setting must be."""

from __future__ import annotations

from urllib.parse import urlsplit

_LOCAL = ("localhost", "127.0.0.1", "::1")


def is_one(url: str, *schemes: str) -> bool:
    """Return whether it is a URL of one of these schemes, with a port that can be."""
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and (parts.port or 1) > 0
    except ValueError:
        return False


def is_open(url: str, scheme: str) -> bool:
    """Return whether it leads to another machine by this plain scheme, without a password."""
    parts = urlsplit(url)
    return parts.scheme == scheme and parts.hostname not in _LOCAL and not parts.password
