"""Bare Flask: one JSON view and nothing else, not even a secret key."""

from flask import Flask


def plain() -> dict[str, str]:
    """Return the body that both apps answer with."""
    return {"message": "Hello, world!"}


def create_app() -> Flask:
    """Return the app that every ratio is taken against."""
    app = Flask(__name__, static_folder=None)
    app.add_url_rule("/plain", view_func=plain)
    return app
