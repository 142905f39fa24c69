"""`flask seed`: data for development, added where they are not there yet."""

import click
from flask import Flask
from flask.cli import with_appcontext

from .notes import service


def init_app(app: Flask) -> None:
    app.cli.add_command(seed)


@click.command()
@with_appcontext
def seed() -> None:
    """Add the example data that is not there yet."""
    for added in service.seed():
        click.echo(added)
