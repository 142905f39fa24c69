"""Which pages may send a browser's cookies: our own, and those that `CORS_ORIGINS` lists."""

from __future__ import annotations

from flask import abort, current_app, request

_OUR_OWN = ("same-origin", "none")


def refuse_other_sites() -> None:
    """Answer 403 to a page of another site, when the browser says so (ASVS 5: V3.5.1)."""
    origin = request.headers.get("Origin")
    if origin is None:
        is_ours = request.headers.get("Sec-Fetch-Site", "none") in _OUR_OWN
    else:
        own = f"{request.scheme}://{request.host}"
        is_ours = origin in (own, *current_app.config["CORS_ORIGINS"])
    if not is_ours:
        abort(403, "Another site asked for this.")
