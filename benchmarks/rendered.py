"""A rendered service and its environment: given ones, or new ones below `build/`."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "benchmarks"
BASELINES = ROOT / "benchmarks" / "baselines"
# The one host that the service trusts.
HOST = "api.example.com"


class UnusableError(Exception):
    """The benchmark cannot run; the message says what it needs."""


@dataclass(frozen=True)
class Rendered:
    """A service's folder, and a Python that has what it depends on."""

    service: Path
    package: str
    python: Path

    def environ(self) -> dict[str, str]:
        """Return the variables of production; the service's code goes before any installed."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("FLASK_", "PYTHON"))}
        return kept | {
            "BENCHMARK_PACKAGE": self.package,
            "PYTHONPATH": os.pathsep.join([str(self.service / "src"), str(BASELINES)]),
            "APP_ENV": "production",
            "FLASK_INSTANCE_PATH": str(BUILD / "instance"),
            "FLASK_PROXY_HOPS": "0",
            "FLASK_SECRET_KEY": secrets.token_urlsafe(48),
            "FLASK_SQLALCHEMY_DATABASE_URI": "sqlite:///benchmark.db",
            "FLASK_TRUSTED_HOSTS": f'["{HOST}"]',
        }

    def folder(self, module: str) -> Path:
        """Return where gunicorn serves a module of `baselines/`: by its own gunicorn.conf.py."""
        return self.service if module == "service" else BASELINES


def prepare(service: Path | None, python: Path | None) -> Rendered:
    """Return the given service and Python, or make what was not given."""
    for given in filter(None, (service, python)):
        if not given.exists():
            raise UnusableError(f"{given} does not exist.")
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    service = service.absolute() if service else _render()
    package = _package(service)
    return Rendered(service, package, python.absolute() if python else _install(service))


def _package(service: Path) -> str:
    for module in service.glob("src/*/wsgi.py"):
        return module.parent.name
    raise UnusableError(f"{service} has no src/<package>/wsgi.py: is it a service?")


def _render() -> Path:
    """Render the default answers from the files as they are now, committed or not."""
    if not importlib.util.find_spec("copier"):
        raise UnusableError("copier is not here: run `uv run python benchmarks/requests.py`.")
    sys.path.append(str(ROOT / "tests"))
    import helpers  # The tests' own way to a service.

    return helpers.render(helpers.snapshot(BUILD / "template"), BUILD / "service")


def _install(service: Path) -> Path:
    """Install what the service depends on into an environment of its own."""
    environment = BUILD / "venv"
    _run("uv", "venv", "--quiet", environment)
    python = environment / "bin" / "python"
    _run("uv", "pip", "install", "--quiet", "--python", python, service)
    return python


def _run(program: str, *arguments: str | Path) -> None:
    found = shutil.which(program)
    if not found:
        raise UnusableError(f"{program} is not here: install it, or put it on PATH.")
    run = subprocess.run([found, *arguments], cwd=BUILD, stderr=subprocess.PIPE, text=True)
    if run.returncode:
        raise UnusableError(f"{Path(program).name} {arguments[0]} failed:\n{run.stderr.strip()}")
