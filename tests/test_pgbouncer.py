"""A real PgBouncer in transaction mode between the service and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import daemons
import databases
import pytest
import space
from conftest import missing
from server import Server, Service
from test_migrations import migrate_at_once

pytestmark = pytest.mark.slow

NOTES = "/api/v1/notes"
(ANSWERS,) = (v for v in space.examples() if v["database"] == "postgresql")
POOLED = {"FLASK_DATABASE_TRANSACTION_POOLER": "true"}


@pytest.fixture
def pooled_url(request: pytest.FixtureRequest, database_url: Callable[[str], str]) -> Iterator[str]:
    """Return the URL of a new database, as PgBouncer offers it."""
    behind = databases.make_url(database_url("postgresql"))
    if lacking := daemons.lacking("pgbouncer"):
        missing(request, f"{lacking} cannot be found")
    with daemons.pgbouncer(behind).for_a_while() as bouncer:
        yield bouncer.url.render_as_string(hide_password=False)


def test_service_works_behind_a_transaction_pooler(
    make: Callable[..., Service],
    start: Callable[..., Server],
    pooled_url: str,
    prove: Callable[..., None],
) -> None:
    service = make(ANSWERS, migrated=False, url=pooled_url)
    migrate_at_once(service, pooled_url, **POOLED)
    server = start(service, **POOLED)
    titles = [f"note {n:03}" for n in range(200)]

    def create_and_list(title: str) -> set[int]:
        made = server.send("POST", NOTES, {"title": title})
        return {made.status, server.ask("GET", f"{NOTES}?q=note&limit=5").status}

    with ThreadPoolExecutor(16) as pool:
        statuses = set().union(*pool.map(create_and_list, titles))
    assert statuses == {200, 201}
    assert server.ask("GET", "/readyz").status == 200
    assert not server.errors()
    prove("requests answered behind a PgBouncer that lends two connections", 2 * len(titles))
