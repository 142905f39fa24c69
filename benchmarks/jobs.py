"""What a job costs, beside a bare task of Celery or RQ: `make bench-jobs`.

For each queue, renders a service and gives it a broker and a database of its own. Beside its
worker run two bare ones: the same library, settings and flags, and no code of the service
(`baselines/bare_celery.py`, `bare_rq.py`). One of them has imported what the service's worker
has: any service with these libraries has to, and RQ copies the process for each job. Prints a
table in Markdown, all of this one run:

- jobs a second of a worker that finds them waiting, with a row and without (`durable=False`);
  a job leaves a byte in a file, and does nothing else;
- the slowest of twenty answers (p95) to a request that asks for a job, against one that asks
  for none: through gunicorn, in turns and on one connection;
- the memory of a worker that has done some jobs and has nothing to do; no other process of the
  benchmark runs then that could share it.

What is compared takes turns. Each turn gives a ratio; the table has their median and
quartiles. A job that is done never or twice, or a row that does not say so, ends the run.
Brokers and databases are gone in the end, however the run ends.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial

import load
from load import Ask
from queues import BARE, LOADED, PROCESSES, QUEUES, Queue, held_up, new_queue
from rendered import HOST, AwayError, Program, UnusableError, clear
from table import Row, in_turns, parse, report

# What is sent: by a bare queue, and by the service without a row and with one.
MESSAGE, ROW = "message", "row"
SUBJECTS = (BARE, LOADED, MESSAGE, ROW)
NONE = Ask("/plain")
OURS = {MESSAGE: "without a row", ROW: "with a row"}
# What is compared, and the budget of a job without a row.
BARES = {BARE: ("bare", ""), LOADED: ("bare with the same imports", ">= 0.90")}
DATABASES = ("postgresql", "mysql", "sqlite")
# RQ makes a process for each job, and rows are written for each.
SLOWER = {"rq": 10, ROW: 4}
SLOWEST = SLOWER["rq"] * SLOWER[ROW]
# Requests of a turn.
ASKS = 100
# A worker that has done these takes no more memory for the next ones.
SOME_JOBS = 20
MEMORY_TURNS = 3
SECONDS_TO_ASK = 60


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
    every = ",".join(QUEUES)
    parser.add_argument("--queues", default=every, help=every)
    parser.add_argument("--database", choices=DATABASES, default=DATABASES[0], help="of rows")
    told = "of a turn (1000); a tenth with RQ, and a quarter with rows"
    parser.add_argument("--jobs", type=int, default=1000, help=told)
    options = parse(parser, turns=10)
    if not set(options.queues.split(",")) <= set(QUEUES):
        parser.error(f"--queues are some of {every}.")
    if options.jobs < SLOWEST:
        parser.error(f"--jobs must be {SLOWEST} or more.")
    return options


def _report(rows: Iterator[Row], options: argparse.Namespace) -> int:
    turns = f"{options.turns} turns of {options.jobs} jobs (a tenth with RQ, a quarter with rows)"
    told = f"{turns}, rows in {options.database}."
    if report(rows, title="A job", reference="against", told=told, write=options.write):
        return 0
    sys.stderr.write("No queue has what it needs, so there is nothing to measure.\n")
    return 2


def _rows(options: argparse.Namespace) -> Iterator[Row]:
    """Measure one queue after the other; say which is left out."""
    for name in options.queues.split(","):
        try:
            with new_queue(name, options.database) as queue:
                jobs = options.jobs // SLOWER.get(queue.workers, 1)
                queues = dict.fromkeys(OURS, queue) | {bare: queue.bare(bare) for bare in BARES}
                yield from _speed(queues, jobs, options.turns)
                yield from _memory(queues, min(options.turns, MEMORY_TURNS))
        except AwayError as error:
            sys.stderr.write(f"{name} is left out: {error}\n")


def _speed(queues: dict[str, Queue], jobs: int, turns: int) -> Iterator[Row]:
    """Measure how many jobs a worker does, and how long it takes to ask for one."""
    service = queues[ROW]
    with contextlib.ExitStack() as stack:
        each_once = {queue.whose: queue for queue in queues.values()}
        workers = {who: stack.enter_context(queue.worker()) for who, queue in each_once.items()}
        port = stack.enter_context(service.served("asking"))
        rate = in_turns(turns, SUBJECTS, partial(_rate, queues, workers, jobs))
        ours = workers[service.whose]
        asked = in_turns(turns, tuple(OURS), partial(_asked, service, ours, port))
    for subject, which in OURS.items():
        for bare, (against, budget) in BARES.items():
            title = f"{service.name}: {which}, against {against} (jobs/s)"
            yield Row(title, rate[bare], rate[subject], budget if subject == MESSAGE else "")
    for subject, which in OURS.items():
        none, one = zip(*asked[subject], strict=True)
        title = f"{service.name}: ask for one {which}, gunicorn, p95 against none (ms)"
        yield Row(title, list(none), list(one), "", decimals=2)


def _rate(queues: dict[str, Queue], workers: dict[str, Program], jobs: int, subject: str) -> float:
    """Return how many jobs a second a worker does that finds them waiting."""
    jobs //= SLOWER.get(subject, 1)
    queue = queues[subject]
    worker, expected = workers[queue.whose], _expected(queue, subject, jobs)
    with held_up(worker):
        _send(queue, subject, jobs)
        start = time.time()
    queue.wait(worker, expected)
    return jobs / (queue.done.stat().st_mtime - start)


def _asked(queue: Queue, worker: Program, port: int, subject: str) -> tuple[float, float]:
    """Return the p95 of requests for no job and for one, in milliseconds."""
    expected = _expected(queue, subject, ASKS)
    asks = [NONE, Ask(f"/{subject}")] * ASKS
    with held_up(worker):
        taken = load.latencies(HOST, {port: asks}, SECONDS_TO_ASK)[port]
    if len(taken) < len(asks):
        raise UnusableError(f"{subject}: {ASKS} jobs take too long to ask for.")
    queue.wait(worker, expected)
    return load.p95(taken[::2]), load.p95(taken[1::2])


def _expected(queue: Queue, subject: str, jobs: int) -> tuple[int, int]:
    """Return the counts of the queue when so many jobs more are done."""
    done, rows = queue.counts()
    return done + jobs, rows + (jobs if subject == ROW else 0)


def _send(queue: Queue, subject: str, jobs: int) -> None:
    """Send jobs by a script: of the bare queue, or of the service."""
    if subject in BARES:
        queue.run(f"bare_{queue.workers}.py", str(jobs))
    else:
        queue.run("asking.py", "send", subject, str(jobs))


def _memory(queues: dict[str, Queue], turns: int) -> Iterator[Row]:
    took = in_turns(turns, (*BARES, ROW), lambda who: _megabytes(queues[who], who))
    name, processes = queues[ROW].name, PROCESSES[queues[ROW].workers]
    for bare, (against, _) in BARES.items():
        title = f"{name}: memory of an idle worker, {processes} processes, against {against} (MiB)"
        yield Row(title, took[bare], took[ROW], "", decimals=1)


def _megabytes(queue: Queue, subject: str) -> float:
    """Return the memory of a new worker that has done some jobs."""
    expected = _expected(queue, subject, SOME_JOBS)
    _send(queue, subject, SOME_JOBS)
    with queue.worker() as worker:
        queue.wait(worker, expected)
        return queue.memory(worker)


if __name__ == "__main__":
    sys.exit(main())
