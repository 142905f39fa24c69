"""A peer's service as its author runs it, with the view of `bare.py` beside its own."""

import os

from bare import plain
from flask import Flask
from gunicorn.util import import_app


def create_app() -> Flask:
    """Return the app of `BENCHMARK_TARGET`, and the view."""
    app: Flask = import_app(os.environ["BENCHMARK_TARGET"])
    app.add_url_rule("/plain", "benchmark_plain", plain)
    return app
