"""What a note is."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base, utc_now


class Note(Base):
    """A title and a text. `version` counts the changes, and guards against a lost one."""

    __tablename__ = "notes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[int] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)

    __mapper_args__ = {"version_id_col": version}
    # One index for each order of the list.
    __table_args__ = (Index(None, "created_at", "id"), Index(None, "title", "id"))

    def __repr__(self) -> str:
        return f"Note({self.id})"
