"""The JSON surface: everything under /api, and the document that describes it."""

from flask import Flask

from . import about
from .blueprint import Blueprint
from .document import Api
from .json import JsonProvider

__all__ = ["Api", "Blueprint", "about", "init_app"]


def init_app(app: Flask) -> Api:
    """Return the surface that the blueprints are registered on."""
    app.json = JsonProvider(app)
    return Api(app)
