"""What can be done with notes. Knows no Flask; each writing function is a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from ..base import utc_now
from ..database import keyset
from ..extensions import db
from .models import Note

SORTS = ("created_at", "-created_at", "title", "-title")


def list_notes(
    *, sort: str = "-created_at", after: tuple[object, object] | None = None, limit: int = 20
) -> Sequence[Note]:
    """Return at most `limit` notes in one of the `SORTS`, from behind the row `after`."""
    column = {"created_at": Note.created_at, "title": Note.title}[sort.lstrip("-")]
    statement = keyset(
        select(Note), column, Note.id, descending=sort.startswith("-"), after=after, limit=limit
    )
    return db.session.scalars(statement).all()


def find_note(note_id: UUID) -> Note | None:
    return db.session.get(Note, note_id)


def create_note(*, title: str, body: str = "") -> Note:
    now = utc_now()
    note = Note(title=title, body=body, created_at=now, updated_at=now)
    db.session.add(note)
    db.session.commit()
    return note


def change_note(note: Note, changes: dict[str, str]) -> Note:
    """Set the fields named. `StaleDataError` if somebody was faster."""
    for name, value in changes.items():
        setattr(note, name, value)
    db.session.commit()
    return note


def delete_note(note: Note) -> None:
    db.session.delete(note)
    db.session.commit()


def seed() -> int:
    """Add the notes of development that are not there; return how many."""
    titles = ("Read create_app", "Change a setting", "Delete this example")
    there = set(db.session.scalars(select(Note.title).where(Note.title.in_(titles))))
    new = [Note(title=title) for title in titles if title not in there]
    db.session.add_all(new)
    db.session.commit()
    return len(new)
