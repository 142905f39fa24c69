"""Real workers, schedulers and a real Redis: whatever is killed, each job is done."""

from __future__ import annotations

import base64
import json
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import daemons
import databases
import fuzz
import pytest
import space
import yaml
from helpers import UV, environment, free_port, run
from server import Answer, Server, Service, until
from sqlalchemy import URL

pytestmark = pytest.mark.slow

# One of each, each on another database; and those without any.
AT_WORK = [v for v in space.at_work() if v["auth"] == "none"]
WITH_ROWS = [v for v in AT_WORK if v["database"] != "none"]
WITHOUT = [v for v in AT_WORK if v["database"] == "none"]
each_queue = pytest.mark.parametrize("answers", AT_WORK, ids=space.name)
BROKERS = {"redis": "FLASK_REDIS_URL", "amqp": "FLASK_RABBITMQ_URL"}
LIMITS = {
    "FLASK_JOB_SOFT_LIMIT_SECONDS": "4",
    "FLASK_JOB_LIMIT_SECONDS": "5",
    "FLASK_JOB_VISIBILITY_SECONDS": "10",
    "FLASK_JOB_DELIVERIES": "3",
}
JOBS = 20
EXPORTS = "/api/v1/notes/exports"
# Tasks beside the service: an effect has a key of its own.
TRIAL = """
import os, pathlib, signal, sys, time
EFFECTS
DECORATOR
BEGUN = pathlib.Path("begun")

@task
def work(number, seconds):
    with BEGUN.open("a") as file:
        file.write(f"{number}\\n")
    time.sleep(seconds)
    add(number)

@task
def tick():
    with BEGUN.open("a") as file:
        file.write("tick\\n")

@task
def poison():
    with BEGUN.open("a") as file:
        file.write("poison\\n")
    os.kill(os.getpid(), signal.SIGKILL)

@task
def hang():
    with BEGUN.open("a") as file:
        file.write("hang\\n")
    while True:
        try:
            time.sleep(60)
        except Exception:
            pass

if __name__ == "__main__":
    import trial
    from my_service import create_app
    with create_app().app_context():
        what, *args = sys.argv[1:]
        if what in ("prepare", "ticks"):
            getattr(trial, what)()
        elif what == "work":
            for number in range(int(args[0])):
                ask(trial.work, number, float(args[1]))
        else:
            ask(getattr(trial, what))
"""
ROWS = """
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from my_service.extensions import db
from my_service.tasks import start as ask

def prepare():
    db.session.execute(text("CREATE TABLE effects (number INTEGER PRIMARY KEY)"))
    db.session.commit()

def add(number):
    try:
        db.session.execute(text("INSERT INTO effects VALUES (:number)"), {"number": number})
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
"""
FILES = """
from contextlib import suppress
from my_service.tasks import enqueue as ask
from my_service.tasks.deliveries import name, store

def prepare():
    pathlib.Path("effects").mkdir()

def add(number):
    with suppress(FileExistsError):
        pathlib.Path("effects", str(number)).touch(exist_ok=False)

def ticks():
    print(len(list(store().scan_iter(name("key", "trial.tick:*")))))
"""
# What asks for a job and answers with its number, at POST /work.
ROUTE = """
from itertools import count
from os import getpid
from my_service import create_app
import trial

app = create_app()
numbers = count(getpid() * 1_000_000)

@app.post("/work")
def work():
    number = next(numbers)
    trial.ask(trial.work, number, 0)
    return {"number": number}, 202
"""
DECORATORS = {
    "celery": "from celery import shared_task as task",
    "rq": "def task(function): return function",
}
WORKERS = {
    "celery": "celery --app my_service.worker worker --concurrency 2 --include trial",
    "rq": "rq worker --config my_service.worker --job-class my_service.tasks.rq.Job"
    " --worker-class my_service.tasks.rq.Worker --serializer json --with-scheduler",
}
# Of a child that dies its worker knows at once: nobody waits until it counts as lost.
PATIENT = {"FLASK_JOB_VISIBILITY_SECONDS": "600"}
SCHEDULERS = {
    "celery": "celery --app my_service.worker beat",
    "rq": "rq cron --config my_service.worker my_service.worker",
}
# What a schema cannot say is no fault of a service: which job has ended, or has no result; and
# that one which was deleted is there, and cancelled.
EXPECTED = """
parameters."path.job_id" = { dictionary = "jobs", probability = 0.5 }

[checks]
missing_required_header.expected-statuses = [400, 415, 422, 428]
positive_data_acceptance.expected-statuses = ["2xx", 404, 409, 412, 422]

[[operations]]
include-name = "GET /api/v1/jobs/{job_id}"
checks.use_after_free.enabled = false

"""


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
        self.rows = (folder / "src" / "my_service" / "database").exists()
        program = TRIAL.replace("DECORATOR", DECORATORS[kind])
        program = program.replace("EFFECTS", ROWS if self.rows else FILES)
        (service.folder / "trial.py").write_text(program, encoding="utf-8")
        self.processes: list[subprocess.Popen[bytes]] = []
        self.commands: list[str] = []
        self.trial("prepare")

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

    def tick(self) -> None:
        """Have schedulers ask for a tick every 2 seconds."""
        schedules = self.service.folder / "src" / "my_service" / "tasks" / "schedules.py"
        sentinel = "    # --- this service's own schedules stand below ---\n"
        text = schedules.read_text(encoding="utf-8")
        schedules.write_text(text.replace(sentinel, f'{sentinel}    "trial.tick": 2,\n'))

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
        if not self.rows:
            return sorted(int(file.name) for file in (self.service.folder / "effects").iterdir())
        return sorted(number for (number,) in self.read("SELECT number FROM effects"))

    def failed(self) -> list[str]:
        """Return what each job failed of that failed for good."""
        if not self.rows:
            lines = self.service.flask("jobs", "dead").splitlines()
            return [line.split()[-1] for line in lines if "trial." in line]
        return [error for (error,) in self.read("SELECT error FROM jobs WHERE status = 'failed'")]

    def ticks(self) -> int:
        """Return for how many periods a tick was done."""
        if not self.rows:
            return int(self.trial("ticks"))
        return self.statuses().get("done", 0)

    def begun(self) -> list[str]:
        file = self.service.folder / "begun"
        return file.read_text(encoding="utf-8").split() if file.exists() else []

    def statuses(self, tasks: str = "trial") -> dict[str, int]:
        counted = "SELECT status, count(*) FROM jobs WHERE task LIKE '{}%%' GROUP BY 1"
        return {str(status): int(count) for status, count in self.read(counted.format(tasks))}

    def exports(self) -> dict[str, int]:
        return self.statuses("my_service.notes")

    def all_done(self) -> bool:
        done = self.statuses().get("done", 0) if self.rows else len(self.effects())
        return done == JOBS

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
def broker(start_daemon: Callable[[str], daemons.Daemon], answers: space.Answers) -> daemons.Daemon:
    """Return a broker that a test may stop."""
    return start_daemon(answers["broker"])


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
    if whom == "child":
        queue.service.settings |= PATIENT
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
    # Celery looks every 100 s for what was lost on Redis.
    until(queue.all_done, f"all jobs done: {queue.log()[-2000:]}", seconds=180)
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
    assert not queue.rows or queue.statuses() == {"done": 1}


@each_queue
def test_poison_is_put_aside_and_the_queue_goes_on(
    queue: Queue, prove: Callable[..., None]
) -> None:
    queue.service.settings |= PATIENT
    queue.scheduler()
    queue.worker()
    queue.trial("poison")
    queue.trial("work", JOBS, 0)
    until(queue.all_done, "the rest done", seconds=120)
    until(queue.failed, "the poison put aside", seconds=60)
    assert queue.begun().count("poison") <= 3
    assert [error.removesuffix("Error") for error in queue.failed()] == ["WorkerLost"]
    prove("jobs that kill their worker put aside")


def ask_meanwhile(
    server: Server, path: str, begun: Callable[[], Any], broker: daemons.Daemon
) -> list[Answer]:
    """Ask by two clients, 10 times a second, while the broker goes away for 10 seconds."""
    ended = threading.Event()

    def ask() -> list[Answer]:
        answers = []
        while not ended.wait(0.1):
            answers.append(server.ask("POST", path))
        return answers

    with ThreadPoolExecutor() as pool:
        clients = [pool.submit(ask) for _ in range(2)]
        try:
            until(begun, "the load", seconds=10)
            broker.stop()
            away_until = time.monotonic() + 10
            until(lambda: time.monotonic() > away_until, "the outage")
            broker.start()
            back_until = time.monotonic() + 2
            until(lambda: time.monotonic() > back_until, "the return")
        finally:
            ended.set()
    return [answer for client in clients for answer in client.result()]


def assert_none_waited(server: Server, requests: int) -> None:
    """The times are of the service's own access lines."""
    asked = [line["duration_ms"] for line in server.requests() if line["method"] == "POST"]
    assert len(asked) == requests
    assert max(asked) < 2000


@pytest.mark.parametrize("answers", WITH_ROWS, ids=space.name)
def test_requests_go_on_while_the_queue_is_away(
    queue: Queue, broker: daemons.Daemon, start: Callable[..., Server], prove: Callable[..., None]
) -> None:
    queue.scheduler()
    queue.worker()
    server = start(queue.service)
    answers = ask_meanwhile(server, EXPORTS, queue.exports, broker)
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {202}

    def all_done() -> bool:
        queue.restart()
        return queue.exports() == {"done": len(statuses)}

    until(all_done, "all exports done", seconds=180)
    assert_none_waited(server, len(statuses))
    prove("jobs asked for while the queue went away and came back", len(statuses))


@pytest.mark.parametrize("answers", WITH_ROWS[:1], ids=space.name)
def test_service_keeps_its_own_description(
    queue: Queue, start: Callable[..., Server], tmp_path: Path, prove: Callable[..., None]
) -> None:
    """Of jobs that are queued, at work, done and cancelled, and of those that never were."""
    queue.worker()
    server = start(queue.service, **fuzz.SETTINGS)
    made = [server.ask("POST", EXPORTS).json["id"] for _ in range(JOBS)]
    until(lambda: queue.exports() == {"done": JOBS}, f"exports: {queue.log()[-2000:]}", seconds=60)
    config = f"{EXPECTED}[dictionaries]\njobs.values = {made}\n"
    options = ("--checks", "all", "--max-examples", "50")
    operations, cases = fuzz.fuzz(server, tmp_path, config, *options, never="Idempotency-Key")
    assert operations == 10
    answered = {(line["route"], line["status"]) for line in server.requests()}
    job = "/api/v1/jobs/<uuid:job_id>"
    assert {(job, 200), (job, 404), (job, 409), (f"{job}/result", 200)} <= answered
    assert not server.errors()
    prove("generated requests that a service with jobs answered as it describes", cases)


@pytest.mark.parametrize("answers", WITHOUT, ids=space.name)
def test_what_was_taken_is_done_although_the_queue_was_away(
    queue: Queue, broker: daemons.Daemon, start: Callable[..., Server], prove: Callable[..., None]
) -> None:
    """What was not, is refused with 503."""
    (queue.service.folder / "src" / "my_service" / "wsgi.py").write_text(ROUTE, encoding="utf-8")
    queue.worker()
    server = start(queue.service)
    answers = ask_meanwhile(server, "/work", queue.effects, broker)
    refused = [answer for answer in answers if answer.status == 503]
    taken = {answer.json["number"] for answer in answers if answer.status == 202}
    assert len(refused) + len(taken) == len(answers)
    assert refused
    assert all(answer.headers["Retry-After"] == "5" for answer in refused)
    assert answers[-1].status == 202

    def all_done() -> bool:
        queue.restart()
        return taken <= set(queue.effects())

    until(all_done, f"all that was taken done: {queue.log()[-2000:]}", seconds=120)
    assert_none_waited(server, len(answers))
    prove("jobs taken, and done although the queue went away meanwhile", len(taken))


@each_queue
def test_schedules_go_on_after_the_queue_was_away(
    queue: Queue, broker: daemons.Daemon, prove: Callable[..., None]
) -> None:
    queue.tick()
    scheduler = queue.scheduler()
    queue.worker()
    until(lambda: "tick" in queue.begun(), "a tick", seconds=60)
    broker.stop()

    def is_noticed() -> bool:
        return "Message Error" in queue.log() or "schedules wait" in queue.log()

    until(is_noticed, "a scheduler that could not send", seconds=30)
    broker.start()
    before = len(queue.begun())

    def goes_on() -> bool:
        queue.restart()
        return len(queue.begun()) > before + 2

    until(goes_on, f"more ticks: {queue.log()[-2000:]}", seconds=60)
    assert scheduler.poll() is None
    prove("schedules that went on after the queue was away")


@pytest.mark.parametrize(
    "answers", [v for v in AT_WORK if v["broker"] == "rabbitmq"], ids=space.name
)
def test_workers_empty_a_queue_that_is_full(
    queue: Queue, broker: daemons.Daemon, prove: Callable[..., None]
) -> None:
    """It gives away what it has, and takes nothing."""
    queue.trial("work", JOBS, 0)
    broker.stop()
    (broker.folder / "none.conf").write_text("vm_memory_high_watermark.absolute = 1\n")
    broker.start()
    worker = queue.worker()
    until(queue.all_done, f"all jobs done: {queue.log()[-2000:]}", seconds=60)
    worker.terminate()
    assert worker.wait(30) == 0, queue.log()
    prove("jobs done that a full queue gave away", JOBS)


@pytest.mark.parametrize(
    "answers", [v for v in WITH_ROWS if v["workers"] == "celery"], ids=space.name
)
def test_flower_shows_workers_and_tasks(queue: Queue, prove: Callable[..., None]) -> None:
    """With what its image installs, and the command of compose.yaml."""
    folder, port = queue.service.folder, free_port()
    run(UV, "sync", "--quiet", "--locked", "--no-dev", "--group=flower", cwd=folder)
    parts = yaml.safe_load((folder / "compose.yaml").read_text(encoding="utf-8"))["services"]
    command = [word.replace("$$", "$") for word in shlex.split(parts["flower"]["command"])]
    path = f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    own = {"FLOWER_ADDRESS": "127.0.0.1", "FLOWER_PORT": str(port), "PATH": path}
    settings = environment(**queue.service.settings, **own)
    refused = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "FLOWER_PASSWORD: is not set" in refused.stderr

    settings["FLOWER_PASSWORD"] = "secret"
    queue.processes.append(subprocess.Popen(command, cwd=folder, env=settings))
    queue.service.settings["CELERY_WORKER_TASK_EVENTS"] = "true"
    queue.worker()

    def ask(what: str, password: str = "secret") -> Any:
        who = base64.b64encode(f"admin:{password}".encode()).decode()
        asked = Request(
            f"http://127.0.0.1:{port}/{what}", headers={"Authorization": f"Basic {who}"}
        )
        try:
            with urlopen(asked, timeout=10) as answer:
                return answer.status if what == "" else json.load(answer)
        except HTTPError as error:
            return error.code
        except URLError:  # It is not there yet.
            return None

    until(lambda: ask("") == 200, "Flower", seconds=60)
    assert ask("", "wrong") == ask("", "") == 401
    until(lambda: ask("api/workers?status=1"), "a worker that Flower sees", seconds=60)
    queue.trial("work", JOBS, 0)
    until(lambda: len(ask("api/tasks")) == JOBS, "all tasks that Flower sees")
    prove("tasks that Flower showed", JOBS)


@each_queue
@pytest.mark.parametrize("what", ["worker", "scheduler"])
def test_health_check_follows_the_main_loop(
    queue: Queue, what: str, prove: Callable[..., None]
) -> None:
    """It says no when the loop stands still, and yes when it goes round again."""
    compose = yaml.safe_load((queue.service.folder / "compose.yaml").read_text(encoding="utf-8"))
    *program, check = compose["services"][what]["healthcheck"]["test"][1:]
    file = queue.service.folder / "heartbeat"
    queue.service.settings["FLASK_DRAIN_FILE"] = str(file.with_name("draining"))

    def is_healthy() -> bool:
        command = [*program, check.replace("/tmp/heartbeat", str(file))]
        return subprocess.run(command, capture_output=True).returncode == 0

    assert not is_healthy()
    process = queue.worker() if what == "worker" else queue.scheduler()
    until(is_healthy, f"a healthy {what}: {queue.log()[-2000:]}")
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)
    os.utime(file, (time.time() - 61,) * 2)
    assert not is_healthy()
    process.send_signal(signal.SIGCONT)
    until(is_healthy, f"a {what} that goes on: {queue.log()[-2000:]}")
    prove(f"health checks that noticed a {what} that hangs")


@each_queue
def test_two_schedulers_ask_once(queue: Queue, prove: Callable[..., None]) -> None:
    """For each period: each has a key."""
    queue.tick()
    queue.worker()
    both = queue.scheduler(), queue.scheduler()
    until(lambda: queue.ticks() >= 3, "three periods", seconds=60)
    for scheduler in both:
        scheduler.terminate()
    until(lambda: len(queue.begun()) == queue.ticks(), "all done")
    assert queue.begun() == ["tick"] * queue.ticks()
    prove("periods for which two schedulers asked once", queue.ticks())


@pytest.mark.parametrize("answers", WITHOUT, ids=space.name)
def test_what_hangs_is_put_aside(queue: Queue, prove: Callable[..., None]) -> None:
    """Its process is killed, and the job not lost."""
    queue.worker()
    queue.trial("hang")
    until(queue.failed, f"the job put aside: {queue.log()[-2000:]}", seconds=60)
    assert queue.begun() == ["hang"] * 3
    prove("jobs that hang put aside")
