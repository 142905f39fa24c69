"""The methods of HTTP."""

# Whoever sends one of these asks for no change (RFC 9110, 9.2.1).
SAFE = frozenset(["GET", "HEAD", "OPTIONS", "TRACE"])
