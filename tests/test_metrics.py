"""What Prometheus reads of a real gunicorn: totals of all workers, few series, valid text."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import pytest
import space
from conftest import missing
from server import HOST, Server, Service, until

pytestmark = pytest.mark.slow

TOKEN = "what-prometheus-shows-in-these-tests-51c0"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
ABOUT = "/api/v1/about"
NOTES = "/api/v1/notes"
COUNT = re.compile(r"^http_server_request_duration_seconds_count\{(.*)\} (\S+)$", re.MULTILINE)
Start = Callable[..., Server]
Prove = Callable[..., None]
Totals = Counter[tuple[str, str, int]]


@pytest.fixture
def server(make: Callable[..., Service], start: Start) -> Server:
    """Return a server of the first preset whose workers are renewed after some requests."""
    renewed = "--max-requests 100 --max-requests-jitter 50"
    variables = {"WEB_CONCURRENCY": "4", "GUNICORN_CMD_ARGS": renewed}
    return start(make(space.presets()[0]), FLASK_METRICS_TOKEN=TOKEN, **variables)


def scrape(server: Server) -> str:
    answer = server.ask("GET", "/metrics", **SHOWN)
    assert answer.status == 200
    return answer.body.decode()


def totals(server: Server) -> Totals:
    """Return how many requests were counted, by method, route and status."""
    found = Totals()
    for labels, count in COUNT.findall(scrape(server)):
        named = dict(re.findall(r'(\w+)="(.*?)"', labels))
        found[named["method"], named["route"], int(named["status"])] = int(float(count))
    return found


def folder_of(server: Server) -> Path:
    """Return where the workers of a server count: each has its files in memory."""
    maps = Path(f"/proc/{server.workers()[-1]}/maps")
    found = partial(re.search, r"/\S+/metrics-\w+")
    return Path(until(lambda: found(maps.read_text(encoding="utf-8")), "files of metrics")[0])


# What a client asks for, as it is counted.
ASKED = [
    ("GET", ABOUT, ABOUT),
    ("POST", ABOUT, "unmatched"),
    ("GET", NOTES, NOTES),
    ("GET", f"{ABOUT}/nowhere", "unmatched"),
    ("DELETE", f"{NOTES}/nothing", "unmatched"),
]


def test_totals_are_what_clients_counted(server: Server, prove: Prove) -> None:
    def ask(n: int) -> tuple[str, str, int]:
        method, path, route = ASKED[n % len(ASKED)]
        return method, route, server.ask(method, path).status

    folder = folder_of(server)
    with ThreadPoolExecutor(8) as pool:
        asked = Totals(pool.map(ask, range(1500)))
        os.kill(server.workers()[-1], signal.SIGKILL)
        server.process.send_signal(signal.SIGHUP)
        asked += Totals(pool.map(ask, range(500)))
    # Four, four after SIGHUP, one after SIGKILL; and those that followed who had done its share.
    assert len(server.workers()) > 9
    assert totals(server) == asked
    until(lambda: "\nhttp_server_active_requests 0.0\n" in scrape(server), "no active request")
    # Who follows another counts on in its files: there are as many as were at work at once.
    assert len(list(folder.glob("histogram_*.db"))) <= 8
    assert server.stop() == 0
    assert not folder.exists()
    prove("requests counted by workers that ended and began", asked.total())


def test_made_up_paths_are_one_series(server: Server, prove: Prove) -> None:
    def ask(numbers: range) -> None:
        with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
            for n in numbers:
                connection.request("GET", f"/made-up-{n}?n={n}", headers={"Host": HOST})
                answer = connection.getresponse()
                assert (answer.status, bool(answer.read())) == (404, True)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, (range(n, n + 20) for n in range(0, 10_000, 20))))
    assert totals(server) == {("GET", "unmatched", 404): 10_000}
    prove("made-up paths counted as one series", 10_000)


def test_text_is_what_prometheus_takes(
    request: pytest.FixtureRequest, server: Server, prove: Prove
) -> None:
    if not (promtool := shutil.which("promtool")):
        missing(request, "promtool cannot be found")
    server.ask("GET", NOTES)
    command = [promtool, "check", "metrics"]
    checked = subprocess.run(
        command, input=scrape(server), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    prove("scrapes that promtool finds right")


def test_metrics_are_not_logged(server: Server) -> None:
    scrape(server)
    assert server.ask("GET", "/metrics").status == 404
    assert [line["route"] for line in server.requests()] == [None]
