"""`Idempotency-Key`: a client that got no answer sends its request again, and it counts once.

After draft-ietf-httpapi-idempotency-key-header-07. An answer is kept for a day, for the same
caller, method, path and key. When a process dies at its work, the next request with the key
begins anew after a minute, whatever the first has done: at least once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial, wraps
from typing import Any

import orjson
from flask import Flask, Response, after_this_request, current_app, g, request
from flask.cli import AppGroup
from sqlalchemy import ColumnElement, LargeBinary, String
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base, utc_now
from ..database import delete_rows, update_rows
from ..errors import ProblemError
from ..extensions import db
from .blueprint import read_chunks

KEPT_FOR = timedelta(days=1)
ABANDONED_AFTER = timedelta(seconds=60)
LARGEST = 65_000  # Bytes of an answer that is kept: each database takes so many.
# For `bp.doc(parameters=[...])` of an operation that is `idempotent`.
IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "description": "A random value: a request that is sent again with it counts once",
    "schema": {"type": "string", "pattern": "^[!-~]+$", "maxLength": 255},
}
_KEY = re.compile(r"[!-~]{1,255}")
_HEADERS = ("Content-Type", "ETag", "Location")


class IdempotencyKey(Base):
    """A request that was answered, or is worked on as long as `answer` is None."""

    __tablename__ = "idempotency_keys"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    claimed_at: Mapped[datetime] = mapped_column(index=True)
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)

    def __repr__(self) -> str:
        return f"IdempotencyKey({self.id[:8]})"


def init_app(app: Flask) -> None:
    app.cli.add_command(group)


def idempotent(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let each request with an `Idempotency-Key` count once: the outermost decorator of a method.

    Not for what logs in or out: an answer would be kept that holds secrets.
    """

    @wraps(view)
    def once(*args: Any, **kwargs: Any) -> Any:
        given = request.headers.get("Idempotency-Key")
        if given is None:
            return view(*args, **kwargs)
        if not _KEY.fullmatch(given):
            raise ProblemError(400, "Idempotency-Key takes 1 to 255 characters without spaces.")
        if request.content_length is None:
            read_chunks(request)
        caller = g.facts.get("actor", "")
        key = _hash("\n".join((caller, request.method, request.path, given)).encode())
        now = utc_now()
        if answer := _claim(key, _hash(request.get_data()), now):
            status, headers, body = orjson.loads(answer)
            replayed = {**headers, "Idempotent-Replayed": "true"}
            return current_app.response_class(body, status, replayed)
        after_this_request(partial(_keep, key, now))
        return view(*args, **kwargs)

    return once


def _hash(given: bytes) -> str:
    return hashlib.sha256(given).hexdigest()


def _claim(key: str, request_hash: str, now: datetime) -> bytes | None:
    """Return the answer that was given, or None: then it is the caller's to give.

    A transaction of its own, before the service begins one. 422 for another body, 409 while
    another request is at work.
    """
    if _insert(IdempotencyKey(id=key, request_hash=request_hash, claimed_at=now)):
        return None
    known = db.session.get(IdempotencyKey, key)
    if known is not None:
        age = now - known.claimed_at
        if age < KEPT_FOR and known.request_hash != request_hash:
            told = "This Idempotency-Key was used for another body."
            raise ProblemError(422, told, code="key-reused")
        if age < KEPT_FOR and known.answer:
            return known.answer
        if age > ABANDONED_AFTER and _take_over(known, request_hash, now):
            return None
    told = "The first request with this Idempotency-Key is not answered yet."
    raise ProblemError(409, told, code="in-progress", headers={"Retry-After": "1"})


def _insert(claim: IdempotencyKey) -> bool:
    try:
        with db.session.begin_nested():
            db.session.add(claim)
    except IntegrityError:
        return False
    finally:
        db.session.commit()  # What others have written is seen from here on.
    return True


def _take_over(known: IdempotencyKey, request_hash: str, now: datetime) -> bool:
    """Return whether this request, of many that may try, works on it from now on."""
    same = _is(known.id, known.claimed_at)
    values = {"request_hash": request_hash, "claimed_at": now, "answer": None}
    taken = update_rows(IdempotencyKey, *same, **values)
    db.session.commit()
    return taken == 1


def _keep(key: str, claimed_at: datetime, response: Response) -> Response:
    """Keep an answer; after a failure of ours, let the next request try."""
    db.session.rollback()
    same = _is(key, claimed_at)
    headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}
    answer = orjson.dumps([response.status_code, headers, response.get_data(as_text=True)])
    if response.status_code >= 500 or len(answer) > LARGEST:
        delete_rows(IdempotencyKey, *same)
    else:
        update_rows(IdempotencyKey, *same, answer=answer)
    db.session.commit()
    return response


def _is(key: str, claimed_at: datetime) -> tuple[ColumnElement[bool], ...]:
    return IdempotencyKey.id == key, IdempotencyKey.claimed_at == claimed_at


group = AppGroup("idempotency", help="Requests that count once.")


@group.command()
def purge() -> None:
    """Delete the answers that are a day old; run it once a day."""
    delete_expired()


def delete_expired() -> None:
    """Delete the answers that are a day old."""
    delete_rows(IdempotencyKey, IdempotencyKey.claimed_at < utc_now() - KEPT_FOR)
    db.session.commit()
