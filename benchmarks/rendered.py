"""A rendered service and its environment, given or new below `build/`, and how it is run."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The tests' own way to services, databases and brokers.
sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
import daemons
import databases
import helpers
from helpers import ROOT
from server import until
from sqlalchemy.exc import DBAPIError

# Each benchmark has a folder of its own, so that two may run at once.
BUILD = ROOT / "build" / "benchmarks" / Path(sys.argv[0]).stem
BASELINES = ROOT / "benchmarks" / "baselines"
# The one host that the service trusts.
HOST = "api.example.com"
SECONDS_TO_START = 20
# These win over the service's gunicorn.conf.py: no worker is renewed meanwhile, and one
# worker leaves a core to whoever asks.
SETTINGS = (
    *("--worker-class=gthread", "--workers=1", "--threads=4", "--keep-alive=75"),
    *("--max-requests=0", "--max-requests-jitter=0"),
)


class UnusableError(Exception):
    """The benchmark cannot run; the message says what it needs."""


class AwayError(Exception):
    """A server cannot be used; the message says why."""


@dataclass(frozen=True)
class Program:
    """What runs until it is stopped, and its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def until(self, true: Callable[[], Any], what: str, seconds: float) -> None:
        """Return when it is true; raise when the program ends or that takes too long."""

        def is_true() -> bool:
            if self.process.poll() is not None:
                raise UnusableError(f"It ended before {what}: {_last_line(self.log)}")
            return bool(true())

        try:
            until(is_true, what, seconds)
        except AssertionError as error:
            raise UnusableError(f"{error}: {_last_line(self.log)}") from error

    def pids(self) -> list[int]:
        """Return the process, and those that it has begun."""
        pid = self.process.pid
        begun = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
        return [pid, *map(int, begun.split())]


def inherited() -> dict[str, str]:
    """Return the variables of this process but those that Flask and Python read."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("FLASK_", "PYTHON"))}


def megabytes(pid: int) -> float:
    """Return the memory of a process; what processes share counts in parts (PSS)."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    return int(text.partition("\nPss:")[2].split()[0]) / 1024


@dataclass(frozen=True)
class Rendered:
    """A service's folder, a Python that has what it depends on, and the URL of its database."""

    service: Path
    package: str
    python: Path
    database: str = "sqlite:///benchmark.db"

    def environ(self) -> dict[str, str]:
        """Return the variables of production; the service's code goes before any installed."""
        return inherited() | {
            "BENCHMARK_PACKAGE": self.package,
            "PYTHONPATH": os.pathsep.join([str(self.service / "src"), str(BASELINES)]),
            "APP_ENV": "production",
            "FLASK_INSTANCE_PATH": str(BUILD / "instance"),
            "FLASK_JWT_SECRET_KEY": secrets.token_urlsafe(48),
            "FLASK_MAIL_BACKEND": "file",
            "FLASK_MAIL_DEFAULT_SENDER": "noreply@example.com",
            "FLASK_PROXY_HOPS": "0",
            "FLASK_PUBLIC_URL": "https://app.example.com",
            "FLASK_RATELIMIT_WRITES": "100000000 per minute",
            "FLASK_SECRET_KEY": secrets.token_urlsafe(48),
            "FLASK_SQLALCHEMY_DATABASE_URI": self.database,
            "FLASK_TRUSTED_HOSTS": f'["{HOST}"]',
        }

    def run(self, script: str, *arguments: str) -> str:
        """Return what a script of `baselines/` prints; raise with its last line if it fails."""
        log = BUILD / f"{Path(script).stem}-{arguments[0]}.log"
        command = [str(self.python), str(BASELINES / script), *arguments]
        with log.open("w") as stderr:
            run = subprocess.run(
                command,
                cwd=self.service,
                env=self.environ(),
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                check=False,
            )
        if run.returncode:
            raise UnusableError(f"{script}: {_last_line(log)}")
        return run.stdout

    @contextlib.contextmanager
    def served(self, module: str) -> Iterator[int]:
        """Serve an app of `baselines/` on the port that is returned."""
        with self.serving(module) as (_, port):
            yield port

    @contextlib.contextmanager
    def serving(self, module: str) -> Iterator[tuple[Program, int]]:
        """Serve an app of `baselines/`: return its server, and the port."""
        port = helpers.free_port()
        command = ["gunicorn", f"{module}:create_app()", *SETTINGS, f"--bind=127.0.0.1:{port}"]
        # The service is served by its own gunicorn.conf.py.
        folder = BASELINES if module.startswith("bare") else self.service
        with self.started(f"gunicorn-{module}-{port}", *command, folder=folder) as server:
            server.until(lambda: _is_served(port), "gunicorn answers", SECONDS_TO_START)
            yield server, port

    @contextlib.contextmanager
    def started(self, name: str, *command: str, folder: Path) -> Iterator[Program]:
        """Start a program of the environment in a folder, and stop it in the end."""
        log = BUILD / f"{name}.log"
        started = [str(self.python), "-m", *command]
        with (
            log.open("w") as said,
            subprocess.Popen(
                started, cwd=folder, env=self.environ(), stdout=said, stderr=said
            ) as process,
        ):
            try:
                yield Program(process, log)
            finally:
                process.terminate()


@contextlib.contextmanager
def new_database(kind: str) -> Iterator[str]:
    """Yield the URL of a new database, and drop it however the run ends."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            yield f"sqlite:///{folder}/service.db"
        return
    try:
        server = databases.server(kind)
        if server is None:
            this = databases.KINDS[kind]
            raise AwayError(f"no {this.name} on its local port, nor named by {this.variable}")
        url = databases.create(server)
    except DBAPIError as error:
        raise AwayError(str(error.orig).splitlines()[0]) from error
    try:
        yield url.render_as_string(hide_password=False)
    finally:
        databases.drop(kind, url)


@contextlib.contextmanager
def new_broker(kind: str) -> Iterator[str]:
    """Yield the URL of a broker of this run, and remove all of it in the end."""
    if lacking := daemons.lacking(kind):
        raise AwayError(f"{lacking} cannot be found")
    with daemons.server(kind).for_a_while() as broker:
        yield broker.url.render_as_string(hide_password=False)


def clear() -> None:
    """Forget what an earlier run made."""
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)


def prepare(
    service: Path | None = None,
    python: Path | None = None,
    *,
    name: str = "service",
    answers: Mapping[str, Any] | None = None,
) -> Rendered:
    """Return the given service and Python, or make what was not given in a folder `name`."""
    for given in filter(None, (service, python)):
        if not given.exists():
            raise UnusableError(f"{given} does not exist.")
    service = service.absolute() if service else _render(name, answers)
    package = _package(service)
    python = python.absolute() if python else _install(service, BUILD / f"{name}-venv")
    return Rendered(service, package, python)


def _package(service: Path) -> str:
    for module in service.glob("src/*/wsgi.py"):
        return module.parent.name
    raise UnusableError(f"{service} has no src/<package>/wsgi.py: is it a service?")


def _render(name: str, answers: Mapping[str, Any] | None) -> Path:
    """Render the answers from the files as they are now, committed or not."""
    template = BUILD / "template"
    source = template if template.exists() else helpers.snapshot(template)
    return helpers.render(source, BUILD / name, answers)


def _install(service: Path, environment: Path) -> Path:
    """Install what the service depends on into an environment of its own."""
    python = environment / "bin" / "python"
    install = ("pip", "install", "--quiet", "--python", python, service)
    try:
        helpers.run(helpers.UV, "venv", "--quiet", environment, cwd=BUILD)
        helpers.run(helpers.UV, *install, cwd=BUILD)
    except AssertionError as error:
        raise UnusableError(error) from error
    return python


def _is_served(port: int) -> bool:
    """Tell whether a worker is at work; gunicorn listens before one is."""
    here = ("127.0.0.1", port)
    with contextlib.suppress(OSError), socket.create_connection(here, timeout=1) as connection:
        connection.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
        return bool(connection.recv(1))
    return False


def _last_line(log: Path) -> str:
    return (log.read_text(errors="replace").splitlines() or ["(it wrote nothing)"])[-1]
