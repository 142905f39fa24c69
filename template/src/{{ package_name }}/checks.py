"""The checks: one registry, for the refusal to start and for `flask check --deploy`."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from flask.helpers import get_debug_flag

Level = Literal["error", "warning"]
Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: `message` says what is wrong, `hint` how to mend it."""

    id: str
    level: Level
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.id} {self.message} {self.hint}"

    @property
    def subject(self) -> str:
        """The variable at fault: a message about settings begins with it."""
        return self.message.split()[0]


# Both kinds yield (message, hint) pairs, or nothing when all is well.
Find = Callable[[Any], Iterator[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Check:
    """A function that looks for one kind of fault."""

    id: str
    level: Level
    find: Find
    everywhere: bool = False


_OF_SETTINGS: list[Check] = []
_OF_THE_APP: list[Check] = []


def of_settings(
    check_id: str, level: Level = "error", *, everywhere: bool = False
) -> Callable[[Find], Find]:
    """Register a check that needs only settings; its errors stop a start in production.

    `everywhere` is for what runs nowhere: it stops a start in every environment, silenced
    or not.
    """

    return _registrar(_OF_SETTINGS, check_id, level, everywhere)


def of_the_app(check_id: str, level: Level = "error") -> Callable[[Find], Find]:
    """Register a check that needs the finished app, or files."""
    return _registrar(_OF_THE_APP, check_id, level)


def refusals(settings: Settings, *, in_production: bool) -> Iterator[Finding]:
    """Yield what keeps a service with these settings from starting."""
    asked = [check for check in _OF_SETTINGS if in_production or check.everywhere]
    found = _run(asked, settings, settings["SILENCED_CHECKS"])
    return (finding for finding in found if finding.level == "error")


def findings(app: Flask, *, deploy: bool) -> list[Finding]:
    """Return what the checks say of a finished app, by id; with `deploy` all of them."""
    silenced = app.config["SILENCED_CHECKS"]
    found = list(_run(_OF_SETTINGS, app.config, silenced))
    if deploy:
        found += _run(_OF_THE_APP, app, silenced)
    return sorted(found, key=lambda finding: finding.id)


def init_app(app: Flask) -> None:
    app.cli.add_command(check)


@click.command()
@click.option("--deploy", is_flag=True, help="Check everything that production needs.")
@click.option("--fail-level", type=click.Choice(["error", "warning"]), default="error")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@with_appcontext
def check(deploy: bool, fail_level: str, format_: str) -> None:
    """Say what would be wrong with this service in production.

    Without --deploy only the settings are looked at. Exits with 1 when a finding
    reaches the fail level.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    found = findings(app, deploy=deploy)
    if format_ == "json":
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        for finding in found:
            click.echo(f"{finding.level}: {finding}")
        click.echo(f"{len(found)} findings.")
    if any(finding.level in ("error", fail_level) for finding in found):
        raise SystemExit(1)


def _registrar(
    registry: list[Check], check_id: str, level: Level, everywhere: bool = False
) -> Callable[[Find], Find]:
    def register(find: Find) -> Find:
        registry.append(Check(check_id, level, find, everywhere))
        return find

    return register


def _run(
    checks: Sequence[Check], subject: object, silenced: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield what is found and not silenced. Of an id that warns, only the warnings can be."""
    every = (*_OF_SETTINGS, *_OF_THE_APP)
    with_warnings = {check.id for check in every if check.level == "warning"}
    for check in checks:
        is_firm = check.everywhere or (check.level == "error" and check.id in with_warnings)
        if is_firm or not silenced.get(check.id, "").strip():
            for message, hint in check.find(subject):
                yield Finding(check.id, check.level, message, hint)


_FOR_DEBUGGING = (
    "DEBUG",
    "EXPLAIN_TEMPLATE_LOADING",
    "PROPAGATE_EXCEPTIONS",
    "TEMPLATES_AUTO_RELOAD",
    "TESTING",
    "TRAP_BAD_REQUEST_ERRORS",
    "TRAP_HTTP_EXCEPTIONS",
)


@of_settings("S003")
def nothing_for_debugging(settings: Settings) -> Iterator[tuple[str, str]]:
    for name in _FOR_DEBUGGING:
        if settings.get(name):
            yield f"FLASK_{name} is on.", "Leave it out: it is for development."
    if get_debug_flag():
        yield "FLASK_DEBUG is set.", "Unset it: the debugger runs anybody's code."


@of_the_app("S030")
def gunicorn_settings(_app: Flask) -> Iterator[tuple[str, str]]:
    from gunicorn.config import Config  # Only this command needs it.

    path = Path("gunicorn.conf.py")
    if not path.exists():
        yield f"{path} is not here.", "Run the command where gunicorn runs."
        return
    module = ast.parse(path.read_text(encoding="utf-8"))
    written = dict(_assigned(module))
    settings = Config().settings.keys()
    for name in sorted(written.keys() - settings):
        yield f"{path} sets {name}, which gunicorn ignores.", "Mend the name."
    for name in sorted(_imported(module) & settings):
        yield f"{path} imports {name}, which gunicorn takes for a setting.", "Rename it."
    if written.get("control_socket_disable") != "True":
        hint = "Set control_socket_disable = True."
        yield f"{path} leaves the control socket on.", hint
    if written.get("reload", "False") != "False":
        yield f"{path} reloads on changes.", "Remove reload."


def _assigned(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the public names that a module assigns or defines, and their code."""
    for node in module.body:
        if isinstance(node, ast.Assign):
            names = [ast.unparse(target) for target in node.targets]
        elif isinstance(node, ast.AnnAssign):
            names = [ast.unparse(node.target)]
        else:
            names = [node.name] if isinstance(node, ast.FunctionDef) else []
        code = ast.unparse(getattr(node, "value", None) or node)
        yield from ((name, code) for name in names if not name.startswith("_"))


def _imported(module: ast.Module) -> set[str]:
    imports = [node for node in module.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name for node in imports for alias in node.names}
