"""Measurements that take turns, and a row in a table for each."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

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

    def __str__(self) -> str:
        pairs = zip(self.service, self.reference, strict=True)
        low, middle, high = statistics.quantiles([ours / theirs for ours, theirs in pairs], n=4)
        both = (statistics.median(taken) for taken in (self.reference, self.service))
        medians = (f"{median:,.{self.decimals}f}" for median in both)
        return line(self.title, *medians, f"{middle:.2f} ({low:.2f} to {high:.2f})", self.budget)


def head(reference: str) -> str:
    """Return the head of a table; its second column is what the service is compared with."""
    return f"{line('', reference, 'service', 'ratio (quartiles)', 'budget')}\n|---|---|---|---|---|"


def line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def in_turns(
    turns: int, subjects: Sequence[Subject], measure: Callable[[Subject], Measured]
) -> dict[Subject, list[Measured]]:
    """Measure one subject after the other, again and again; a first turn warms them up."""
    rounds = [{subject: measure(subject) for subject in subjects} for _ in range(turns + 1)]
    return {subject: [taken[subject] for taken in rounds[1:]] for subject in subjects}
