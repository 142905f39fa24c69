"""How alembic reaches the service's database. One process migrates, the others wait."""

from alembic import context
from flask import current_app
from sqlalchemy import Connection, TypeDecorator

database = current_app.extensions["migrate"].db


def render_item(kind: str, item: object, _context: object) -> str | bool:
    """Write a type of our own as the one that it stands for: migrations outlive our code."""
    return f"sa.{item.impl!r}" if kind == "type" and isinstance(item, TypeDecorator) else False


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=database.metadata,
        render_as_batch=True,
        render_item=render_item,
        transactional_ddl=True,
    )
    # The lock is taken by the transaction itself: a statement before it would make
    # alembic leave the commit to us, and nothing would be migrated.
    with context.begin_transaction():
        context.run_migrations()


with database.engine.connect() as connection:
    migrate(connection.execution_options(writes=True))
database.engine.dispose()
