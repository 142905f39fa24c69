"""The checks: one registry, for the refusal to start and for `flask check --deploy`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flask import Flask
from flask.helpers import get_debug_flag

Level = Literal["error", "warning"]
Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: `message` says what is wrong, `hint` how to mend it.

    `place` is where it was looked for: a file and a line.
    """

    id: str
    level: Level
    message: str
    hint: str
    place: str

    def __str__(self) -> str:
        return f"{self.id} {self.message} {self.hint}"

    @property
    def subject(self) -> str:
        """The variable at fault: a message about settings begins with it."""
        return self.message.split()[0]


# Both kinds yield (message, hint) pairs, or nothing when all is well. Their names say what
# should be so, or what is looked at.
Find = Callable[[Any], Iterator[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Check:
    """A function that looks for one kind of fault."""

    id: str
    level: Level
    find: Find
    everywhere: bool = False

    @property
    def title(self) -> str:
        """What should be so, or what is looked at: the name of its function, in words."""
        return self.find.__name__.replace("_", " ")

    @property
    def place(self) -> str:
        code, package = self.find.__code__, Path(__file__).parent
        file = Path(code.co_filename)
        if file.is_relative_to(package):
            file = Path("src", package.name, file.relative_to(package))
        return f"{file.as_posix()}:{code.co_firstlineno}"

    def findings(self, subject: object) -> Iterator[Finding]:
        for message, hint in self.find(subject):
            yield Finding(self.id, self.level, message, hint, self.place)


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
    for check in _OF_THE_APP if deploy else ():
        try:
            found += _run([check], app, silenced)
        except Exception as error:  # The others are to be heard, too. Its text may be a secret.
            hint = "What it needs is broken, or is not here."
            message = f"The check itself failed: {type(error).__name__}."
            found.append(Finding(check.id, "error", message, hint, check.place))
    return sorted(found, key=lambda finding: finding.id)


def every() -> list[Check]:
    """Return all checks, by id."""
    return sorted([*_OF_SETTINGS, *_OF_THE_APP], key=lambda check: check.id)


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
    """Yield what is found and not silenced."""
    for check in checks:
        if _is_firm(check) or not silenced.get(check.id, "").strip():
            yield from check.findings(subject)


def _is_firm(check: Check) -> bool:
    """Return whether it cannot be silenced: of an id that warns, only the warnings can be."""
    warns = any(each.level == "warning" for each in every() if each.id == check.id)
    return check.everywhere or (check.level == "error" and warns)


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
