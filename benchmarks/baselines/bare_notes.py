"""The notes in bare Flask and SQLAlchemy: the service's JSON and statuses, and nothing around."""

import base64
import json
import os
import re
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from flask import Flask, abort, request, url_for
from sqlalchemy import DateTime, String, Text, Uuid, create_engine, event, select, tuple_
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,200}")

url = os.environ["FLASK_SQLALCHEMY_DATABASE_URI"]
# The pool is the service's: what is compared is what stands around the statements.
pool = {"pool_size": 5, "max_overflow": 10, "pool_pre_ping": not url.startswith("sqlite")}
engine = create_engine(url, **pool)
Session = sessionmaker(engine, expire_on_commit=False)
# What the service keeps its ids in.
KEY = Uuid(native_uuid=engine.name == "postgresql")


@event.listens_for(engine, "connect")
def connect(connection: Any, _record: object) -> None:
    if engine.name == "sqlite":
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[UUID] = mapped_column(KEY, primary_key=True, default=uuid4)
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[int] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __mapper_args__: ClassVar[dict[str, Any]] = {"version_id_col": version}


def notes() -> dict[str, Any]:
    """List notes, the latest first."""
    limit = request.args.get("limit", 20, type=int)
    if not 1 <= limit <= 100:
        abort(422)
    statement = select(Note).order_by(Note.created_at.desc(), Note.id.desc()).limit(limit + 1)
    if "cursor" in request.args:
        after = position(request.args["cursor"])
        statement = statement.where(tuple_(Note.created_at, Note.id) < after)
    with Session() as session:
        rows = session.scalars(statement).all()
    more = cursor(rows[limit - 1]) if len(rows) > limit else None
    return {"items": [shown(note) for note in rows[:limit]], "next_cursor": more}


def note(note_id: UUID) -> tuple[dict[str, Any], dict[str, str]]:
    """Read a note."""
    with Session() as session:
        found = session.get(Note, note_id) or abort(404)
    return shown(found), {"ETag": f'"{found.version}"'}


def create() -> tuple[dict[str, Any], int, dict[str, str]]:
    """Create a note."""
    data, now = valid(request.get_json()), datetime.now(UTC)
    with Session.begin() as session:
        made = Note(**data, created_at=now, updated_at=now)
        session.add(made)
    location = url_for("note", note_id=made.id)
    return shown(made), 201, {"ETag": f'"{made.version}"', "Location": location}


def valid(data: Any) -> dict[str, str]:
    """Return what may be stored, or answer 422."""
    if not isinstance(data, dict) or not {"title"} <= data.keys() <= {"title", "body"}:
        abort(422)
    title, body = data["title"], data.get("body", "")
    if not (isinstance(title, str) and LINE.fullmatch(title)):
        abort(422)
    if not (isinstance(body, str) and len(body) <= 10_000 and "\0" not in body):
        abort(422)
    return data


def shown(note: Note) -> dict[str, Any]:
    return {
        "id": str(note.id),
        "title": note.title,
        "body": note.body,
        "created_at": utc(note.created_at).isoformat(),
        "updated_at": utc(note.updated_at).isoformat(),
    }


def utc(time: datetime) -> datetime:
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def cursor(last: Note) -> str:
    row = ["-created_at", utc(last.created_at).isoformat(), str(last.id)]
    return base64.urlsafe_b64encode(json.dumps(row, separators=(",", ":")).encode()).decode()


def position(text: str) -> tuple[datetime, UUID]:
    """Return the row that a cursor names, or answer 422."""
    try:
        _sort, time, key = json.loads(base64.urlsafe_b64decode(text))
        return datetime.fromisoformat(time), UUID(key)
    except (ValueError, TypeError, AttributeError):
        abort(422)


def create_app() -> Flask:
    """Return the app that the service's requests a second are taken against."""
    app = Flask(__name__, static_folder=None)
    app.add_url_rule("/api/v1/notes", view_func=notes, methods=["GET"])
    app.add_url_rule("/api/v1/notes", view_func=create, methods=["POST"])
    app.add_url_rule("/api/v1/notes/<uuid:note_id>", view_func=note)
    return app
