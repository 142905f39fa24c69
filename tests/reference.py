"""`make docs`: the pages that repeat code are written from it."""

from __future__ import annotations

import ast
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import declared
import space
from helpers import ROOT, render, snapshot

WRITTEN = ROOT / "docs" / "reference"
# The types of settings, as whoever writes a variable knows them.
KINDS = {
    "bool": "`true` or `false`",
    "dict[str, str]": "texts by name",
    "int": "number",
    "list[str]": "list of texts",
    "str": "text",
}
SILENCE = """
    FLASK_SILENCED_CHECKS='{{"{id}": "the reason, for whoever reads it next"}}'
"""


def pages(service: Path, minimal: Path) -> dict[Path, str]:
    """Return each written page, by its path; of services with default and with least answers."""
    texts = {
        "questions.md": questions(),
        "settings/index.md": settings(),
        "checks/index.md": checks(),
        "targets.md": targets(service, minimal),
        "tree.md": tree(service),
        "modules.md": modules(service),
        "service/index.md": service_pages(),
    }
    for page, rows in declared.settings_by_page().items():
        texts[f"settings/{page.name.partition('.')[0]}.md"] = settings_of(page, rows)
    for check_id, found in by_id().items():
        texts[f"checks/{check_id}.md"] = checks_of(check_id, found)
    return {WRITTEN / name: text for name, text in texts.items()}


def write() -> None:
    """Write the pages, and delete those that no code stands behind any more."""
    with tempfile.TemporaryDirectory() as folder:
        source = snapshot(Path(folder, "template"))
        service = render(source, Path(folder, "my-service"))
        minimal = render(source, Path(folder, "minimal"), {"preset": "minimal"})
        texts = pages(service, minimal)
    for page in {*WRITTEN.rglob("*.md")} - texts.keys():
        page.unlink()
    for page, text in texts.items():
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")


# --- The parts of a page -----------------------------------------------------------------


def page(title: str, *paragraphs: str) -> str:
    return "\n\n".join([f"# {title}", *paragraphs]) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in [heads, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(heads), *lines[1:]])


def links(entries: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- [{title}]({target})" for title, target in entries)


def code(text: str) -> str:
    """Return a text as code in a cell of a table."""
    return f"`{text}`".replace("|", "\\|")


# --- Questions ---------------------------------------------------------------------------


def questions() -> str:
    """Return the page of the questions, from `copier.yml`."""
    heads = ["question", "answers", "default", "asked"]
    rows = [
        [
            f"`{key}`: {question.get('help', 'recorded for updates')}",
            answers(key, question),
            default(key),
            asked(question),
        ]
        for key, question in space.QUESTIONS.items()
    ]
    made = {
        preset: space.implied({"preset": preset})
        for preset in space.CHOICES["preset"]
        if preset != "custom"
    }
    parts = ["surface", "database", "auth", "workers"]
    presets = [
        [preset, *(chosen[part] for part in parts), ", ".join(chosen["features"]) or "none"]
        for preset, chosen in made.items()
    ]
    return page(
        "Questions",
        "Written from `copier.yml` by `make docs`.",
        table(heads, rows),
        "A preset answers the questions about parts, and the answers are recorded:",
        table(["preset", *parts, "features"], presets),
        "Any answer can be given beside a preset: `-d preset=minimal -d database=sqlite`.",
        "## What does not go together",
        "Copier refuses it with the name of the rule and writes nothing:",
        table(["rule", "why", "way out"], rules()),
    )


def answers(key: str, question: dict[str, Any]) -> str:
    if key in space.CHOICES:
        return ", ".join(f"`{choice}`" for choice in space.CHOICES[key])
    return {"int": "a number"}.get(question["type"], "text")


def default(key: str) -> str:
    value = space.implied({}).get(key, space.QUESTIONS[key]["default"])
    if isinstance(value, str) and "{{" in value:
        return "from the name"
    return f"`{', '.join(value) if isinstance(value, list) else value}`" if value else "nothing"


def asked(question: dict[str, Any]) -> str:
    condition = question.get("ask", True)
    if isinstance(condition, bool):
        return "always" if condition else "never"
    needed = re.findall(r"(\w+) (==|!=) '(\w+)'", condition)
    words = {"==": "is", "!=": "is not"}
    return "when " + ", ".join(f"`{key}` {words[sign]} `{value}`" for key, sign, value in needed)


def rules() -> list[list[str]]:
    """Return what does not go together: each rule of `copier.yml`, its reason and the way out."""
    text = (ROOT / "copier.yml").read_text(encoding="utf-8")
    found = re.findall(r"^    ([a-z]+(?:-[a-z]+)+): (.+)$", text, re.M)
    return [[code(rule), *said.split("; ")] for rule, said in found]


# --- Settings ----------------------------------------------------------------------------


def settings() -> str:
    """Return the page that says how settings are read, and leads to all of them."""
    found = declared.settings_by_page()
    listed = {declared.title(page): f"{page.name.partition('.')[0]}.md" for page in found}
    first = listed.pop("Settings")
    return page(
        "Settings",
        "Written from `config.py`, `.env.example` and the pages of the service by `make docs`.",
        "Each setting is a variable, `FLASK_` and its name. Text may go without quotes, all else\n"
        "is JSON; `FLASK_<NAME>_FILE` names a file to read it from. `APP_ENV` chooses the\n"
        "defaults: `production`, when nothing is said, or `development`. What is **needed** has\n"
        "no default.",
        "## Settings by part",
        links([("Every service", first), *sorted(listed.items())]),
        "## Variables that are no settings",
        table(["variable", "who reads it", "what it says"], declared.variables_of_others()),
    )


def settings_of(explained: Path, rows: list[list[str]]) -> str:
    """Return the settings that a page of the service explains, with type and environment."""
    types = declared.types_of_settings()
    folder = WRITTEN / "settings"

    def moved(text: str) -> str:
        """Return a text whose links lead to where they led before."""
        there = explained.parent
        return re.sub(r"(?<=\]\()[^):]+", lambda link: relative(there / link[0], folder), text)

    cells = [
        [code(f"FLASK_{name}"), moved(meaning), in_words(types[name]), production, development]
        for name, meaning, production, development in rows
    ]
    title = declared.title(explained)
    return page(
        "Settings of every service" if title == "Settings" else f"Settings: {title}",
        table(["variable", "meaning", "type", "production", "development"], cells),
        f"More: [{title}]({relative(explained, folder)})",
    )


def in_words(annotation: str) -> str:
    """Return a type in words, or the values that there are."""
    if choices := re.match(r"Literal\[(.*)\]", annotation):
        return ", ".join(f"`{choice}`" for choice in ast.literal_eval(f"[{choices[1]}]"))
    kind, _, or_none = annotation.partition(" | ")
    return f"{KINDS[kind]} or `null`" if or_none else KINDS[kind]


def relative(target: Path, folder: Path) -> str:
    return Path(os.path.relpath(target, folder)).as_posix()


# --- Checks ------------------------------------------------------------------------------


def checks() -> str:
    """Return the list of all checks."""
    rows = [
        [f"[{check_id}]({check_id}.md)", "; ".join(titles), " or ".join(sorted(levels))]
        for check_id, found in by_id().items()
        for titles in [dict.fromkeys(check.title for check in found)]
        for levels in [{check.level for check in found}]
    ]
    return page(
        "Deploy checks",
        "Written from the checks in the code by `make docs`. A service has those of its parts,\n"
        "and `flask check --list` names them. On the pages, `…` stands for what only a run knows.",
        table(["id", "what should be so, or is looked at", "level"], rows),
    )


def by_id() -> dict[str, list[declared.Check]]:
    grouped = groupby(declared.checks(), key=lambda check: check.id)
    return {check_id: list(found) for check_id, found in grouped}


def when(check: declared.Check) -> str:
    if check.everywhere:
        return "when it starts anywhere"
    if check.at_start and check.level == "error":
        return "when production starts"
    return "by `flask check`" if check.at_start else "by `flask check --deploy`"


def checks_of(check_id: str, found: list[declared.Check]) -> str:
    """Return the page of an id: what it says, how to mend it, how to silence it."""
    parts: list[str] = []
    for check in found:
        parts += [f"## {check.title[0].upper()}{check.title[1:]}"] if len(found) > 1 else []
        parts += [
            f"{check.level.capitalize()}, looked for {when(check)}, in `{check.place}`.",
            table(["it says", "do this"], [map(cell, finding) for finding in check.findings]),
        ]
        if declared.is_firm(check):
            parts.append("It cannot be silenced.")
    if not all(map(declared.is_firm, found)):
        quiet = "Where it does not apply, silence it with a reason:"
        parts += ["## Silence it", quiet + "\n" + SILENCE.format(id=check_id).rstrip()]
    return page(f"{check_id}: {found[0].title}" if len(found) == 1 else check_id, *parts)


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("__", "\\_\\_")


# --- Targets, files, modules, pages ------------------------------------------------------


def targets(service: Path, minimal: Path) -> str:
    """Return what `make` can do, here and in a service."""
    has = dict.fromkeys(declared.targets(service / "Makefile"), "a database")
    has |= dict.fromkeys(declared.targets(minimal / "Makefile"), "any")
    rows = [
        [f"`make {name}`", said, has.get(name, "workers")]
        for name, said in declared.targets(declared.TEMPLATE / "Makefile.jinja").items()
    ]
    ours = [[f"`make {k}`", said] for k, said in declared.targets(ROOT / "Makefile").items()]
    return page(
        "Make targets",
        "Written from both Makefiles by `make docs`.",
        "## Of a service",
        table(["target", "what it does", "service with"], rows),
        "## Of this project",
        table(["target", "what it does"], ours),
    )


def tree(service: Path) -> str:
    """Return the files of a service with the default answers."""
    lines = "\n".join(branches(service))
    intro = "What `copier copy` leaves behind with the default answers, written by `make docs`."
    return page("Files of a service", intro, f"```text\nmy-service/\n{lines}\n```")


def branches(folder: Path, indent: str = "  ") -> Iterable[str]:
    """Yield a line for each folder, and for the files in it together."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    yield from filled(names, indent)
    for below in sorted(path for path in folder.iterdir() if path.is_dir()):
        yield f"{indent}{below.name}/"
        yield from branches(below, indent + "  ")


def filled(words: list[str], indent: str, width: int = 88) -> Iterable[str]:
    line = indent
    for word in words:
        if len(line) > len(indent) and len(line) + len(word) + 2 > width:
            yield line.rstrip()
            line = indent
        line += f"{word}  "
    if words:
        yield line.rstrip()


def modules(service: Path) -> str:
    """Return what each module of a service with the default answers is for."""
    (package,) = (service / "src").iterdir()
    files = [*package.glob("*.py"), *package.glob("*/__init__.py")]
    named = {
        path.relative_to(package).as_posix().replace("/__init__.py", "/"): path for path in files
    }
    rows = [[f"`{name}`", sentence(path)] for name, path in sorted(named.items())]
    return page(
        "Modules of a service",
        "Written from their first lines by `make docs`, for the default answers.",
        table(["module", "what it is"], rows),
    )


def sentence(path: Path) -> str:
    """Return what the first line of a module's docstring says."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first, _, rest = said.partition("\n")
    return first if first.endswith(".") or not rest else f"{first} …"


# Of what two pages are about, one is in each service.
WHERE = {
    **dict.fromkeys(["jobs", "queue", "retries"], "with a database"),
    **dict.fromkeys(["jobs-on-redis", "queue-on-redis", "retries-on-redis"], "without a database"),
    "mail-after": "without workers",
    "mail-jobs": "with workers",
}


def service_pages() -> str:
    """Return the list of all pages that services have of their own."""
    titles = Counter(map(declared.title, declared.service_pages()))
    entries = []
    for each in declared.service_pages():
        title, name = declared.title(each), each.name.partition(".")[0]
        known_as = title if titles[title] == 1 else f"{title}, {WHERE[name]}"
        entries.append((known_as, relative(each, WRITTEN / "service")))
    return page(
        "Pages of a service",
        "Listed by `make docs`. These pages travel with a service, in its folder `docs`: each\n"
        "service has those of its parts. Here each has all that it can have.",
        "## Pages",
        links(sorted(entries)),
    )


if __name__ == "__main__":
    write()
