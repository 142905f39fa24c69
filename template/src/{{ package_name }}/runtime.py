"""The checks of where the service runs: gunicorn, its process, its libraries."""

from __future__ import annotations

import ast
import os
import runpy
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from . import checks

if TYPE_CHECKING:
    from gunicorn.config import Config

_CONF = Path("gunicorn.conf.py")


@checks.of_the_app("S014")
def gunicorn_believes_nobody(_app: Flask) -> Iterator[tuple[str, str]]:
    config = gunicorn_config()
    for name in ("forwarder_headers", "secure_scheme_headers"):
        if config.settings[name].get():
            hint = "Write it as nothing: FLASK_PROXY_HOPS says what is believed."
            yield f"Clients can say things to gunicorn by {name}.", hint


@checks.of_the_app("S030")
def gunicorn_is_set_as_meant(_app: Flask) -> Iterator[tuple[str, str]]:
    from gunicorn.config import Config  # Only this command needs it.

    if not _CONF.exists():
        yield f"{_CONF} is not here.", "Run the command where gunicorn runs."
        return
    written, known = ast.parse(_CONF.read_bytes()), Config().settings.keys()
    for name in sorted(_assigned(written) - known):
        yield f"{_CONF} sets {name}, which gunicorn ignores.", "Mend the name."
    for name in sorted(_imported(written) & known):
        yield f"{_CONF} imports {name}, which gunicorn takes for a setting.", "Rename it."
    config = gunicorn_config()
    if not config.settings["control_socket_disable"].get():
        yield "The control socket of gunicorn is on.", "Set control_socket_disable = True."
    if config.settings["reload"].get():
        yield "gunicorn reloads on changes.", "Remove reload."


@checks.of_the_app("S033")
def process_has_few_rights(_app: Flask) -> Iterator[tuple[str, str]]:
    if is_root():
        yield "It runs as root.", "Give it a user of its own, as the Dockerfile does."
    elif any(map(can_change, (Path(__file__).parent, Path(__file__), _CONF))):
        hint = "Let another user own it: what breaks in could stay."
        yield "Its user can change its code.", hint


@checks.of_the_app("S036", "warning")
def libraries_are_those_asked_for(_app: Flask) -> Iterator[tuple[str, str]]:
    from packaging.requirements import Requirement  # Only this command needs it.

    hint = "Run make setup, and let the image have its lock."
    for asked in map(Requirement, _dependencies()):
        if asked.marker and not asked.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = metadata.version(asked.name)
        except metadata.PackageNotFoundError:
            yield f"{asked.name} is not installed.", hint
        else:
            if not asked.specifier.contains(installed, prereleases=True):
                yield f"{asked.name} is {installed}, not {asked.specifier}.", hint


def gunicorn_config() -> Config:
    """Return gunicorn's settings as it would have them; raises what running its file does."""
    from gunicorn.config import Config

    config = Config()
    try:
        written = runpy.run_path(str(_CONF)) if _CONF.exists() else {}
    except SystemExit as refusal:
        raise RuntimeError(f"{_CONF} ends gunicorn.") from refusal
    given = config.parser().parse_args(config.get_cmd_args_from_env())
    chosen = {name: value for name, value in vars(given).items() if value is not None}
    for name, value in {**written, **chosen}.items():
        if name in config.settings:
            config.set(name, value)
    return config


def _assigned(module: ast.Module) -> set[str]:
    """Return the public names that a module assigns to, or defines functions of."""
    found = {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
    own = [node for node in module.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    for node in (inner for outer in own for inner in ast.walk(outer)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return {name for name in found if not name.startswith("_")}


def _imported(module: ast.Module) -> set[str]:
    imports = [node for node in module.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name for node in imports for alias in node.names}


def is_root() -> bool:
    return os.geteuid() == 0


def can_change(path: Path) -> bool:
    return os.access(path, os.W_OK)


def _dependencies() -> list[str]:
    """Return what pyproject.toml asks for; of a service that is not installed, its own name."""
    try:
        return metadata.requires(__package__) or []
    except metadata.PackageNotFoundError:
        return [__package__]
