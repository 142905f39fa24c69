"""A peer's service as its author runs it, with the view of `bare.py` beside its own."""

import importlib
import os

from bare import plain
from flask import Flask


def create_app() -> Flask:
    """Return the app of `BENCHMARK_TARGET`, `module:app` or `module:app()` as for gunicorn."""
    module, _, name = os.environ["BENCHMARK_TARGET"].partition(":")
    found = getattr(importlib.import_module(module), name.removesuffix("()"))
    app: Flask = found() if name.endswith("()") else found
    app.add_url_rule("/plain", "benchmark_plain", plain)
    return app
