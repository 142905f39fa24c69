"""Gives the service's database its schema and so many notes: `python store.py <rows> <host>`.

Prints lists to ask for, in JSON: some begin, some lie in the second half of all notes.
"""

import importlib
import json
import os
import sys
from typing import Any
from urllib.parse import urlencode

from flask_migrate import upgrade
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError

PACKAGE = os.environ["BENCHMARK_PACKAGE"]
PATH = "/api/v1/notes"
# How many notes have the word that is searched for.
FOUND = 10
# The notes come in the order of their times, with ids and titles in none, and their words are
# as seldom as those of a language: some in each, some in one of a thousand or a million. Of
# each database: an id, a hash, a time, an order that is quickly stored, and what ends the work.
ROWS = {
    "sqlite": (
        "lower(hex(randomblob(16)))",
        "lower(hex(randomblob(16)))",
        "strftime('%Y-%m-%d %H:%M:%S', '2020-01-01', (n * 97) || ' seconds')"
        " || printf('.%06d', n % 999983)",
        "n",
        "ANALYZE",
    ),
    "postgresql": (
        "gen_random_uuid()",
        "md5(CAST(n AS text))",
        "timestamptz '2020-01-01 00:00Z' + n * interval '97.000001 seconds'",
        "n",
        "VACUUM ANALYZE notes",
    ),
    "mysql": (
        "insert(insert(md5(concat(n, ' of all')), 13, 1, '4'), 17, 1, 'a')",  # Of version 4.
        "md5(n)",
        "timestampadd(MICROSECOND, n * 97000001, '2020-01-01 00:00:00.000000')",
        "id",
        "ANALYZE TABLE notes",
    ),
}
LENGTHS = (3, 3, 3, 3, 3, 4, 4, 4, 5)
WORDS = ", ' ', ".join(
    f"substr(hash, {sum(LENGTHS[:place]) + 1}, {length})" for place, length in enumerate(LENGTHS)
)
FILL = """
INSERT INTO notes (id, title, body, version, created_at, updated_at)
WITH RECURSIVE digits (d) AS (SELECT 0 UNION ALL SELECT d + 1 FROM digits WHERE d < 999),
numbers AS (
    SELECT a.d * 1000000 + b.d * 1000 + c.d + 1 AS n FROM digits a, digits b, digits c
    WHERE a.d * 1000000 < :rows AND a.d * 1000000 + b.d * 1000 + c.d < :rows
),
drawn AS (SELECT n, {id} AS id, {hash} AS hash, {time} AS time FROM numbers)
SELECT id, concat(substr(hash, 1, 8), ' and what follows from it, part ', n), concat(
    'Somebody wrote this down on a grey afternoon and will read it again tomorrow, since it is ',
    CASE WHEN n % :step = 0 THEN 'marvellous' ELSE 'remarkable' END, ' how questions return: ',
    {words}, ' and no more of it.'
), 1, time, time FROM drawn ORDER BY {order}
"""


def main(rows: str, host: str) -> str:
    # A statement here may take its time.
    overrides = {"DATABASE_STATEMENT_TIMEOUT_SECONDS": 0}
    app = importlib.import_module(PACKAGE).create_app(overrides=overrides)
    note = importlib.import_module(f"{PACKAGE}.notes.models").Note
    with app.app_context():
        upgrade()
        engine = app.extensions["sqlalchemy"].engine
        with engine.begin() as connection:
            _insert(connection, note.__table__, int(rows))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(ROWS[engine.name][-1])
    with app.test_request_context(PATH, base_url=f"https://{host}"):
        return json.dumps(_pages(note, int(rows)))


def _insert(connection: Connection, table: Any, rows: int) -> None:
    """Insert notes; the indexes are made afterwards, which is quicker."""
    for index in table.indexes:
        index.drop(connection)
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.create_function("concat", -1, lambda *texts: "".join(map(str, texts)))
    elif connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
    key, digest, time, order, _ = ROWS[connection.dialect.name]
    statement = FILL.format(id=key, hash=digest, time=time, order=order, words=WORDS)
    connection.execute(text(statement), {"rows": rows, "step": rows // FOUND})
    for index in table.indexes:
        index.create(connection)


def _pages(note: Any, rows: int) -> dict[str, list[str]]:
    """Return what a client asks for, by what it is called."""
    return {
        "first page": [PATH],
        "deep page": _deep(rows, "-created_at", note.id, note.created_at.desc(), note.id.desc()),
        "first page by title": [f"{PATH}?sort=title"],
        "deep page by title": _deep(rows, "title", note.id, note.title, note.id),
        "search": [f"{PATH}?q=marvellous"],
    }


def _deep(rows: int, sort: str, key: Any, *order: Any) -> list[str]:
    """Return pages behind nine places, from half of the notes to almost the end."""
    session = importlib.import_module(f"{PACKAGE}.extensions").db.session
    page = importlib.import_module(f"{PACKAGE}.api.pagination").page
    paths = []
    for place in range(rows // 2, rows - rows // 20, rows // 20):
        # An index alone finds the place, and then only one note is read.
        found = session.scalars(select(key).order_by(*order).offset(place).limit(1)).one()
        last = session.get_one(key.class_, found)
        cursor = page([last, last], {"sort": sort, "limit": 1})[0]["next_cursor"]
        paths.append(f"{PATH}?{urlencode({'sort': sort, 'cursor': cursor})}")
    return paths


if __name__ == "__main__":
    try:
        sys.stdout.write(main(*sys.argv[1:]))
    except DBAPIError as error:
        sys.exit(str(error.orig).splitlines()[0])
