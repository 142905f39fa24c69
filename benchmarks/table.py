"""Measurements that take turns, a row in a table for each, and the page that keeps a table."""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

FIGURES = Path(__file__).resolve().parent.parent / "docs" / "figures"

Subject = TypeVar("Subject")
Measured = TypeVar("Measured")


@dataclass(frozen=True)
class Row:
    """What was measured of the service and of what it is compared with, turn by turn."""

    title: str
    reference: list[float]
    service: list[float]
    budget: str
    decimals: int = 0

    @property
    def ratios(self) -> tuple[float, float, float]:
        """Return the quartiles of service against reference; the second one is the median."""
        pairs = zip(self.service, self.reference, strict=True)
        low, middle, high = statistics.quantiles([ours / theirs for ours, theirs in pairs], n=4)
        return low, middle, high

    def __str__(self) -> str:
        low, middle, high = self.ratios
        both = (statistics.median(taken) for taken in (self.reference, self.service))
        medians = (f"{median:,.{self.decimals}f}" for median in both)
        ratio = f"{middle:.2f} ({low:.2f} to {high:.2f})"
        return line(self.title, *medians, ratio, judged(middle, self.budget))


@dataclass(frozen=True)
class Value:
    """What was measured of the service, turn by turn, and is compared with a budget alone."""

    title: str
    service: list[float]
    budget: str
    decimals: int = 1

    def __str__(self) -> str:
        quartiles = statistics.quantiles(self.service, n=4)
        low, middle, high = (f"{each:,.{self.decimals}f}" for each in quartiles)
        budget = judged(quartiles[1], self.budget)
        return line(self.title, "", f"{middle} ({low} to {high})", "", budget)


def judged(measured: float, budget: str) -> str:
    """Return a budget, and whether it is missed: `<= 2`, `>= 0.8`, `0.8 to 1.25`, or none."""
    limits = [float(limit) for limit in re.findall(r"[\d.]+", budget)]
    if budget.startswith("<="):
        met = measured <= limits[0]
    elif budget.startswith(">="):
        met = measured >= limits[0]
    else:
        met = not limits or limits[0] <= measured <= limits[1]
    return budget if met else f"{budget}, missed"


def head(reference: str) -> str:
    """Return the head of a table; its second column is what the service is compared with."""
    return f"{line('', reference, 'service', 'ratio (quartiles)', 'budget')}\n|---|---|---|---|---|"


def line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def parse(parser: argparse.ArgumentParser, *, turns: int) -> argparse.Namespace:
    """Return the options that were given, with those of every benchmark: --turns and --write."""
    told = f"turns of each measurement ({turns})"
    parser.add_argument("--turns", type=int, default=turns, help=told)
    told = f"keep the table in {os.path.relpath(FIGURES)}"
    parser.add_argument("--write", action="store_true", help=told)
    options = parser.parse_args()
    if options.turns < 2:
        parser.error("--turns must be 2 or more.")
    return options


def report(
    rows: Iterable[object], *, title: str, reference: str, told: str, write: bool
) -> Sequence[object]:
    """Print a table, each row as soon as it is measured; return the rows.

    With `write` it becomes the page of its benchmark, with the machine that it was measured on.
    """
    written = []
    for row in rows:
        if not written:
            print(head(reference))
        print(row, flush=True)
        written.append(row)
    if written:
        print(f"\n{told}")
    if written and write:
        lines = [f"# {title}", "", f"Written by `{_command()}`. {told} {_machine()}", ""]
        page = "\n".join([*lines, head(reference), *map(str, written), ""])
        (FIGURES / f"{Path(sys.argv[0]).stem}.md").write_text(page, encoding="utf-8")
    return written


def _command() -> str:
    name = Path(sys.argv[0]).stem
    return f"make bench{'' if name == 'requests' else f'-{name}'} ARGS=--write"


def _machine() -> str:
    """Say when and on what this is measured."""
    cpu = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    name = cpu[1] if cpu else platform.machine()
    python = platform.python_version()
    return f"{datetime.now(UTC):%B %Y}, Python {python}, {os.cpu_count()} processors: {name}."


def in_turns(
    turns: int, subjects: Sequence[Subject], measure: Callable[[Subject], Measured]
) -> dict[Subject, list[Measured]]:
    """Measure one subject after the other, again and again; a first turn warms them up."""
    rounds = [{subject: measure(subject) for subject in subjects} for _ in range(turns + 1)]
    return {subject: [taken[subject] for taken in rounds[1:]] for subject in subjects}
