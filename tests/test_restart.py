"""A database server that goes away under load, and comes back."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import databases
import pytest
import space
from daemons import Daemon
from server import Answer, Server, Service, until

pytestmark = pytest.mark.slow

NOTES = "/api/v1/notes"
SERVERS = [v for v in space.examples() if v["database"] in databases.KINDS]
# What the service may hold at most: its workers, and the pool and overflow of each.
MOST = 2 * (5 + 10)
CLIENTS = 8
# Of the connections of other sessions to this database: all, and those in a transaction.
COUNTS = {
    "postgresql": (
        "SELECT count(*), count(*) FILTER (WHERE state LIKE 'idle in transaction%%')"
        " FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ),
    "mysql": (
        "SELECT count(*), count(trx_id) FROM information_schema.processlist"
        " LEFT JOIN information_schema.innodb_trx ON trx_mysql_thread_id = id"
        " WHERE db = database() AND id <> connection_id()"
    ),
}
IDS = {
    "postgresql": (
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ),
    "mysql": (
        "SELECT id FROM information_schema.processlist"
        " WHERE db = database() AND id <> connection_id()"
    ),
}
END = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}


@dataclass(frozen=True)
class Timed:
    """An answer, and when its request began and ended."""

    began: float
    ended: float
    answer: Answer


@dataclass
class Load:
    """Clients that create notes, read back what they created, and list."""

    server: Server
    answers: list[Timed] = field(default_factory=list)
    created: dict[str, Any] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def ask(self, method: str, path: str, data: object = None) -> Answer:
        began = time.monotonic()
        if data is None:
            answer = self.server.ask(method, path)
        else:
            answer = self.server.send(method, path, data)
        self.answers.append(Timed(began, time.monotonic(), answer))
        return answer

    def client(self, number: int) -> None:
        turn = 0
        while not self.over.is_set():
            turn += 1
            made = self.ask("POST", NOTES, {"title": f"{number}/{turn} \N{BALLOON}", "body": "b"})
            if made.status == 201:
                path = made.headers["Location"]
                self.created[path] = made.json
                read = self.ask("GET", path)
                if read.status == 200:
                    assert read.json == made.json
            self.ask("GET", f"{NOTES}?limit=5")

    def prober(self) -> None:
        while not self.over.wait(0.1):
            assert self.server.ask("GET", "/livez").status == 200

    def statuses(self, since: float = 0) -> set[int]:
        """Return what requests that began since then were answered."""
        return {timed.answer.status for timed in self.answers if timed.began >= since}

    def refusals(self) -> list[Timed]:
        return [timed for timed in self.answers if timed.answer.status == 503]


@contextmanager
def loaded(server: Server) -> Iterator[Load]:
    """Have the clients at work in the block; what any of them found wrong is raised."""
    load = Load(server)
    with ThreadPoolExecutor(CLIENTS + 1) as pool:
        work = [pool.submit(load.client, number) for number in range(CLIENTS)]
        work.append(pool.submit(load.prober))
        try:
            yield load
        finally:
            load.over.set()
        for each in work:
            each.result()


@pytest.fixture(params=SERVERS, ids=space.name)
def answers(request: pytest.FixtureRequest) -> space.Answers:
    return dict(request.param)


@pytest.fixture
def daemon(start_daemon: Callable[[str], Daemon], answers: space.Answers) -> Daemon:
    """Return a database server of the test's own."""
    return start_daemon(answers["database"])


def count(kind: str, service: Service) -> tuple[int, int]:
    """Return the connections of a service to its database, and those within a transaction."""
    with databases.connect(service.settings["FLASK_SQLALCHEMY_DATABASE_URI"]) as connection:
        every, within = connection.exec_driver_sql(COUNTS[kind]).one()
    return every, within


def ready(server: Server) -> bool:
    return server.ask("GET", "/readyz").status == 200


@pytest.mark.parametrize("how", [None, signal.SIGKILL], ids=["stopped", "killed"])
def test_service_outlives_a_restart_of_its_database(
    make: Callable[..., Service],
    start: Callable[..., Server],
    answers: space.Answers,
    daemon: Daemon,
    how: signal.Signals | None,
    prove: Callable[..., None],
) -> None:
    kind = answers["database"]
    url = databases.create(daemon.url).render_as_string(hide_password=False)
    service = make(answers, url=url)
    server = start(service)
    with loaded(server) as load:
        load.over.wait(1)
        assert load.statuses() == {200, 201}
        daemon.stop(how)
        load.over.wait(1.5)
        until(lambda: not ready(server), "/readyz is 503", seconds=4)
        daemon.start()
        back = time.monotonic()
        until(lambda: ready(server), "/readyz is 200", seconds=4)
        load.over.wait(3)
        every, _ = count(kind, service)
        assert every <= MOST

    assert load.statuses() == {200, 201, 503}
    assert load.statuses(since=back + 2) == {200, 201}
    for refused in load.refusals():
        assert refused.answer.headers["Content-Type"] == "application/problem+json"
        assert int(refused.answer.headers["Retry-After"]) > 0
        assert refused.ended - refused.began < 3
    for path, note in load.created.items():
        assert server.ask("GET", path).json == note
    assert count(kind, service)[1] == 0
    assert server.stop() == 0
    until(lambda: count(kind, service)[0] == 0, "no connection is left", seconds=5)
    prove("notes kept over a restart of the database under load", len(load.created))


@pytest.mark.parametrize("answers", SERVERS, ids=space.name)
def test_nobody_notices_a_connection_that_was_ended(
    make: Callable[..., Service],
    start: Callable[..., Server],
    answers: space.Answers,
    prove: Callable[..., None],
) -> None:
    kind = answers["database"]
    service = make(answers)
    server = start(service)
    titles = [f"note {n}" for n in range(CLIENTS)]
    for _ in range(3):
        with ThreadPoolExecutor(CLIENTS) as pool:
            made = list(
                pool.map(lambda title: server.send("POST", NOTES, {"title": title}), titles)
            )
        assert {answer.status for answer in made} == {201}
        with databases.connect(service.settings["FLASK_SQLALCHEMY_DATABASE_URI"]) as connection:
            ids = connection.exec_driver_sql(IDS[kind]).scalars().all()
            for each in ids:
                connection.exec_driver_sql(END[kind].format(each))
        assert ids
        prove("connections ended behind the back of a service", len(ids))
    assert server.ask("GET", NOTES).status == 200
    assert not server.errors()
