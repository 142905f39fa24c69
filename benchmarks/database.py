"""What a service asks of its database, and what that takes: `make bench-database`.

For each database that answers, renders a service and gives it two databases of its own: one
with 1,000 notes, one with 1,000,000. Prints a table in Markdown, all of this one run:

- the slowest of twenty answers (p95) of lists and of a search, one request at a time, from the
  many notes against the few;
- statements a request;
- requests a second of one gthread worker, against the same in bare Flask and SQLAlchemy
  (`baselines/bare_notes.py`), with the same settings for both.

What is compared takes turns. Each turn gives a ratio; the table has their median and
quartiles. An answer that is no 200, or no 201 to a POST, ends the run. The databases are
dropped, however the run ends.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import load
from load import Ask
from rendered import HOST, AwayError, Rendered, UnusableError, clear, new_database, prepare
from table import Row, in_turns, line, parse, report

FEW = 1_000
REQUESTS_A_TURN = 100
SERVERS = ("postgresql", "mysql")
DATABASES = ("sqlite", *SERVERS)
PATH = "/api/v1/notes"
LIST = Ask(PATH)
CREATE = Ask(PATH, json.dumps({"title": "A note of a benchmark", "body": "Words. " * 28}))
# What both refuse.
REFUSED = (
    {"title": ""},
    {"title": "x" * 201},
    {"title": "two\nlines"},
    {"title": "x", "body": "x" * 10_001},
    {"title": "x", "body": "\0"},
    {"title": "x", "colour": "red"},
    {"body": "x"},
    [],
)


@dataclass(frozen=True)
class Filled:
    """A service with notes in its database, and the pages to ask it for."""

    rendered: Rendered
    notes: int
    pages: dict[str, list[str]]


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # So that databases are dropped.
    try:
        clear()
        with contextlib.closing(_rows(options)) as rows:
            return _report(rows, options)
    except (UnusableError, load.NotOkError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    every = ",".join(DATABASES)
    parser.add_argument("--databases", default=every, help=every)
    parser.add_argument("--rows", type=int, default=1_000_000, help="the many notes (1000000)")
    for name in SERVERS:
        parser.add_argument(f"--{name}", metavar="URL", help="where its server is")
    options = parse(parser, turns=10)
    if not set(options.databases.split(",")) <= set(DATABASES):
        parser.error(f"--databases are some of {every}.")
    if options.rows <= FEW:
        parser.error(f"--rows must be more than {FEW}.")
    for name in SERVERS:
        if url := vars(options)[name]:
            os.environ[f"TEST_{name.upper()}_URL"] = url
    return options


def _report(rows: Iterator[str], options: argparse.Namespace) -> int:
    told = f"{options.turns} turns, load by {load.tool()}."
    if report(rows, title="A database", reference="against", told=told, write=options.write):
        return 0
    sys.stderr.write("No database answers, so there is nothing to measure.\n")
    return 2


def _rows(options: argparse.Namespace) -> Iterator[str]:
    """Measure one database after the other; say which is left out."""
    for name in options.databases.split(","):
        try:
            yield from _rows_of(name, options.rows, options.turns)
        except AwayError as error:
            sys.stderr.write(f"{name} is left out: {error}\n")


def _rows_of(name: str, notes: int, turns: int) -> Iterator[str]:
    answers = {"preset": "custom", "database": name, "auth": "none", "features": ["example"]}
    rendered = prepare(name=name, answers=answers)
    with _filled(rendered, name, FEW) as few, _filled(rendered, name, notes) as many:
        with few.rendered.served("service") as one, many.rendered.served("service") as other:
            for page in few.pages:
                yield f"{_latency(name, page, {one: few, other: many}, turns)}"
        yield _statements(name, few)
        with few.rendered.served("bare_notes") as bare, few.rendered.served("service") as ours:
            _check_alike(bare, ours)
            for ask in (LIST, CREATE):
                yield f"{_rate(name, ask, bare, ours, turns)}"


@contextlib.contextmanager
def _filled(rendered: Rendered, name: str, notes: int) -> Iterator[Filled]:
    """Give the service a database of this run, with notes."""
    with new_database(name) as url:
        rendered = replace(rendered, database=url)
        pages = json.loads(rendered.run("store.py", str(notes), HOST))
        yield Filled(rendered, notes, pages)


def _latency(name: str, page: str, services: dict[int, Filled], turns: int) -> Row:
    """Return the p95 of a page; the services are few and many notes, by port."""
    asks = {
        port: [Ask(path) for path in itertools.islice(itertools.cycle(filled.pages[page]), 100)]
        for port, filled in services.items()
    }
    rounds = [_p95(asks) for _ in range(turns + 1)][1:]  # The first one warms them up.
    few, many = ([taken[port] for taken in rounds] for port in services)
    *_, most = services.values()
    title = f"{name}: {page}, p95 at {most.notes:,} against {FEW:,} notes (ms)"
    return Row(title, few, many, "" if page == "search" else "<= 1.5", decimals=2)


def _p95(asks: dict[int, list[Ask]]) -> dict[int, float]:
    """Return the p95 of the answers, by port."""
    # No turn of a search takes much longer, however slow it is.
    taken = load.latencies(HOST, asks, load.SECONDS_A_TURN)
    return {port: load.p95(each) for port, each in taken.items()}


def _statements(name: str, filled: Filled) -> str:
    counts = json.loads(filled.rendered.run("statements.py", HOST))
    shown = ", ".join(f"{what}: {count}" for what, count in counts.items())
    return line(f"{name}: statements a request", "", shown, "", "list: the same")


def _rate(name: str, ask: Ask, bare: int, service: int, turns: int) -> Row:
    ports = (bare, service)
    rate = in_turns(turns, ports, lambda port: load.requests_per_second(port, HOST, ask))
    title = f"{name}: {ask.method} {PATH}, gunicorn, against bare (requests/s)"
    return Row(title, rate[bare], rate[service], ">= 0.75")


def _check_alike(bare: int, service: int) -> None:
    """Raise unless both apps answer alike: otherwise no ratio of theirs says anything."""
    for ask in (LIST, CREATE, *(Ask(PATH, json.dumps(body)) for body in REFUSED)):
        theirs, ours = _answer(bare, ask), _answer(service, ask)
        if theirs != ours:
            pairs = enumerate(zip(theirs, ours, strict=False))
            start = next((place for place, (one, other) in pairs if one != other), 0)
            theirs, ours = (answer[max(start - 40, 0) : start + 40] for answer in (theirs, ours))
            asked = f"{ask.method} {ask.path} {ask.body[:40]}"
            raise UnusableError(
                f"{asked}: bare_notes.py answers ...{theirs}, the service ...{ours}"
            )


def _answer(port: int, ask: Ask) -> str:
    """Return what both apps must agree on, as one text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Host": HOST, "Content-Type": "application/json"}
    connection.request(ask.method, ask.path, ask.body or None, headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != ask.status:
        return f"{answer.status}"
    data = json.loads(body)
    if ask.body:
        data = {name: name in json.loads(ask.body) and value for name, value in data.items()}
    headers = [answer.headers["ETag"], "Location" in answer.headers]
    return json.dumps([answer.status, *headers, data], sort_keys=True)


if __name__ == "__main__":
    sys.exit(main())
