"""`flask seed`: data for development, the same each time."""

import click
from flask import Flask
from flask.cli import with_appcontext

from . import database
from .notes import service


def init_app(app: Flask) -> None:
    app.cli.add_command(seed)


@click.command()
@with_appcontext
def seed() -> None:
    """Add the example data that is not there yet."""
    database.begin_writing()
    click.echo(f"{service.seed()} notes added.")
