"""Who may do what with a note."""

from __future__ import annotations

from ..accounts.models import User
from ..accounts.policy import is_admin
from .models import Note


def can_view_note(actor: User, note: Note) -> bool:
    return note.owner_id == actor.id or is_admin(actor)


def can_edit_note(actor: User, note: Note) -> bool:
    return note.owner_id == actor.id
