"""The cache under a real gunicorn, with a Redis of its own that comes and goes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import daemons
import pytest
import space
from helpers import append
from server import Answer, Server, Service

pytestmark = pytest.mark.slow

ANSWERS: space.Answers = {
    "surface": "api",
    "database": "postgresql",
    "auth": "none",
    "features": ["example", "cache"],
}
NOTES = "/api/v1/notes"
WORDS = f"{NOTES}/words"
# For a service: an answer that takes long, and a line for each time that it is found.
REPORT = """

import os
import time

from my_service.cache import cached


@cached(seconds=60)
def report(number: int) -> int:
    with open("found", "a", encoding="utf-8") as found:
        found.write(f"{number}\\n")
    time.sleep(0.3)
    return number


@app.route("/reports/<int:number>")
def read_report(number: int) -> dict[str, int]:
    return {"report": report(number), "process": os.getpid()}
"""
Start = Callable[..., Server]
Prove = Callable[..., None]


@pytest.fixture
def redis(start_daemon: Callable[[str], daemons.Daemon]) -> daemons.Daemon:
    return start_daemon("redis")


@pytest.fixture
def service(make: Callable[..., Service], redis: daemons.Daemon) -> Service:
    made = make(ANSWERS)
    made.settings["FLASK_REDIS_URL"] = redis.url.render_as_string()
    return made


def test_one_of_all_processes_finds_an_answer(service: Service, start: Start, prove: Prove) -> None:
    append(service.folder / "src" / "my_service" / "wsgi.py", REPORT)
    server = start(service, PYTHONPATH="src")
    asked = [number for number in range(10) for _ in range(20)]
    with ThreadPoolExecutor(40) as clients:
        got = list(clients.map(lambda n: server.ask("GET", f"/reports/{n}").json, asked))
    assert [each["report"] for each in got] == asked
    assert len({each["process"] for each in got}) == 2
    found = Counter((service.folder / "found").read_text(encoding="utf-8").split())
    assert found == Counter(map(str, range(10)))
    prove("requests at once for ten answers, each found once by two processes", len(asked))


def write(server: Server, number: int) -> Answer:
    return server.send("POST", NOTES, {"title": f"note {number}", "body": "a word"})


def times(server: Server, word: str) -> int:
    """Return how often the notes have a word, as the kept answer tells."""
    answer = server.ask("GET", WORDS)
    assert answer.status == 200
    often: list[dict[str, Any]] = answer.json["most_frequent"]
    return next((each["times"] for each in often if each["word"] == word), 0)


def test_who_wrote_reads_no_older_answer(service: Service, start: Start, prove: Prove) -> None:
    """In whichever process, and however many ask meanwhile."""
    server = start(service)
    with ThreadPoolExecutor(8) as readers:
        for number in range(1, 41):
            reading = [readers.submit(times, server, "word") for _ in range(8)]
            assert write(server, number).status == 201
            assert times(server, "word") == number
            assert {each.result() for each in reading} <= {number - 1, number}
    prove("changes of which no process told anything older", 40)


def test_redis_that_goes_away_costs_time_and_no_answer(
    service: Service, start: Start, redis: daemons.Daemon, prove: Prove
) -> None:
    server = start(service)
    assert write(server, 1).status == 201
    assert times(server, "word") == 1
    redis.stop()
    slowest = 0.0
    for number in range(2, 22):
        begun = time.monotonic()
        assert write(server, number).status == 201
        assert times(server, "word") == number
        slowest = max(slowest, time.monotonic() - begun)
    redis.start()
    for number in range(22, 42):
        assert write(server, number).status == 201
        assert times(server, "word") == number
    events = Counter(line["event"] for line in server.lines() if line["event"].startswith("cache"))
    assert 1 <= events["cache away"] <= 2
    assert slowest < 2
    prove("answers that were right while Redis was away and back", 40)
