"""What every test of the template shares, and the summary of what was proven."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import helpers
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-services",
        action="store_true",
        help="fail where a tool, Python or server is missing, instead of skipping",
    )


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a plain copy of the template as it stands in the work tree."""
    return helpers.snapshot(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="session")
def rendered(
    source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Mapping[str, Any]], Path]:
    """Return a function that renders answers once a session; read its folder only."""
    made: dict[str, Path] = {}

    def render(answers: Mapping[str, Any]) -> Path:
        key = repr(sorted(answers.items()))
        if key not in made:
            folder = tmp_path_factory.mktemp("rendered") / "service"
            made[key] = helpers.render(source, folder, answers)
        return made[key]

    return render


@pytest.fixture
def prove(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Return a function that adds to the summary of what was proven, and how many times."""
    return lambda what, times=1: record_property("proven", [what, times])


def missing(request: pytest.FixtureRequest, reason: str) -> None:
    """Skip, or fail when services are required."""
    if request.config.getoption("--require-services"):
        pytest.fail(f"--require-services: {reason}", pytrace=False)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what was proven, so that a green run cannot be an empty one."""
    passed = terminalreporter.stats.get("passed", [])
    proven: Counter[str] = Counter()
    for report in passed:
        for key, value in report.user_properties:
            if key == "proven":
                proven[value[0]] += value[1]
    terminalreporter.section("proven")
    for what, times in sorted(proven.items()):
        terminalreporter.line(f"{times:5} {what}")
    terminalreporter.line(f"{len(passed):5} tests passed")
