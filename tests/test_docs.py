"""The texts: every command in them works, every link leads somewhere, and they are short."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import reference
from helpers import ROOT, commit, environment, files, free_port, render, run, snapshot
from test_update import release_next

PAGES = [name for name in files(ROOT) if name.endswith(".md") and not name.startswith("template/")]
SERVICE_PAGES = [
    "template/README.md.jinja",
    "template/docs/database.md",
    "template/docs/settings.md",
]
SHELL = re.compile(r"```sh\n(.*?)```", re.S)
# Each shell block of the texts, by its first line, and the test below that runs it.
RUN_BY = {
    ("README.md", "make try"): "test_make_try",
    ("README.md", "uvx copier copy <address of this repository> my-service"): "test_use_it",
    ("README.md", "make update"): "test_make_update",
    ("README.md", "make test"): "test_make_test_is_what_ci_runs",
    ("benchmarks/README.md", "make bench"): "test_make_bench",
    ("docs/update.md", "make update"): "test_make_update",
    (
        "docs/update.md",
        "uvx copier update --defaults --vcs-ref=:current: -d 'features=[]'",
    ): "test_drop_the_example",
    ("template/README.md.jinja", "make setup"): "test_use_it",
    ("template/README.md.jinja", "make format lint"): "test_change_it",
    ("template/README.md.jinja", "make update"): "test_make_update",
}


def blocks(name: str) -> list[str]:
    return SHELL.findall((ROOT / name).read_text(encoding="utf-8"))


def test_every_shell_block_is_run() -> None:
    found = {
        (name, block.splitlines()[0]) for name in PAGES + SERVICE_PAGES for block in blocks(name)
    }
    assert found == RUN_BY.keys()
    assert set(RUN_BY.values()) <= globals().keys()
    fenced = "".join((ROOT / name).read_text(encoding="utf-8") for name in PAGES + SERVICE_PAGES)
    assert not re.search(r"```(bash|shell|console)", fenced)


def block(name: str, first: str) -> str:
    return next(text for text in blocks(name) if text.startswith(first))


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < 400


@pytest.mark.parametrize("name", PAGES)
def test_pages_have_one_goal(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert len(text.split()) <= 500 or name == "CHANGELOG.md"
    assert text.startswith("# ")


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)", text):
        if not link.startswith("https://"):
            assert (ROOT / name).parent.joinpath(link).exists(), link


def test_questions_page_is_current() -> None:
    assert reference.PAGE.read_text(encoding="utf-8") == reference.questions(), "run `make docs`"


# --- The commands ------------------------------------------------------------------------


@pytest.fixture
def template(tmp_path: Path) -> Path:
    repository = snapshot(tmp_path / "template")
    commit(repository, "First", tag="v1.0.0")
    return repository


def answer_with_enter(command: str, cwd: Path) -> str:
    """Run a command at a terminal of its own, and press Enter at each question."""
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        ["sh", "-ec", command],
        cwd=cwd,
        env=environment(TERM="xterm"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said, deadline = b"", time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.5)[0]:
            with contextlib.suppress(OSError):  # So Linux says that the other end is closed.
                said += os.read(terminal, 65536)
            if b"\x1b[6n" in said[-200:]:
                os.write(terminal, b"\x1b[1;1R")  # Where the cursor is, when asked.
        else:
            os.write(terminal, b"\r")
    code = process.wait(timeout=10)
    os.close(terminal)
    assert code == 0, said.decode(errors="replace")
    return said.decode(errors="replace")


def served(service: Path, command: str) -> str:
    """Return what a service that a command starts answers, and stop it."""
    port = free_port()
    process = subprocess.Popen(
        ["sh", "-ec", command],
        cwd=service,
        env=environment(PORT=str(port)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                    return str(answer.read().decode())
            except OSError:
                assert process.poll() is None, command
                time.sleep(0.1)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=10)
    pytest.fail(f"{command}: no answer")


@pytest.mark.slow
def test_use_it(template: Path, tmp_path: Path, prove: Callable[[str], None]) -> None:
    """The first minutes of a user, at a terminal: copy, answer, set up, run."""
    commands = block("README.md", "uvx copier copy").splitlines()
    copy = commands[0].replace("<address of this repository>", str(template))
    said = answer_with_enter(copy, tmp_path)
    assert "What is the service called, for people?" in said
    service = tmp_path / "my-service"
    assert commands[1:2] == ["cd my-service"]
    assert commands[-1] == "make run"
    run("sh", "-ec", "\n".join(commands[2:-1]), cwd=service)
    assert set(block("template/README.md.jinja", "make setup").splitlines()) <= set(commands)
    assert '"ready"' in served(service, commands[-1])
    prove("shell blocks of the texts run")


@pytest.mark.slow
def test_change_it(source: Path, tmp_path: Path, prove: Callable[[str], None]) -> None:
    service = render(source, tmp_path / "service")
    run("make", "setup", cwd=service)
    run("sh", "-ec", block("template/README.md.jinja", "make format"), cwd=service)
    prove("shell blocks of the texts run")


@pytest.mark.slow
def test_make_update(template: Path, tmp_path: Path, prove: Callable[[str], None]) -> None:
    service = render(template, tmp_path / "service")
    commit(service, "Start")
    release_next(template)
    command = block("README.md", "make update")
    assert command == block("docs/update.md", "make update")
    assert command == block("template/README.md.jinja", "make update")
    answer_with_enter(command, service)
    assert (service / "docs" / "operate.md").exists()
    prove("shell blocks of the texts run")


@pytest.mark.slow
def test_drop_the_example(template: Path, tmp_path: Path, prove: Callable[[str], None]) -> None:
    service = render(template, tmp_path / "service")
    run("make", "setup", cwd=service)
    commit(service, "Start")
    run("sh", "-ec", block("docs/update.md", "uvx copier update"), cwd=service)
    assert not list(service.glob("src/*/notes"))
    told = (ROOT / "template" / "README.md.jinja").read_text(encoding="utf-8")
    example = told.partition("# @if has_example")[2].partition("# @endif")[0]
    for command in re.findall(r"`(make [^`]*)`", example):
        run("sh", "-ec", command, cwd=service)
    run("make", "check", cwd=service)
    prove("shell blocks of the texts run")


@pytest.mark.slow
def test_make_try(tmp_path: Path, prove: Callable[[str], None]) -> None:
    clone = tmp_path / "clone"
    for name in files(ROOT):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_bytes((ROOT / name).read_bytes())
    commit(clone, "Everything")
    said = run("sh", "-ec", block("README.md", "make try"), cwd=clone)
    for shown in ("GET /readyz", '"status": "ready"', "POST /api/v1/notes", "201", "422", "3.1.0"):
        assert shown in said
    assert run("git", "status", "--porcelain", cwd=clone) == ""
    prove("shell blocks of the texts run")


@pytest.mark.slow
def test_make_bench(prove: Callable[[str], None]) -> None:
    """In three turns: it measures every row, and asserts no figure."""
    said = run(
        "sh",
        "-ec",
        f"{block('benchmarks/README.md', 'make bench').strip()} ARGS='--turns 2'",
        cwd=ROOT,
    )
    assert len(re.findall(r"^\| (plain view|GET /api/v1/about), .* \d\.\d\d \(", said, re.M)) == 4
    prove("shell blocks of the texts run")


def test_make_test_is_what_ci_runs() -> None:
    """It cannot run inside itself; so it is the command that the CI of this project calls."""
    command = block("README.md", "make test").strip()
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert f"\n{command} ARGS=--require-services\n" in script
