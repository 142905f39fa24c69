"""A rendered service with a queue, bare queues beside it, and what their workers did and take."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rendered import (
    BUILD,
    Program,
    Rendered,
    UnusableError,
    databases,
    megabytes,
    new_broker,
    new_database,
    prepare,
)

# What does the jobs, over which broker.
QUEUES = {
    "celery": ("celery", "redis"),
    "rq": ("rq", "redis"),
    "celery-rabbitmq": ("celery", "rabbitmq"),
}
# How many processes wait for jobs: RQ makes one more for each job.
PROCESSES = {"celery": 3, "rq": 2}
SECONDS_TO_END = 300
# As `make worker` has it. No process is renewed meanwhile, and there are as many on any machine.
_CELERY = "celery --app {} worker --include noop --hostname {}@%h"
_CELERY += " --concurrency 2 --max-tasks-per-child 1000000"
_RQ = "rq.cli worker --config {} --serializer json --with-scheduler"
_CLASSES = "--job-class PACKAGE.tasks.rq.Job --worker-class PACKAGE.tasks.rq.Worker"
# A bare one, and the service's.
_WORKERS = {
    "celery": (_CELERY.format("bare_celery", "WHOSE"), _CELERY.format("PACKAGE.worker", "WHOSE")),
    "rq": (_RQ.format("bare_rq"), _RQ.format("PACKAGE.worker " + _CLASSES)),
}
# The queues of no service: the second one's worker has the libraries of the service's in memory.
BARE, LOADED = "bare", "loaded"


@dataclass(frozen=True)
class Queue(Rendered):
    """A service with a broker of its own, and a bare queue: its settings, in JSON, and imports."""

    name: str = ""
    broker: str = ""
    whose: str = "service"
    settings: str = ""
    libraries: str = ""

    @property
    def workers(self) -> str:
        return QUEUES[self.name][0]

    @property
    def done(self) -> Path:
        """Where each job leaves a byte."""
        return BUILD / f"{self.name}.done"

    def environ(self) -> dict[str, str]:
        return super().environ() | {
            f"FLASK_{QUEUES[self.name][1].upper()}_URL": self.broker,
            "BENCHMARK_DONE": str(self.done),
            "BENCHMARK_LIBRARIES": self.libraries,
            "BENCHMARK_QUEUE": self.settings,
            "BENCHMARK_WORKERS": self.workers,
        }

    def bare(self, which: str) -> Queue:
        """Return a queue of no service, with the settings of this one."""
        settings = self.run("asking.py", "prepare", which)
        libraries = json.loads(self.run("asking.py", "libraries")) if which == LOADED else []
        return replace(self, whose=which, settings=settings, libraries=" ".join(libraries))

    def worker(self) -> contextlib.AbstractContextManager[Program]:
        """Run a worker of this queue."""
        command = _WORKERS[self.workers][self.whose == "service"].replace("WHOSE", self.whose)
        command = command.replace("PACKAGE", self.package)
        return self.started(
            f"{self.name}-{self.whose}-worker", *command.split(), folder=self.service
        )

    def counts(self) -> tuple[int, int]:
        """Return how many jobs were done, and how many rows say so."""
        with databases.connect(self.database) as connection:
            asked = "SELECT count(*) FROM jobs WHERE status = 'done'"
            rows = connection.exec_driver_sql(asked).scalar_one()
        return self.done.stat().st_size, int(rows)

    def wait(self, worker: Program, expected: tuple[int, int]) -> None:
        """Return when the counts are as expected; raise when they never are."""
        # Who counts rows takes time from who writes them.
        worker.until(lambda: self.done.stat().st_size >= expected[0], "jobs done", SECONDS_TO_END)
        worker.until(lambda: self.counts()[1] >= expected[1], "rows done", SECONDS_TO_END)
        if self.counts() != expected:
            raise UnusableError(f"{self.name}: {self.counts()} jobs and rows, not {expected}.")

    def memory(self, worker: Program) -> float:
        """Return the MiB of all processes of a worker that has nothing to do."""
        idle = PROCESSES[self.workers]
        worker.until(lambda: len(worker.pids()) == idle, "nothing to do", SECONDS_TO_END)
        return sum(map(megabytes, worker.pids()))


@contextlib.contextmanager
def new_queue(name: str, database: str) -> Iterator[Queue]:
    """Yield a service with a database and a broker of this run."""
    workers, broker = QUEUES[name]
    answers = {"preset": "custom", "auth": "none", "features": [], "database": database}
    with new_broker(broker) as at, new_database(database) as url:
        made = prepare(name=name, answers={**answers, "workers": workers, "broker": broker})
        queue = Queue(**vars(replace(made, database=url)), name=name, broker=at)
        queue.done.touch()
        yield queue


@contextlib.contextmanager
def held_up(worker: Program) -> Iterator[None]:
    """Let a worker begin nothing meanwhile."""
    os.kill(worker.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker.process.pid, signal.SIGCONT)
