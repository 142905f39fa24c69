"""Jobs: what a service asks for now, and a worker does later. Start with `queue.py`."""

from __future__ import annotations

from flask import Flask

from .. import health
from . import checks as checks
from . import commands
from .api import bp
from .backend import backend
from .queue import enqueue, start

__all__ = ["bp", "enqueue", "init_app", "start"]


def init_app(app: Flask) -> None:
    backend.init_app(app)
    health.add_check(app, "queue", backend.ping)
    app.cli.add_command(commands.group)
