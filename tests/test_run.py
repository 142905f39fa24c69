"""Each kind of service, set up in an environment of its own, with its own checks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import databases
import pytest
import space
from conftest import missing
from helpers import UV, append, commit, free_port, render, run

PYTHONS = ["3.11", "3.12", "3.13"]
# On which of them a variant is proven that no preset makes: what is the oldest for one kind
# of accounts is the newest for another, so that each database and each queue meets both.
ENDS = {"none": "3.13", "session": "3.11", "jwt": "3.13", "both": "3.11"}
# Where coverage is measured, too, on the newest, which takes as long as a third of the tests:
# each part of a service is in one of them. Also with --every-suite, which is in no hurry.
MEASURED = {
    space.name(answers)
    for answers in [*space.presets(), *space.at_work()]
    if "cache" in answers["features"] or "none" in (answers["database"], answers["workers"])
} | {space.name(answers) for answers in space.variants() if answers not in space.suites()}
# For a service's suite: each of its processes says where its data are.
PLACE = """

@pytest.fixture(scope="session", autouse=True)
def _place(migrated: str, worker_id: str) -> None:
    Path(f"{worker_id}.place").write_text(migrated, encoding="utf-8")
"""


def interpreter(version: str) -> str | None:
    """Return a Python of this version, if the machine has one, on PATH or of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    places = [shutil.which(f"python{version}"), *pyenv.glob(f"versions/{version}.*/bin/python")]
    for place in filter(None, places):
        answer = subprocess.run([place, "--version"], capture_output=True, text=True, check=False)
        if answer.stdout.startswith(f"Python {version}."):
            return str(place)
    return None


def end_for(answers: space.Answers) -> str:
    """Return the one Python of a variant: coverage costs least on the newest."""
    return PYTHONS[-1] if space.name(answers) in MEASURED else ENDS[answers["auth"]]


def cases() -> list[object]:
    """Return each variant on the oldest Python or the newest, and the presets on all.

    The quick tier has the presets on the newest.
    """
    presets = [space.name(answers) for answers in space.presets()]
    return [
        pytest.param(
            answers,
            version,
            id=f"{name}-{version}",
            marks=() if version == PYTHONS[-1] and name in presets else pytest.mark.slow,
        )
        for answers in space.suites()
        for version in PYTHONS
        if (name := space.name(answers)) in presets or version == end_for(answers)
    ] + [
        pytest.param(
            answers, PYTHONS[-1], id=space.name(answers), marks=[pytest.mark.slow, pytest.mark.rest]
        )
        for answers in space.variants()
        if answers not in space.suites()
    ]


def test_each_two_choices_meet_in_a_suite() -> None:
    """Of the databases, accounts and queues, and each feature on and off."""

    def pairs(variants: list[space.Answers]) -> set[frozenset[tuple[str, object]]]:
        return {frozenset(two) for answers in variants for two in combinations(choices(answers), 2)}

    def choices(answers: space.Answers) -> list[tuple[str, object]]:
        queue = ("queue", f"{answers['workers']} on {answers['broker']}")
        taken = [(name, name in answers["features"]) for name in space.CHOICES["features"]]
        return [(key, answers[key]) for key in ("database", "auth")] + [queue, *taken]

    assert pairs(space.variants()) == pairs(space.suites())


@pytest.mark.parametrize(("answers", "version"), cases())
def test_service_passes_its_own_check(
    request: pytest.FixtureRequest,
    source: Path,
    tmp_path: Path,
    answers: space.Answers,
    version: str,
    suite: Callable[[space.Answers], dict[str, str]],
    prove: Callable[[str], None],
) -> None:
    python = interpreter(version)
    if python is None:
        missing(request, f"Python {version} is not installed")
    service = render(source, tmp_path / "service", answers)
    run("make", "setup", cwd=service, UV_PYTHON=str(python))
    assert re.search(rf"{version}\.\d+", run(".venv/bin/python", "--version", cwd=service))
    if space.name(answers) in MEASURED and version == PYTHONS[-1]:
        said = run("make", "check", cwd=service, **suite(answers))
        assert "Required test coverage" in said
    else:
        run("make", "lint", cwd=service)
        said = run("make", "test", cwd=service, **suite(answers))
    (passed,) = re.findall(r"(\d+) passed in", said)
    assert int(passed) > 100
    assert not re.search(r"\d+ (skipped|xfailed|warning)", said)
    prove(f"suites run on Python {version}")


@pytest.mark.slow
@pytest.mark.parametrize(
    "answers",
    space.floors(),
    ids=space.name,
)
def test_floors_hold(
    source: Path,
    tmp_path: Path,
    answers: space.Answers,
    suite: Callable[[space.Answers], dict[str, str]],
    prove: Callable[[str], None],
) -> None:
    """The caps do by `make setup` above, which takes the newest of everything."""
    service = render(source, tmp_path / "service", answers)
    run(UV, "sync", "--resolution", "lowest-direct", cwd=service)
    python = service / ".venv" / "bin"
    openapi = (python / "flask", "--app", "my_service", "openapi", "write", "openapi.json")
    run(*openapi, cwd=service, APP_ENV="development")
    run(python / "pytest", "--quiet", cwd=service, **suite(answers))
    prove("suites run with the lowest dependencies")


@pytest.mark.slow
@pytest.mark.parametrize(
    "answers",
    [v for v in space.examples() if v["database"] in ("sqlite", "postgresql")],
    ids=space.name,
)
def test_suite_runs_in_two_processes(
    source: Path,
    tmp_path: Path,
    answers: space.Answers,
    suite: Callable[[space.Answers], dict[str, str]],
    prove: Callable[[str], None],
) -> None:
    """Each process has a database of its own."""
    service = render(source, tmp_path / "service", answers)
    run("make", "setup", cwd=service)
    append(service / "tests" / "conftest.py", PLACE)
    said = run(".venv/bin/pytest", "--numprocesses=2", cwd=service, **suite(answers))
    (passed,) = re.findall(r"(\d+) passed in", said)
    assert int(passed) > 100
    assert not re.search(r"\d+ (skipped|xfailed|warning)", said)
    assert len({place.read_text(encoding="utf-8") for place in service.glob("*.place")}) == 2
    prove("suites run in two processes")


@pytest.mark.slow
@pytest.mark.parametrize(
    "answers", [v for v in space.examples() if v["database"] in databases.KINDS], ids=space.name
)
def test_suite_says_what_its_server_lacks(
    source: Path, tmp_path: Path, answers: space.Answers, prove: Callable[[str], None]
) -> None:
    """Its last word is one reason, and no traceback."""
    service = render(source, tmp_path / "service", answers)
    run("make", "setup", cwd=service)
    driver = databases.KINDS[answers["database"]].driver
    server = f"://me@127.0.0.1:{free_port()}"
    reasons = {
        f"{driver}{server}/test": "refused",
        f"{answers['database']}{server}/test": "TEST_DATABASE_URL is for another driver.",
        f"{driver}{server}/live": "TEST_DATABASE_URL must name a database with test in its name.",
    }
    for url, reason in reasons.items():
        many = {"PYTEST_XDIST_AUTO_NUM_WORKERS": "2"}
        said = run("make", "test", cwd=service, expect=2, TEST_DATABASE_URL=url, **many)
        (last,) = re.findall(r"^Exit: (.+)", said, re.M | re.S)
        assert reason in last
        assert not re.search("INTERNALERROR|Traceback", said)
        prove("suites that said why they cannot use their server")


@pytest.mark.parametrize("answers", space.presets(), ids=space.name)
def test_setup_needs_to_run_once(source: Path, tmp_path: Path, answers: space.Answers) -> None:
    """What it made is the same the second time, and git ignores what it should."""
    service = render(source, tmp_path / "service", answers)
    commit(service, "Start")
    run("make", "setup", cwd=service)
    made = run("git", "status", "--porcelain", cwd=service)
    assert made.split() == ["??", "openapi.json", "??", "uv.lock"]
    commit(service, "Set up")
    run("make", "setup", cwd=service)
    run("make", "format", cwd=service)
    assert run("git", "status", "--porcelain", cwd=service) == ""


def test_migration_wants_to_know_what_changes(source: Path, tmp_path: Path) -> None:
    service = render(source, tmp_path / "service")
    (service / ".venv").mkdir()
    assert 'make migration m="add tags"' in run("make", "migration", cwd=service, expect=2)


@pytest.mark.parametrize("target", ["run", "test", "lint", "check", "format"])
def test_targets_want_to_be_set_up_first(source: Path, tmp_path: Path, target: str) -> None:
    service = render(source, tmp_path / "service")
    assert "run make setup." in run("make", target, cwd=service, expect=2)


@pytest.mark.slow
def test_documents_are_the_same_on_every_python(
    request: pytest.FixtureRequest, source: Path, tmp_path: Path
) -> None:
    """http.HTTPStatus was renamed in 3.13; what a team commits must not change with it."""
    documents = []
    for version in PYTHONS:
        python = interpreter(version)
        if python is None:
            missing(request, f"Python {version} is not installed")
        service = render(source, tmp_path / version)
        run("make", "setup", cwd=service, UV_PYTHON=str(python))
        documents.append(json.loads((service / "openapi.json").read_text(encoding="utf-8")))
    assert documents[0] == documents[1] == documents[2]
