"""How alembic reaches the service's database. One process migrates, the others wait."""

from typing import Any

import click
from alembic import context
from flask import current_app
from sqlalchemy import Connection, TypeDecorator
from sqlalchemy.exc import OperationalError

extension = current_app.extensions["migrate"]
engine = extension.db.engine


def render_item(kind: str, item: object, autogenerate: Any) -> str | bool:
    """Write a type of our own as the one that it stands for: migrations outlive our code."""
    if kind != "type" or not isinstance(item, TypeDecorator):
        return False
    _, _, dialect = type(item.impl).__module__.partition("sqlalchemy.dialects.")
    if not dialect:
        return f"sa.{item.impl!r}"
    module = dialect.partition(".")[0]
    autogenerate.imports.add(f"from sqlalchemy.dialects import {module}")
    return f"{module}.{item.impl!r}"


def leave_out_empty(_context: object, _revision: object, directives: list[Any]) -> None:
    """Write no migration when models and database are alike."""
    wanted = getattr(context.config.cmd_opts, "autogenerate", False)
    if wanted and directives[0].upgrade_ops.is_empty():
        directives.clear()
        click.echo("No changes in schema detected.")


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=extension.db.metadata,
        render_item=render_item,
        process_revision_directives=leave_out_empty,
        **extension.configure_args,
    )
    # Whatever the lock needs belongs into the transaction: a statement before it would make
    # alembic leave the commit to us, and nothing would be migrated.
    with context.begin_transaction():
        context.run_migrations()


try:
    with engine.connect() as connection:
        migrate(context.config.attributes["locked"](connection))
except OperationalError as error:
    if error.statement is not None:
        raise
    reason = str(error.orig).splitlines()[0]
    start = context.config.attributes["start"]
    raise SystemExit(f"{engine.url.set(query={})} cannot be used: {reason}. {start}") from None
finally:
    engine.dispose()
