"""Limits are counted on Redis, for all processes together."""

from __future__ import annotations

from flask import Flask

from .redis import PATIENCE


def init_app(app: Flask) -> None:
    if not app.config["RATELIMIT_STORAGE_URI"]:
        app.config["RATELIMIT_STORAGE_URI"] = app.config["REDIS_URL"]
        app.config["RATELIMIT_STORAGE_OPTIONS"] = {"key_prefix": app.name, **PATIENCE}
