"""Real workers, schedulers and a real Redis: whatever is killed, each job is done."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import daemons
import databases
import pytest
import space
from conftest import missing
from helpers import environment
from server import Server, Service, until
from sqlalchemy import URL

pytestmark = pytest.mark.slow

# One of each, each on another database.
AT_WORK = [v for v in space.at_work() if v["auth"] == "none"]
each_queue = pytest.mark.parametrize("answers", AT_WORK, ids=space.name)
BROKERS = {"redis": "FLASK_REDIS_URL", "amqp": "FLASK_RABBITMQ_URL"}
LIMITS = {
    "FLASK_JOB_SOFT_LIMIT_SECONDS": "4",
    "FLASK_JOB_LIMIT_SECONDS": "5",
    "FLASK_JOB_VISIBILITY_SECONDS": "10",
    "FLASK_JOB_DELIVERIES": "3",
}
JOBS = 20
# Tasks beside the service: an effect is a row with a key of its own.
TRIAL = """
import os, pathlib, signal, sys, time
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from my_service.extensions import db
DECORATOR
BEGUN = pathlib.Path("begun")

@task
def work(number, seconds):
    with BEGUN.open("a") as file:
        file.write(f"{number}\\n")
    time.sleep(seconds)
    try:
        db.session.execute(text("INSERT INTO effects VALUES (:number)"), {"number": number})
        db.session.commit()
    except IntegrityError:
        db.session.rollback()

@task
def tick():
    with BEGUN.open("a") as file:
        file.write("tick\\n")

@task
def poison():
    with BEGUN.open("a") as file:
        file.write("poison\\n")
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    import trial
    from my_service import create_app
    from my_service.tasks import start
    with create_app().app_context():
        name, *args = sys.argv[1:]
        if name == "table":
            db.session.execute(text("CREATE TABLE effects (number INTEGER PRIMARY KEY)"))
            db.session.commit()
        elif name == "poison":
            print(start(trial.poison).id)
        else:
            for number in range(int(args[0])):
                start(trial.work, number, float(args[1]))
"""
DECORATORS = {
    "celery": "from celery import shared_task as task",
    "rq": "def task(function): return function",
}
WORKERS = {
    "celery": "celery --app my_service.worker worker --concurrency 2 --include trial",
    "rq": "rq worker --config my_service.worker --job-class my_service.tasks.rq.Job"
    " --serializer json --with-scheduler",
}
SCHEDULERS = {
    "celery": "celery --app my_service.worker beat",
    "rq": "rq cron --config my_service.worker my_service.worker",
}


class Queue:
    """A service with its workers and schedulers, and the trial beside it."""

    def __init__(self, service: Service, kind: str, broker: URL) -> None:
        self.service, self.kind = service, kind
        variable = BROKERS[broker.drivername]
        service.settings[variable] = broker.render_as_string(hide_password=False)
        service.settings |= {"FLASK_JOB_QUEUE": "trial", **LIMITS}
        # Celery warns of root, and SQLAlchemy's pool is not closed when a process is killed.
        service.settings["PYTHONWARNINGS"] = "default"
        folder = service.folder
        service.settings["PYTHONPATH"] = f"{folder}{os.pathsep}{folder / 'src'}"
        program = TRIAL.replace("DECORATOR", DECORATORS[kind])
        (service.folder / "trial.py").write_text(program, encoding="utf-8")
        self.processes: list[subprocess.Popen[bytes]] = []
        self.commands: list[str] = []
        self.trial("table")

    def trial(self, *arguments: object) -> str:
        command = [self.service.programs / "python", "trial.py", *map(str, arguments)]
        return subprocess.run(
            command,
            cwd=self.service.folder,
            env=environment(**self.service.settings),
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def launch(self, command: str) -> subprocess.Popen[bytes]:
        program, *arguments = command.split()
        with (self.service.folder / f"{program}.log").open("ab") as log:
            process = subprocess.Popen(
                [self.service.programs / program, *arguments],
                cwd=self.service.folder,
                env=environment(**self.service.settings),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        self.commands.append(command)
        return process

    def restart(self) -> None:
        """Start again what has ended, as `restart: unless-stopped` does."""
        for process, command in zip(list(self.processes), list(self.commands), strict=True):
            if process.poll() is not None:
                self.processes.remove(process)
                self.commands.remove(command)
                self.launch(command)

    def worker(self) -> subprocess.Popen[bytes]:
        return self.launch(WORKERS[self.kind])

    def scheduler(self) -> subprocess.Popen[bytes]:
        return self.launch(SCHEDULERS[self.kind])

    def read(self, statement: str) -> list[Any]:
        url = self.service.settings["FLASK_SQLALCHEMY_DATABASE_URI"]
        if url.startswith("sqlite"):
            url = f"sqlite:///{self.service.database}"
        with databases.connect(url) as connection:
            return list(connection.exec_driver_sql(statement).all())

    def effects(self) -> list[int]:
        return sorted(number for (number,) in self.read("SELECT number FROM effects"))

    def begun(self) -> list[str]:
        file = self.service.folder / "begun"
        return file.read_text(encoding="utf-8").split() if file.exists() else []

    def statuses(self, tasks: str = "trial") -> dict[str, int]:
        counted = "SELECT status, count(*) FROM jobs WHERE task LIKE '{}%%' GROUP BY 1"
        return {str(status): int(count) for status, count in self.read(counted.format(tasks))}

    def exports(self) -> dict[str, int]:
        return self.statuses("my_service.notes")

    def all_done(self) -> bool:
        return self.statuses() == {"done": JOBS}

    def log(self) -> str:
        return "\n".join(file.read_text() for file in self.service.folder.glob("*.log"))

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture
def broker(request: pytest.FixtureRequest, answers: space.Answers) -> Iterator[daemons.Daemon]:
    """Return a broker that a test may stop."""
    if lacking := daemons.lacking(answers["broker"]):
        missing(request, f"{lacking} cannot be found")
    with daemons.server(answers["broker"]).for_a_while() as daemon:
        yield daemon


@pytest.fixture
def queue(
    make: Callable[..., Service], broker: daemons.Daemon, answers: space.Answers
) -> Iterator[Queue]:
    service = make(answers)
    made = Queue(service, answers["workers"], broker.url)
    yield made
    made.stop()


def children(pid: int) -> list[int]:
    """Return the processes that a process has begun."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:  # It ended meanwhile.
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


@each_queue
@pytest.mark.parametrize("whom", ["main", "child"])
def test_each_job_is_done_whatever_is_killed(
    queue: Queue, whom: str, prove: Callable[..., None]
) -> None:
    queue.scheduler()
    worker = queue.worker()
    queue.trial("work", JOBS, 0.3)
    until(lambda: len(queue.begun()) > 5, "some jobs at work", seconds=60)
    if whom == "main":
        worker.kill()
        queue.worker()
    else:
        for child in children(worker.pid):
            os.kill(child, signal.SIGKILL)
    until(queue.all_done, f"all jobs done: {queue.log()[-2000:]}", seconds=120)
    assert queue.effects() == list(range(JOBS))
    prove(f"jobs done although the {whom} process of their worker was killed", JOBS)


@each_queue
def test_sigterm_lets_the_job_at_work_end(queue: Queue) -> None:
    worker = queue.worker()
    queue.trial("work", 1, 2)
    until(queue.begun, "the job at work", seconds=60)
    worker.terminate()
    assert worker.wait(30) == 0, queue.log()
    assert queue.effects() == [0]
    assert queue.statuses() == {"done": 1}


@each_queue
def test_poison_is_put_aside_and_the_queue_goes_on(
    queue: Queue, prove: Callable[..., None]
) -> None:
    queue.scheduler()
    queue.worker()
    queue.trial("poison")
    queue.trial("work", JOBS, 0)
    until(lambda: queue.statuses() == {"done": JOBS, "failed": 1}, "the rest done", seconds=120)
    assert queue.begun().count("poison") <= 3
    assert queue.read("SELECT error FROM jobs WHERE status = 'failed'") == [("WorkerLost",)]
    prove("jobs that kill their worker put aside")


@each_queue
def test_requests_go_on_while_the_queue_is_away(
    queue: Queue, broker: daemons.Daemon, start: Callable[..., Server], prove: Callable[..., None]
) -> None:
    """Two clients ask 10 times a second; the times are of the service's own access lines."""
    queue.scheduler()
    queue.worker()
    server = start(queue.service)
    ended = threading.Event()

    def ask() -> list[int]:
        statuses = []
        while not ended.wait(0.1):
            statuses.append(server.ask("POST", "/api/v1/notes/exports").status)
        return statuses

    with ThreadPoolExecutor() as pool:
        clients = [pool.submit(ask) for _ in range(2)]
        try:
            until(queue.exports, "the load", seconds=10)
            broker.stop()
            away_until = time.monotonic() + 10
            until(lambda: time.monotonic() > away_until, "the outage")
            broker.start()
        finally:
            ended.set()
    statuses = [status for client in clients for status in client.result()]
    assert set(statuses) == {202}

    def all_done() -> bool:
        queue.restart()
        return queue.exports() == {"done": len(statuses)}

    until(all_done, "all exports done", seconds=180)
    asked = [line["duration_ms"] for line in server.requests() if line["method"] == "POST"]
    assert len(asked) == len(statuses)
    assert max(asked) < 2000
    prove("jobs asked for while the queue went away and came back", len(statuses))


@each_queue
def test_two_schedulers_ask_once(queue: Queue, prove: Callable[..., None]) -> None:
    """For each period: each has a key."""
    schedules = queue.service.folder / "src" / "my_service" / "tasks" / "schedules.py"
    sentinel = "    # --- this service's own schedules stand below ---\n"
    text = schedules.read_text(encoding="utf-8")
    schedules.write_text(text.replace(sentinel, f'{sentinel}    "trial.tick": 2,\n'))
    queue.worker()
    both = queue.scheduler(), queue.scheduler()
    until(lambda: queue.statuses().get("done", 0) >= 3, "three periods", seconds=60)
    for scheduler in both:
        scheduler.terminate()
    until(lambda: set(queue.statuses()) == {"done"}, "all done")
    assert queue.begun() == ["tick"] * queue.statuses()["done"]
    prove("periods for which two schedulers asked once", queue.statuses()["done"])
