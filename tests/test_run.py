"""Each kind of service, set up in an environment of its own, with its own checks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import space
from conftest import missing
from helpers import UV, commit, render, run

PYTHONS = ["3.11", "3.12", "3.13"]


def interpreter(version: str) -> str | None:
    """Return a Python of this version, if the machine has one, on PATH or of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    places = [shutil.which(f"python{version}"), *pyenv.glob(f"versions/{version}.*/bin/python")]
    for place in filter(None, places):
        answer = subprocess.run([place, "--version"], capture_output=True, text=True, check=False)
        if answer.stdout.startswith(f"Python {version}."):
            return str(place)
    return None


def cases() -> list[object]:
    """Return each variant on each Python; the quick tier has the presets on one."""
    quick = [space.name(answers) for answers in space.presets()]
    return [
        pytest.param(
            answers,
            version,
            id=f"{space.name(answers)}-{version}",
            marks=() if version == "3.13" and space.name(answers) in quick else pytest.mark.slow,
        )
        for answers in space.variants()
        for version in PYTHONS
    ]


@pytest.mark.parametrize(("answers", "version"), cases())
def test_service_passes_its_own_check(
    request: pytest.FixtureRequest,
    source: Path,
    tmp_path: Path,
    answers: space.Answers,
    version: str,
    prove: Callable[[str], None],
) -> None:
    python = interpreter(version)
    if python is None:
        missing(request, f"Python {version} is not installed")
    service = render(source, tmp_path / "service", answers)
    run("make", "setup", cwd=service, UV_PYTHON=str(python))
    assert re.search(rf"{version}\.\d+", run(".venv/bin/python", "--version", cwd=service))
    said = run("make", "check", cwd=service)
    (passed,) = re.findall(r"(\d+) passed in", said)
    assert int(passed) > 100
    assert not re.search(r"\d+ (skipped|xfailed|warning)", said)
    assert ("No new upgrade operations detected" in said) == (answers["database"] != "none")
    prove(f"suites run on Python {version}")


@pytest.mark.slow
@pytest.mark.parametrize("answers", space.variants(), ids=space.name)
@pytest.mark.parametrize("resolution", ["lowest-direct", "highest"])
def test_floors_and_caps_hold(
    source: Path,
    tmp_path: Path,
    answers: space.Answers,
    resolution: str,
    prove: Callable[[str], None],
) -> None:
    service = render(source, tmp_path / "service", answers)
    run(UV, "sync", "--resolution", resolution, "--upgrade", cwd=service)
    python = service / ".venv" / "bin"
    openapi = (python / "flask", "--app", "my_service", "openapi", "write", "openapi.json")
    run(*openapi, cwd=service, APP_ENV="development")
    run(python / "pytest", "--quiet", cwd=service)
    prove(f"suites run with {resolution} dependencies")


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


@pytest.mark.slow
def test_a_model_of_ones_own_gets_a_migration(source: Path, tmp_path: Path) -> None:
    """`make migration` writes it on the service's own head, formatted and complete."""
    service = render(source, tmp_path / "service")
    run("make", "setup", cwd=service)
    models = service / "src" / "my_service" / "notes" / "models.py"
    text = models.read_text(encoding="utf-8")
    added = "    read_at: Mapped[datetime | None] = mapped_column()\n\n    __mapper_args__"
    models.write_text(text.replace("\n    __mapper_args__", added, 1), encoding="utf-8")
    run("make", "migration", "m=note when it was read", cwd=service)
    run("make", "check", cwd=service)
    (written,) = (service / "migrations" / "versions").glob("*_note_when_it_was_read.py")
    assert "sa.DateTime(timezone=True)" in written.read_text(encoding="utf-8")


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
