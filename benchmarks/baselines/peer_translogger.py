"""Serves by gunicorn what pvginkel/ModernAppBackendTemplate serves by waitress in its run.py."""

import logging

from app import create_app as create
from app.config import Settings
from flask import Flask
from paste.translogger import TransLogger


def create_app() -> Flask:
    """Return its app with the logging of run.py around it."""
    form = "%(asctime)s [%(levelname)s] %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=form)
    # Without it a service of the default answers does not start; no request reads it.
    Settings.sse_gateway_url = "http://localhost:3002"
    app: Flask = create(Settings.load(), skip_background_services=False)
    app.wsgi_app = TransLogger(app.wsgi_app, setup_console_handler=False)  # type: ignore[method-assign]
    return app
