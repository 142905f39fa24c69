"""What it takes to copy, start, keep and prove a service: `make bench-start`.

Renders the default answers from the working tree. Prints a table in Markdown, all of this one
run:

- the time of a new process that makes the app, against bare Flask, and against bare Flask with
  the same imports (`baselines/bare_loaded.py`), which any service with these libraries has to do;
- the memory of a gunicorn worker that has answered requests, against the same;
- the time of `copier copy`, against a template of as many empty files;
- the seconds from `copier copy` to the first 200 on /readyz, with warm caches: what the README
  says, `make setup` and `make run`;
- the seconds of the service's own suite, `make test`;
- the image: its bytes against those of its base and of its environment, and the seconds until
  it is healthy. Without a Docker engine these are left out, and stderr says so.

What is compared takes turns; what takes seconds takes few.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import load
from load import Ask
from rendered import (
    BUILD,
    HOST,
    Program,
    Rendered,
    UnusableError,
    clear,
    helpers,
    megabytes,
    prepare,
)
from table import Row, Value, in_turns, parse, report

BARE, LOADED, SERVICE = "bare", "bare_loaded", "service"
AGAINST = {BARE: "bare Flask", LOADED: "the same imports"}
FEW = 3
SECONDS_TO_START = 60
IMAGE = "benchmark-of-a-service"


@dataclass(frozen=True)
class Loaded(Rendered):
    """A service, and the names of what it imports of others."""

    libraries: str = ""

    def environ(self) -> dict[str, str]:
        return super().environ() | {"BENCHMARK_LIBRARIES": self.libraries}


def main() -> int:
    options = _options()
    told = f"{options.turns} turns; of what takes seconds, {FEW}."
    try:
        clear()
        rows = (row for name in options.measure.split(",") for row in MEASURES[name](options.turns))
        report(rows, title="The start", reference="against", told=told, write=options.write)
    except (UnusableError, load.NotOkError, AssertionError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    every = ",".join(MEASURES)
    parser.add_argument("--measure", default=every, help=every)
    options = parse(parser, turns=10)
    if not set(options.measure.split(",")) <= MEASURES.keys():
        parser.error(f"--measure takes some of {every}.")
    return options


# --- A process


def _process(turns: int) -> Iterator[Row]:
    made = prepare()
    service = Loaded(**vars(made), libraries=made.run("cold.py", "libraries").strip())
    subjects = (*AGAINST, SERVICE)
    took = in_turns(turns, subjects, lambda module: _milliseconds(service, module))
    for bare, budget in ((BARE, "<= 3.5"), (LOADED, "<= 1.1")):
        title = f"create_app in a new process, against {AGAINST[bare]} (ms)"
        yield Row(title, took[bare], took[SERVICE], budget)
    kept = in_turns(FEW, subjects, lambda module: _memory(service, module))
    for bare, budget in ((BARE, ""), (LOADED, "<= 1.1")):
        title = f"memory of a gunicorn worker, against {AGAINST[bare]} (MiB)"
        yield Row(title, kept[bare], kept[SERVICE], budget, decimals=1)


def _milliseconds(service: Rendered, module: str) -> float:
    start = time.perf_counter()
    service.run("cold.py", module)
    return (time.perf_counter() - start) * 1000


def _memory(service: Rendered, module: str) -> float:
    """Return the memory of a new worker that has answered some requests."""
    with service.serving(module) as (server, port):
        load.requests_per_second(port, HOST, Ask("/plain"), connections=4, seconds=1)
        _, worker = server.pids()
        return megabytes(worker)


# --- A copy


def _copy(turns: int) -> Iterator[Row]:
    source = helpers.snapshot(BUILD / "template")
    files = helpers.tree(helpers.render(source, BUILD / "counted"))
    empty = BUILD / "empty"
    for name in files:
        (empty / name).parent.mkdir(parents=True, exist_ok=True)
        (empty / name).touch()
    took = in_turns(turns, (empty, source), _copied)
    title = f"copier copy, against {len(files)} empty files (ms)"
    yield Row(title, took[empty], took[source], "<= 1.3")


def _copied(source: Path) -> float:
    """Return the milliseconds of a copy, without the start of copier."""
    target = BUILD / "copied"
    shutil.rmtree(target, ignore_errors=True)
    start = time.perf_counter()
    helpers.render(source, target)
    return (time.perf_counter() - start) * 1000


# --- The first answer, and the suite


def _ready(_turns: int) -> Iterator[Value]:
    source = helpers.snapshot(BUILD / "template")
    took = in_turns(FEW, [source], _first_answer)[source]
    yield Value("from copier copy to the first 200 on /readyz, warm (s)", took, "<= 4")


def _first_answer(source: Path) -> float:
    service = BUILD / "first"
    shutil.rmtree(service, ignore_errors=True)
    start = time.perf_counter()
    helpers.run(*helpers.copier_command("copy", "--defaults", source, service), cwd=BUILD)
    helpers.run("git", "init", "--quiet", cwd=service)
    helpers.run("make", "setup", cwd=service)
    port = helpers.free_port()
    log = BUILD / "first.log"
    with log.open("w") as said:
        made = subprocess.Popen(
            ["make", "run"],
            cwd=service,
            env=helpers.environment(PORT=str(port)),
            stdout=said,
            stderr=said,
            process_group=0,
        )
        try:
            Program(made, log).until(partial(_is_ready, port), "ready", SECONDS_TO_START)
            return time.perf_counter() - start
        finally:
            os.killpg(made.pid, signal.SIGKILL)  # Flask's reloader outlives a SIGTERM.
            made.wait()


def _is_ready(port: int) -> bool:
    url = f"http://127.0.0.1:{port}/readyz"
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return answer.status == 200
    return False


def _suite(_turns: int) -> Iterator[Value]:
    service = _set_up()
    took = in_turns(FEW, [service], _tested)[service]
    yield Value("the service's own suite, make test (s)", took, "<= 10")


def _set_up() -> Path:
    service = helpers.render(helpers.snapshot(BUILD / "template"), BUILD / "set-up")
    helpers.run("make", "setup", cwd=service)
    return service


def _tested(service: Path) -> float:
    start = time.perf_counter()
    # All processors, as for whoever runs it alone.
    helpers.run("make", "test", cwd=service, PYTEST_XDIST_AUTO_NUM_WORKERS="")
    return time.perf_counter() - start


# --- The image


def _image(_turns: int) -> Iterator[Row | Value]:
    try:
        helpers.run("docker", "info", cwd=BUILD)
    except (AssertionError, OSError):
        sys.stderr.write("The image is left out: no Docker engine answers.\n")
        return
    service = _set_up()
    docker = partial(helpers.run, "docker", cwd=service)
    docker("build", "--network=host", "--tag", IMAGE, ".")
    base = docker("inspect", "--format={{.Size}}", "python:3.13-slim")
    whole = docker("inspect", "--format={{.Size}}", IMAGE)
    measured = ("du", "--summarize", "--bytes", "/app/.venv")
    environment = docker("run", "--rm", "--network=none", IMAGE, *measured)
    needed = (int(base) + int(environment.split()[0])) / 1e6
    yield Row(
        "the image, against its base and its environment (MB)",
        [needed] * 2,
        [int(whole) / 1e6] * 2,
        "<= 1.1",
    )
    given = Rendered(service, "", Path(), "sqlite:////data/service.db").environ()
    took = in_turns(FEW, [IMAGE], lambda _: _healthy(given, docker))[IMAGE]
    yield Value("the image, from start to healthy (s)", took, "<= 3")


def _healthy(given: Mapping[str, str], docker: Callable[..., str]) -> float:
    """Return the seconds until a container of the image is healthy."""
    needed = {name: value for name, value in given.items() if name.startswith("FLASK_")}
    needed |= {"FLASK_INSTANCE_PATH": "/data", "PORT": str(helpers.free_port())}
    variables = [f"--env={name}={value}" for name, value in needed.items()]
    start = time.perf_counter()
    container = docker("run", "--detach", "--network=host", *variables, IMAGE).strip()
    try:
        asked = ("inspect", "--format={{.State.Health.Status}}", container)
        while (said := docker(*asked).strip()) != "healthy":
            if said == "unhealthy" or time.perf_counter() - start > SECONDS_TO_START:
                raise UnusableError(f"The container is {said}: {docker('logs', container)}")
            time.sleep(0.05)
        return time.perf_counter() - start
    finally:
        docker("rm", "--force", container)


MEASURES = {
    "process": _process,
    "copy": _copy,
    "ready": _ready,
    "suite": _suite,
    "image": _image,
}

if __name__ == "__main__":
    sys.exit(main())
