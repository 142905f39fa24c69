"""What a request costs in the service, against bare Flask: `python benchmarks/requests.py`.

Renders the default answers from the working tree, makes an environment for them below
`build/`, and prints a table in Markdown. All of its numbers are of this one run:

- in process: microseconds of CPU a request, without a server, by the process's own clock;
- gunicorn: requests a second of one gthread worker, with the same settings for both apps.

The views take turns. Each turn gives a ratio; the table has their median and quartiles. The
service runs as in production and writes its access lines to a file. An answer that is not a
200 ends the run.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import load
from rendered import BASELINES, BUILD, HOST, Rendered, UnusableError, prepare

CONNECTIONS = 8
SECONDS_A_TURN = 1
SECONDS_TO_START = 20
# These win over the service's gunicorn.conf.py: no worker is renewed meanwhile, and one
# worker leaves a core to whoever asks.
SETTINGS = (
    *("--worker-class=gthread", "--workers=1", "--threads=4", "--keep-alive=75"),
    *("--max-requests=0", "--max-requests-jitter=0"),
)


@dataclass(frozen=True)
class View:
    """A view of an app: a module of `baselines/`, and a path."""

    module: str
    path: str


@dataclass(frozen=True)
class Row:
    """What was measured of a view and of the bare one, turn by turn."""

    title: str
    bare: list[float]
    service: list[float]
    budget: str

    def __str__(self) -> str:
        ratios = [ours / bare for ours, bare in zip(self.service, self.bare, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        medians = (f"{statistics.median(taken):,.0f}" for taken in (self.bare, self.service))
        spread = f"{middle:.2f} ({low:.2f} to {high:.2f})"
        return f"| {' | '.join([self.title, *medians, spread, self.budget])} |"


BARE = View("bare", "/plain")
PLAIN = View("service", "/plain")
ABOUT = View("service", "/api/v1/about")
HEAD = """\
| | bare Flask | service | ratio (quartiles) | budget |
|---|---|---|---|---|
"""


def main() -> int:
    options = _options()
    try:
        rendered = prepare(options.service, options.python)
        cpu = _in_turns(options.turns, lambda view: _microseconds(rendered, view))
        with _server(rendered, "bare") as bare, _server(rendered, "service") as service:
            ports = {"bare": bare, "service": service}
            rate = _in_turns(options.turns, lambda view: _rate(ports[view.module], view))
    except (UnusableError, load.NotOkError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    rows = (
        Row("plain view, CPU in process (µs)", cpu[BARE], cpu[PLAIN], "<= 2.0"),
        Row("plain view, gunicorn (requests/s)", rate[BARE], rate[PLAIN], ">= 0.80"),
        Row("GET /api/v1/about, CPU in process (µs)", cpu[BARE], cpu[ABOUT], ""),
        Row("GET /api/v1/about, gunicorn (requests/s)", rate[BARE], rate[ABOUT], ">= 0.65"),
    )
    sys.stdout.write(HEAD + "".join(f"{row}\n" for row in rows))
    sys.stdout.write(f"\n{options.turns} turns, load by {load.tool()}.\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--service", type=Path, help="a rendered service, not the defaults")
    parser.add_argument("--python", type=Path, help="its Python, not that of a new environment")
    parser.add_argument("--turns", type=int, default=20, help="turns of each view (20)")
    options = parser.parse_args()
    if options.turns < 2:
        parser.error("--turns must be 2 or more.")
    return options


def _in_turns(turns: int, measure: Callable[[View], float]) -> dict[View, list[float]]:
    """Measure one view after the other, again and again; a first turn warms them up."""
    rounds = [{view: measure(view) for view in (BARE, PLAIN, ABOUT)} for _ in range(turns + 1)]
    return {view: [taken[view] for taken in rounds[1:]] for view in (BARE, PLAIN, ABOUT)}


def _microseconds(rendered: Rendered, view: View) -> float:
    """Return the CPU of a request in a new process."""
    log = BUILD / f"meter-{view.module}.log"
    command = [str(rendered.python), str(BASELINES / "meter.py"), view.module, HOST, view.path]
    environ = rendered.environ()
    with log.open("w") as stderr:
        run = subprocess.run(
            command, cwd=BUILD, env=environ, stdout=subprocess.PIPE, stderr=stderr, check=False
        )
    if run.returncode:
        raise UnusableError(f"{view.path}: {_last_line(log)}")
    return float(run.stdout)


def _rate(port: int, view: View) -> float:
    return load.requests_per_second(
        port, HOST, view.path, connections=CONNECTIONS, seconds=SECONDS_A_TURN
    )


@contextlib.contextmanager
def _server(rendered: Rendered, module: str) -> Iterator[int]:
    """Serve an app of `baselines/` on the port that is returned."""
    port, log = _free_port(), BUILD / f"gunicorn-{module}.log"
    command = [str(rendered.python), "-m", "gunicorn", f"{module}:create_app()", *SETTINGS]
    command += [f"--bind=127.0.0.1:{port}"]
    folder, environ = rendered.folder(module), rendered.environ()
    with (
        log.open("w") as stderr,
        subprocess.Popen(command, cwd=folder, env=environ, stderr=stderr) as server,
    ):
        try:
            _wait(server, port, log)
            yield port
        finally:
            server.terminate()


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return when the port answers; raise when the server ends or takes too long."""
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise UnusableError(f"gunicorn did not start: {_last_line(log)}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _last_line(log: Path) -> str:
    return (log.read_text(errors="replace").splitlines() or ["(it wrote nothing)"])[-1]


if __name__ == "__main__":
    sys.exit(main())
