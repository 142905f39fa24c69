"""Migrations as a team lives with them: written, forgotten, taken back, and run by many at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import databases
import pytest
import space
from helpers import change, render, run
from server import Server, Service
from sqlalchemy import inspect

pytestmark = pytest.mark.slow

NOTES = "/api/v1/notes"
# Of a check that must fail: the tests that are to see it.
OF_MIGRATIONS = "tests/test_migrations.py --no-cov"
each_database = pytest.mark.parametrize("answers", space.examples(), ids=space.name)
ADDED = "    read_at: Mapped[datetime | None] = mapped_column()\n\n    __mapper_args__"
# A model with every kind of column that a service is likely to need.
TAGS = '''"""Tags: what notes have in common."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import Enum, ForeignKey, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base, utc_now


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Tag(Base):
    __tablename__ = "tags"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    note_id: Mapped[UUID] = mapped_column(ForeignKey("notes.id"))
    name: Mapped[str] = mapped_column(String(50), unique=True)
    colour: Mapped[Colour] = mapped_column(Enum(Colour, native_enum=False, length=16))
    hidden: Mapped[bool] = mapped_column(default=False)
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
'''
KEPT = [
    {"title": "Grüße \N{BALLOON}", "body": "\N{PILE OF POO}" * 10_000},
    {"title": "o" * 200, "body": "a\r\n\tb \u202e"},
    {"title": "'; DROP TABLE notes; --"},
]


def change_models(service: Path) -> None:
    """Add a column to the notes, and a table."""
    notes = service / "src" / "my_service" / "notes"
    change(notes / "models.py", "\n    __mapper_args__", ADDED)
    (notes / "tags.py").write_text(TAGS, encoding="utf-8")
    imported = "from .api import bp\n"
    change(notes / "__init__.py", imported, f"{imported}from .tags import Tag\n")
    change(notes / "__init__.py", '__all__ = ["bp"]', '__all__ = ["Tag", "bp"]')


def rows(url: str) -> list[Any]:
    """Return the notes as the database has them."""
    with databases.connect(url) as connection:
        columns = "id, title, body, version, created_at, updated_at"
        return list(connection.exec_driver_sql(f"SELECT {columns} FROM notes ORDER BY id"))


@each_database
def test_changed_models_get_a_migration(
    source: Path,
    tmp_path: Path,
    answers: space.Answers,
    database_url: Callable[[str], str],
    suite: Callable[[space.Answers], dict[str, str]],
    start: Callable[..., Server],
    prove: Callable[..., None],
) -> None:
    """`make migration` writes it once and whole, and no row suffers on its way up and down."""
    service = render(source, tmp_path / "service", answers)
    run("make", "setup", cwd=service)
    url = database_url(answers["database"])
    development = {"APP_ENV": "development", "FLASK_SQLALCHEMY_DATABASE_URI": url}
    flask = (service / ".venv" / "bin" / "flask", "--app", "my_service", "db")
    run(*flask, "upgrade", cwd=service, **development)
    server = start(Service(service, tmp_path / "first", url))
    notes = [server.send("POST", NOTES, data).json for data in KEPT]
    assert [note["title"] for note in notes] == [data["title"] for data in KEPT]
    before = rows(url)
    assert any(str(row.created_at)[20:26] != "000000" for row in before)
    server.stop()

    change_models(service)
    run("make", "migration", "m=add tags", cwd=service, **development)
    (written,) = (service / "migrations" / "versions").glob("*_add_tags.py")
    text = written.read_text(encoding="utf-8")
    assert "my_service" not in text
    run("make", "lint", cwd=service)
    touched = ("tests/test_migrations.py", "tests/test_database.py", "tests/notes")
    run(".venv/bin/pytest", "--quiet", *touched, cwd=service, **suite(answers))
    again = run("make", "migration", "m=nothing", cwd=service, **development)
    assert "No changes in schema detected" in again
    assert not list((service / "migrations" / "versions").glob("*_nothing.py"))

    for command in (["downgrade", "0001"], ["upgrade"], ["downgrade", "0001"], ["upgrade"]):
        run(*flask, *command, cwd=service, **development)
        assert rows(url) == before
    server = start(Service(service, tmp_path / "second", url))
    for note in notes:
        assert server.ask("GET", f"{NOTES}/{note['id']}").json == note
    prove("rows that a generated migration left as they were, up and down", 4 * len(notes))


@each_database
def test_a_forgotten_migration_fails_the_check(
    source: Path,
    tmp_path: Path,
    answers: space.Answers,
    suite: Callable[[space.Answers], dict[str, str]],
    prove: Callable[..., None],
) -> None:
    service = render(source, tmp_path / "service", answers)
    run("make", "setup", cwd=service)
    change_models(service)
    said = run(
        "make", "check", cwd=service, expect=2, PYTEST_ADDOPTS=OF_MIGRATIONS, **suite(answers)
    )
    assert any("make migration" in line for line in said.splitlines()), said
    prove("models changed without a migration, found by `make check`")


@each_database
def test_five_may_migrate_at_once(
    make: Callable[..., Service],
    answers: space.Answers,
    database_url: Callable[[str], str],
    prove: Callable[..., None],
) -> None:
    service = make(answers, migrated=False)
    for _ in range(3):
        url = database_url(answers["database"])
        migrate_at_once(service, url)
        prove("databases migrated by five processes at once")


def migrate_at_once(service: Service, url: str, **how: str) -> None:
    """Have five processes migrate a database; AssertionError unless all end well."""

    def upgrade(_number: int) -> str:
        return service.flask("db", "upgrade", **how, FLASK_SQLALCHEMY_DATABASE_URI=url)

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(upgrade, range(5)))
    with databases.connect(url) as connection:
        tables = ["alembic_version", "idempotency_keys", "notes"]
        assert sorted(inspect(connection).get_table_names()) == tables
        versions = connection.exec_driver_sql("SELECT version_num FROM alembic_version")
        assert versions.scalars().all() == ["0001"]
