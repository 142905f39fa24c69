"""What a request costs in the service, against bare Flask: `make bench`.

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
import sys
from dataclasses import dataclass
from pathlib import Path

import load
from rendered import HOST, Rendered, UnusableError, clear, prepare
from table import Row, in_turns, parse, report


@dataclass(frozen=True)
class View:
    """A view of an app: a module of `baselines/`, and a path."""

    module: str
    path: str


BARE = View("bare", "/plain")
PLAIN = View("service", "/plain")
ABOUT = View("service", "/api/v1/about")
VIEWS = (BARE, PLAIN, ABOUT)


def main() -> int:
    options = _options()
    try:
        clear()
        rendered = prepare(options.service, options.python)
        cpu = in_turns(options.turns, VIEWS, lambda view: _microseconds(rendered, view))
        with rendered.served("bare") as bare, rendered.served("service") as service:
            ports = {"bare": bare, "service": service}
            rate = in_turns(options.turns, VIEWS, lambda view: _rate(ports[view.module], view))
    except (UnusableError, load.NotOkError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    rows = (
        Row("plain view, CPU in process (µs)", cpu[BARE], cpu[PLAIN], "<= 2.0"),
        Row("plain view, gunicorn (requests/s)", rate[BARE], rate[PLAIN], ">= 0.80"),
        Row("GET /api/v1/about, CPU in process (µs)", cpu[BARE], cpu[ABOUT], ""),
        Row("GET /api/v1/about, gunicorn (requests/s)", rate[BARE], rate[ABOUT], ">= 0.65"),
    )
    told = f"{options.turns} turns, load by {load.tool()}."
    report(rows, title="A request", reference="bare Flask", told=told, write=options.write)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--service", type=Path, help="a rendered service, not the defaults")
    parser.add_argument("--python", type=Path, help="its Python, not that of a new environment")
    return parse(parser, turns=20)


def _microseconds(rendered: Rendered, view: View) -> float:
    """Return the CPU of a request in a new process."""
    return float(rendered.run("meter.py", view.module, HOST, view.path))


def _rate(port: int, view: View) -> float:
    return load.requests_per_second(port, HOST, load.Ask(view.path))


if __name__ == "__main__":
    sys.exit(main())
