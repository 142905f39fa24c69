"""What the code of a service declares, read without running it: settings, checks, targets."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from helpers import ROOT

TEMPLATE = ROOT / "template"
PACKAGE = TEMPLATE / "src" / "{{ package_name }}"
# A service has one of them.
DIALECTS = ("sqlite.py", "postgresql.py", "mysql.py")
# Read as a name, it leaves a template file what it is: Python or TOML.
PLACEHOLDER = re.compile(r"(?<!\$)\{\{ .*? -?\}\}")
ROW = re.compile(r"^\| `([A-Z0-9_]+)` \|(.+)\|$", re.M)


# --- Settings ----------------------------------------------------------------------------


@cache
def types_of_settings() -> dict[str, str]:
    """Return the type of each setting as `config.py` annotates it, by name."""
    (config,) = (
        node
        for node in _module(PACKAGE / "config.py.jinja").body
        if isinstance(node, ast.ClassDef) and node.name == "Config"
    )
    declared = [node for node in config.body if isinstance(node, ast.AnnAssign)]
    return {ast.unparse(node.target): ast.unparse(node.annotation) for node in declared}


def settings_by_page() -> dict[Path, list[list[str]]]:
    """Return name, meaning, production and development of settings, by the page that explains."""
    types = types_of_settings()
    found: dict[Path, list[list[str]]] = {}
    for page in service_pages():
        text = page.read_text(encoding="utf-8").replace("`{{ package_name }}`", "the package")
        cells = [row.groups() for row in ROW.finditer(text)]
        rows = [[name, *map(str.strip, rest.split("|"))] for name, rest in cells if name in types]
        rows = [row for row in rows if len(row) == 4]
        # Of two pages that say the same, for other variants, the first is enough.
        if rows and not any(all(row in known for row in rows) for known in found.values()):
            found[page] = rows
    return found


def variables_of_others() -> Iterator[tuple[str, str, str]]:
    """Yield each variable that `.env.example` has for others than the service, and who reads it."""
    text = (TEMPLATE / ".env.example.jinja").read_text(encoding="utf-8")
    parts = re.split(r"^# --- (.*) ---$", re.sub(r"^ *# @.*\n", "", text, flags=re.M), flags=re.M)
    for head, part in zip(parts[1::2], parts[2::2], strict=True):
        if reader := re.fullmatch(r"Read by (.*), not by the service", head):
            for said, name in re.findall(r"^((?:# .*\n)+)# ([A-Z_]+)=", part, re.M):
                yield f"`{name}`", reader[1], said.replace("# ", "").replace("\n", " ").strip()


def service_pages() -> list[Path]:
    """Return the pages that services have of their own, those of the usual variant first."""
    pages = [page for page in (TEMPLATE / "docs").iterdir() if ".md" in page.suffixes]
    return sorted(pages, key=lambda page: (page.name.count("-on-"), page.name))


def title(page: Path) -> str:
    return page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


# --- Checks ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Check:
    """A check as its decorator declares it, and all pairs of message and hint that it yields."""

    id: str
    level: str
    title: str
    place: str
    at_start: bool
    everywhere: bool
    findings: list[tuple[str, str]] = field(default_factory=list)


@cache
def checks() -> list[Check]:
    """Return all checks that a service can have, by id and place."""
    files = [path for path in PACKAGE.rglob("*.py*") if path.suffix in (".py", ".jinja")]
    return sorted((c for path in files for c in _checks(path)), key=lambda c: (c.id, c.place))


def is_firm(check: Check) -> bool:
    """Return whether it cannot be silenced, as `checks.py` has it: an error of an id that warns."""
    beside = [each for each in checks() if each.id == check.id and _may_meet(each, check)]
    warns = any(each.level == "warning" for each in beside)
    return check.everywhere or (check.level == "error" and warns)


def _may_meet(one: Check, other: Check) -> bool:
    names = {Path(one.place).name, Path(other.place).name}
    return len(names & set(DIALECTS)) < 2


def _checks(path: Path) -> Iterator[Check]:
    module = _module(path)
    place = path.relative_to(PACKAGE).as_posix().removesuffix(".jinja")
    for function in (node for node in module.body if isinstance(node, ast.FunctionDef)):
        for decorator in function.decorator_list:
            name = ast.unparse(decorator).partition("(")[0].rpartition(".")[2]
            if name in ("of_settings", "of_the_app") and isinstance(decorator, ast.Call):
                check_id, *level = [str(ast.literal_eval(argument)) for argument in decorator.args]
                yield Check(
                    check_id,
                    *(level or ["error"]),
                    title=function.name.replace("_", " "),
                    place=place,
                    at_start=name == "of_settings",
                    everywhere=bool(decorator.keywords),
                    findings=list(_findings(path, module, function)),
                )


def _findings(
    path: Path,
    module: ast.Module,
    function: ast.FunctionDef,
    given: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, str]]:
    """Yield the pairs that a check yields, or the function that it returns the result of."""

    def text(node: ast.expr) -> str:
        """Return a text as it is written; `…` stands for what only a run knows."""
        match node:
            case ast.Constant():
                return str(node.value)
            case ast.JoinedStr():
                return "".join(map(text, node.values))
            case ast.FormattedValue():
                return text(node.value)
            case ast.Name() if node.id in (given or {}):
                return (given or {})[node.id]
            case ast.Name():
                last = max(_assignments(node, module, function), key=_line, default=None)
                return text(last.value) if last else "…"
        return "…"

    for node in sorted(ast.walk(function), key=_line):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            message, hint = map(text, node.value.elts)
            if message != "FLASK_… ….":
                yield message, hint
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Call):
            other, _, name = ast.unparse(node.value.func).rpartition(".")
            elsewhere = path.with_name(f"{other}.py")
            for found in _module(elsewhere).body:
                if isinstance(found, ast.FunctionDef) and found.name == name:
                    names = [argument.arg for argument in found.args.args]
                    passed = dict(zip(names, map(text, node.value.args), strict=True))
                    yield from _findings(elsewhere, _module(elsewhere), found, passed)


def _assignments(
    name: ast.Name, module: ast.Module, function: ast.FunctionDef
) -> Iterator[ast.Assign]:
    """Yield where a name got a value, above."""
    nodes = [*module.body, *ast.walk(function)]
    for node in (node for node in nodes if isinstance(node, ast.Assign)):
        if ast.unparse(node.targets[0]) == name.id and node.lineno < name.lineno:
            yield node


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def _module(path: Path) -> ast.Module:
    return ast.parse(PLACEHOLDER.sub("placeholder", path.read_text(encoding="utf-8")))


# --- Targets -----------------------------------------------------------------------------


def targets(makefile: Path) -> dict[str, str]:
    """Return what each target of a Makefile is for."""
    text = makefile.read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z-]+):.*## (.*)$", text, re.M))
