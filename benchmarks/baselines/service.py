"""The rendered service as production runs it, with the view of `bare.py` beside its own."""

import importlib
import os

from bare import plain
from flask import Flask


def create_app() -> Flask:
    """Return the app that the service's `wsgi.py` makes, and the view."""
    app: Flask = importlib.import_module(f"{os.environ['BENCHMARK_PACKAGE']}.wsgi").app
    app.add_url_rule("/plain", view_func=plain)
    return app
