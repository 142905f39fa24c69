"""The verbs of the tests: `render` a service, `run` a command, `update` a service."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import copier

ROOT = Path(__file__).parent.parent
UV = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
# Each test makes what it needs; nothing of the person who runs it gets in.
OUTSIDE = ("APP_ENV", "CI", "COVERAGE_", "FLASK_", "MAKE", "MFLAGS", "PYTEST_", "TEST_")
# The last would have each process compile all that it imports.
OUTSIDE += ("VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
IDENTITY = {
    "GIT_AUTHOR_NAME": "Tester",
    "GIT_AUTHOR_EMAIL": "tester@example.com",
    "GIT_COMMITTER_NAME": "Tester",
    "GIT_COMMITTER_EMAIL": "tester@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a command: ours without the settings of others."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(OUTSIDE)}
    path = f"{Path(UV).parent}{os.pathsep}{ours['PATH']}"
    # A service's suite takes all processors, but here there is a test for each.
    alone = {"PYTEST_XDIST_AUTO_NUM_WORKERS": "0"}
    return {**ours, **IDENTITY, **alone, "PATH": path, **variables}


def run(
    *command: str | Path, cwd: Path, expect: int = 0, timeout: float = 600, **variables: str
) -> str:
    """Return what a command printed; AssertionError with it on any other exit code."""
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        check=False,
    )
    printed = result.stdout.decode(errors="replace")
    shown = " ".join(map(str, command))
    assert result.returncode == expect, f"{cwd}$ {shown}\n{printed}\nexit {result.returncode}"
    return printed


def files(repository: Path) -> list[str]:
    """Return the files of a repository, committed or not, without the ignored ones."""
    listed = run(
        "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=repository
    )
    return sorted(name for name in set(listed.split("\0")) if (repository / name).is_file())


def snapshot(target: Path) -> Path:
    """Copy the template, as it stands in the work tree, into a plain folder."""
    for name in files(ROOT):
        if name.startswith(("copier.yml", "reserved.yml", "template/", "licenses/")):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def render(
    source: Path,
    target: Path,
    answers: Mapping[str, Any] | None = None,
    vcs_ref: str | None = None,
) -> Path:
    """Make a service with real copier, without trust and without questions."""
    copier.run_copy(
        str(source),
        target,
        data=dict(answers or {}),
        vcs_ref=vcs_ref,
        defaults=True,
        quiet=True,
        unsafe=False,
    )
    return target


def update(service: Path, to: str | copier.VcsRef | None = None, **answers: Any) -> None:
    """Update a service with real copier, without trust and without questions."""
    copier.run_update(
        service,
        data=answers,
        defaults=True,
        overwrite=True,
        quiet=True,
        unsafe=False,
        vcs_ref=to,
    )


def commit(repository: Path, message: str, tag: str | None = None) -> None:
    """Commit everything; make the repository if there is none."""
    if not (repository / ".git").exists():
        run("git", "init", "--quiet", "--initial-branch=main", cwd=repository)
    run("git", "add", "--all", cwd=repository)
    run("git", "commit", "--quiet", "--allow-empty", "--message", message, cwd=repository)
    if tag:
        run("git", "tag", tag, cwd=repository)


def change(file: Path, old: str, new: str) -> None:
    """Replace a text in a file; AssertionError when it is not there, once."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file.name} has {old!r} {text.count(old)} times"
    file.write_text(text.replace(old, new), encoding="utf-8")


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def tree(folder: Path, *, without: tuple[str, ...] = (".git/",)) -> dict[str, bytes]:
    """Return the content of every file, by its path."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {n: p.read_bytes() for n, p in sorted(names.items()) if not n.startswith(without)}


def copier_command(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "copier", *arguments]
