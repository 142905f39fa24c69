"""Updates: what is new arrives, and not a line of the user's work is lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import space
import yaml
from conftest import slow_but
from copier import VcsRef
from helpers import append, change, commit, copier_command, render, run, tree, update

# What a service makes itself; no render has it.
OWN = (".git/", ".venv/", "migrations/versions/", "openapi.json", "uv.lock", "instance/")


# --- A template with a history --------------------------------------------------------


def release_next(template: Path) -> None:
    """Release v1.1.0, which changes what releases change: code, dependencies, texts, files."""
    inner = template / "template"
    package = inner / "src" / "{{ package_name }}"
    change(package / "security.py", "payment=()", "payment=(), usb=()")
    change(package / "logs.py", "\nREDACTED = ", '\nREDACTED: str = "[removed]"\n_OLD = ')
    change(package / "__init__.py.jinja", "# Routes: the URL map.", "# Routes: where what is.")
    change(package / "config.py.jinja", "DRAIN_SECONDS: int = 10", "DRAIN_SECONDS: int = 15")
    change(inner / ".env.example.jinja", "\nFLASK_DRAIN_SECONDS=10", "\nFLASK_DRAIN_SECONDS=15")
    change(inner / "pyproject.toml.jinja", '"orjson>=3.13,<4"', '"orjson>=3.13,<5"')
    change(inner / "pyproject.toml.jinja", '    "structlog', '    "packaging>=26",\n    "structlog')
    change(inner / "README.md.jinja", "Bare `make` lists", "`make` alone lists")
    change(inner / "Makefile.jinja", ".PHONY: audit", ".PHONY: news\nnews:\n\n.PHONY: audit")
    for name, anchor in [
        ("README.md.jinja", "<!-- this service's own sections"),
        ("docs/settings.md", "<!-- this service's own settings"),
        (".env.example.jinja", "# --- this service's own variables"),
        ("Makefile.jinja", "# --- this service's own targets"),
        ("mypy.ini.jinja", "# --- this service's own libraries"),
        (".dockerignore", "# --- this service's own part"),
        (".gitignore.jinja", "# --- this service's own part"),
        ("deploy/production.env.jinja", "# --- this service's own settings"),
        ("src/{{ package_name }}/tasks/schedules.py.jinja", "    # --- this service's own sch"),
        (".gitlab-ci.yml.jinja", "# --- this service's own part"),
        ("compose.yaml.jinja", "  # --- this service's own volumes"),
        ("src/{{ package_name }}/config.py.jinja", "    # --- this service's own settings"),
    ]:
        change(inner / name, anchor, f"# New at the end of the template's part.\n\n{anchor}")
    (inner / "docs" / "operate.md").write_text("# Operate it\n\nNew in v1.1.0.\n")
    commit(template, "Second", tag="v1.1.0")


def release_with_a_question(template: Path) -> None:
    """Release v2.0.0, which adds a question, a choice of `features` and its file."""
    change(
        template / "copier.yml",
        "# --- What follows from the answers",
        "colour:\n"
        "  type: str\n"
        "  choices: [none, blue]\n"
        "  default: \"{{ 'none' if born < 2 else 'blue' }}\"\n"
        "\n# --- What follows from the answers",
    )
    change(template / "copier.yml", "  type: int\n  default: 1", "  type: int\n  default: 2")
    change(template / "copier.yml", "'example'] if feature", "'example', 'widgets'] if feature")
    change(
        template / "copier.yml",
        '    "example: notes',
        '    "widgets: small things": widgets\n    "example: notes',
    )
    inner = template / "template"
    package = inner / "src" / "{{ package_name }}"
    (package / "widgets.py").write_text('"""Small things."""\n')
    append(inner / "README.md.jinja", "# @if colour == 'blue'\n\nIt is blue.\n# @endif\n")
    commit(template, "Third", tag="v2.0.0")


# --- The lives of a service -----------------------------------------------------------


def begin(template: Path, service: Path, answers: space.Answers) -> Path:
    render(template, service, answers)
    commit(service, "Start")
    return service


def edit(service: Path, answers: space.Answers) -> dict[str, list[str]]:
    """Work on a service for a year; return the lines written, by file."""
    package = service / "src" / "my_service"
    journal, test = JOURNAL, TEST_JOURNAL
    written = {"compose.yaml": ["    image: opensearch"]}
    change(package / "__init__.py", "    health,\n", "    health,\n    journal,\n")
    last = '    rest.register_blueprint(api.about.bp, url_prefix="/api/v1/about")\n'
    own = '    rest.register_blueprint(journal.bp, url_prefix="/api/v1/journal")\n'
    change(package / "__init__.py", last, last + own)
    change(package / "api" / "about.py", '"""Tell name', '"""Tell everybody name')
    change(package / "config.py", "class Config:\n", "class Config:\n    # Ours.\n")
    place = "    # --- this service's own settings stand below ---\n"
    change(package / "config.py", place, place + '    JOURNAL_WORD: str = "fine"\n')
    page = "\n| setting | | | |\n|---|---|---|---|\n| `JOURNAL_WORD` | | `fine` | `fine` |\n"
    append(service / "docs" / "settings.md", page)
    sample = "\n# How it is.\n# FLASK_JOURNAL_WORD=fine\nFLASK_JOURNAL_WORD=fine\n"
    append(service / ".env.example", sample)
    if answers["auth"] == "none":
        public = '    "api-docs.openapi_json",\n'
        also = '    "journal.Journal",\n'
        change(service / "tests" / "test_conventions.py", public, public + also)
    else:
        journal = journal.replace("from .api", "from .accounts")
        test = test.replace("client", "as_user")
    (package / "journal.py").write_text(journal)
    (service / "tests" / "test_journal.py").write_text(test)
    own_dependencies = "    # --- this service's own dependencies stand below ---\n"
    change(
        service / "pyproject.toml", own_dependencies, own_dependencies + '    "humanize>=4.9",\n'
    )
    append(service / "README.md", "\n## Who to call\n\nThe people next door.\n")
    append(service / ".gitignore", "/private/\n")
    append(service / "Makefile", "\n.PHONY: hello\nhello:\n\t@echo hello\n")
    append(service / "compose.yaml", "  search:\n    image: opensearch\n")
    append(service / ".dockerignore", "notebooks\n")
    append(service / "deploy" / "production.env", "FLASK_JOURNAL_WORD=well\n")
    append(service / "mypy.ini", "[mypy-journals.*]\nignore_missing_imports = True\n")
    if answers["database"] != "none":
        place = "  # --- this service's own volumes stand below ---\n"
        change(service / "compose.yaml", place, f"{place}  journal:\n")
        written["compose.yaml"].append("  journal:")
    append(service / ".github" / "workflows" / "ci.yml", "  # How it is.\n")
    (service / ".gitattributes").unlink()
    if "example" in answers["features"]:
        models = package / "notes" / "models.py"
        added = "    colour: Mapped[str | None] = mapped_column(String(20))\n\n    __mapper_args__"
        change(models, "\n    __mapper_args__", added)
    if answers["workers"] != "none":
        place = "    # --- this service's own schedules stand below ---\n"
        schedules = package / "tasks" / "schedules.py"
        change(schedules, place, f"{place}    # Ours.\n")
        written["src/my_service/tasks/schedules.py"] = ["    # Ours."]
    return written | {
        "src/my_service/__init__.py": ["    journal,", own.rstrip()],
        "src/my_service/journal.py": journal.splitlines(),
        "src/my_service/api/about.py": ['        """Tell everybody name, description'],
        "src/my_service/config.py": ["    # Ours.", '    JOURNAL_WORD: str = "fine"'],
        "docs/settings.md": ["| `JOURNAL_WORD` |"],
        ".env.example": ["FLASK_JOURNAL_WORD=fine"],
        "pyproject.toml": ['    "humanize>=4.9",'],
        "README.md": ["## Who to call", "The people next door."],
        ".gitignore": ["/private/"],
        "deploy/production.env": ["FLASK_JOURNAL_WORD=well"],
        "mypy.ini": ["[mypy-journals.*]"],
        ".dockerignore": ["notebooks"],
        ".github/workflows/ci.yml": ["  # How it is."],
        "tests/test_journal.py": test.splitlines(),
    }


JOURNAL = '''"""How it is."""

from flask import current_app
from flask.views import MethodView

from .api import Blueprint

bp = Blueprint("journal", __name__, description="How it is")


@bp.route("")
class Journal(MethodView):
    @bp.response(200)
    def get(self) -> dict[str, str]:
        """Tell how it is"""
        return {"word": current_app.config["JOURNAL_WORD"]}
'''

TEST_JOURNAL = """from flask.testing import FlaskClient


def test_all_is_well(client: FlaskClient) -> None:
    assert client.get("/api/v1/journal").get_json() == {"word": "fine"}
"""


def unfinished(service: Path) -> list[str]:
    """Return the files with a conflict, as copier leaves them behind."""
    marked = [
        name
        for name, content in tree(service, without=OWN).items()
        if name.endswith(".rej") or re.search(rb"^(<{7}|>{7}) ", content, re.M)
    ]
    return marked + run("git", "ls-files", "--unmerged", cwd=service).splitlines()


@pytest.mark.parametrize("answers", slow_but(space.presets(), of=space.suites()))
def test_untouched_service_equals_a_fresh_one(
    template: Path, tmp_path: Path, answers: space.Answers, prove: Callable[[str], None]
) -> None:
    service = begin(template, tmp_path / "service", answers)
    release_next(template)
    update(service)
    fresh = render(template, tmp_path / "fresh", answers)
    assert unfinished(service) == []
    assert tree(service, without=OWN) == tree(fresh, without=OWN)
    assert b"v1.1.0" in (service / ".copier-answers.yml").read_bytes()
    prove("updates of an untouched service that equal a fresh one")


@pytest.mark.slow
@pytest.mark.parametrize("answers", space.lives(), ids=space.name)
def test_edited_service_keeps_its_edits_and_stays_green(
    template: Path,
    tmp_path: Path,
    answers: space.Answers,
    database_url: Callable[[str], str],
    suite: Callable[[space.Answers], dict[str, str]],
    prove: Callable[[str], None],
) -> None:
    service = begin(template, tmp_path / "service", answers)
    written = edit(service, answers)
    run("make", "setup", cwd=service)
    if "example" in answers["features"]:
        own = {"FLASK_SQLALCHEMY_DATABASE_URI": database_url(answers["database"])}
        run("make", "migration", "m=note a colour", cwd=service, **own)
    commit(service, "A year of work")
    # Not in every release: one that changes a workflow is not proposed by itself.
    workflow = template / "template" / ".github" / "workflows" / "ci.yml.jinja"
    change(workflow, "  # --- this service's", "  # New here.\n\n  # --- this service's")
    release_next(template)
    update(service)
    assert unfinished(service) == []
    assert not (service / ".gitattributes").exists()
    for name, lines in written.items():
        text = (service / name).read_text(encoding="utf-8").splitlines()
        assert all(any(line in found for found in text) for line in lines), name
    assert "usb=()" in (service / "src" / "my_service" / "security.py").read_text()
    run("make", "setup", cwd=service)
    # Not `make check`: coverage, which test_run.py measures, takes half as long as the tests.
    run("make", "lint", cwd=service)
    run("make", "test", cwd=service, **suite(answers))
    prove("updates of an edited service without a conflict, its suite green")


@pytest.mark.slow
def test_second_update_changes_nothing(template: Path, tmp_path: Path) -> None:
    service = begin(template, tmp_path / "service", space.variants()[-1])
    release_next(template)
    update(service)
    commit(service, "Update")
    before = tree(service)
    update(service)
    assert tree(service) == before


def test_plain_command_updates(template: Path, tmp_path: Path) -> None:
    """`make update` needs no terminal where there is no new question, and no trust."""
    service = begin(template, tmp_path / "service", space.variants()[-1])
    release_next(template)
    run("make", "update", cwd=service)
    assert (service / "docs" / "operate.md").exists()


def test_update_names_what_to_look_at(template: Path, tmp_path: Path) -> None:
    """Copier says neither, and git takes a file that was renamed for the new one."""
    service = begin(template, tmp_path / "service", space.variants()[-1])
    change(service / "README.md", "Bare `make` lists", "Bare make lists")
    append(service / "docs" / "deploy-check.md", "\nCall Ada first.\n")
    commit(service, "Work")
    release_next(template)
    page = template / "template" / "docs" / "deploy-check.md"
    page.rename(page.with_name("deployment-check.md"))
    commit(template, "Third", tag="v1.2.0")
    said = run("make", "update", cwd=service).splitlines()
    assert [line for line in said if line.startswith("In conflict: ")] == ["In conflict: README.md"]
    assert "Deleted, with what you changed in it: docs/deploy-check.md" in said
    assert "  make setup openapi check" in said
    assert str(template) in said  # Not the copy that copier made of it, and deleted.


def test_update_refuses_another_package(template: Path, tmp_path: Path) -> None:
    """It would delete the old one, with all that was changed in it."""
    service = begin(template, tmp_path / "service", {"package_name": "ours"})
    before = tree(service)
    other = ("--defaults", "--vcs-ref=:current:", "-d", "package_name=other")
    said = run(*copier_command("update", *other), cwd=service, expect=1)
    assert "It cannot be changed: this service is imported as ours." in said
    assert tree(service) == before


def test_update_refuses_uncommitted_work(template: Path, tmp_path: Path) -> None:
    service = begin(template, tmp_path / "service", space.variants()[-1])
    release_next(template)
    append(service / "README.md", "\nNot committed.\n")
    before = tree(service)
    said = run(*copier_command("update", "--defaults"), cwd=service, expect=1)
    assert "dirty" in said
    assert tree(service) == before


def test_first_migration_is_the_services_own(template: Path, tmp_path: Path) -> None:
    """A later version of the template leaves shipped migrations alone."""
    service = begin(template, tmp_path / "service", space.variants()[-1])
    (shipped,) = (template / "template" / "migrations" / "versions").iterdir()
    append(shipped, "\n# Changed in the template.\n")
    commit(template, "Second", tag="v1.1.0")
    before = tree(service / "migrations" / "versions")
    update(service)
    assert tree(service / "migrations" / "versions") == before


@pytest.mark.slow
@pytest.mark.parametrize("answers", space.lives() + space.floors(), ids=space.name)
def test_new_question_leaves_an_old_service_as_it_was(
    template: Path, tmp_path: Path, answers: space.Answers
) -> None:
    service = begin(template, tmp_path / "service", answers)
    before = tree(service, without=(*OWN, ".copier-answers.yml"))
    release_with_a_question(template)
    update(service)
    assert tree(service, without=(*OWN, ".copier-answers.yml")) == before
    recorded = yaml.safe_load((service / ".copier-answers.yml").read_text())
    assert (recorded["born"], recorded["colour"]) == (1, "none")


def test_new_question_is_answered_for_a_new_service(template: Path, tmp_path: Path) -> None:
    release_with_a_question(template)
    fresh = render(template, tmp_path / "fresh", {})
    recorded = yaml.safe_load((fresh / ".copier-answers.yml").read_text())
    assert (recorded["born"], recorded["colour"]) == (2, "blue")
    assert (fresh / "README.md").read_text().endswith("\nIt is blue.\n")


@pytest.mark.slow
def test_new_feature_can_be_added_to_an_old_service(template: Path, tmp_path: Path) -> None:
    answers = space.variants()[-1]
    service = begin(template, tmp_path / "service", answers)
    release_with_a_question(template)
    update(service, features=["widgets", *answers["features"]])
    assert (service / "src" / "my_service" / "widgets.py").exists()
    assert unfinished(service) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(before, after, id=f"{space.name(before)}-to-{space.name(after)}")
        for before, after in space.changes()
    ],
)
def test_changed_answers_equal_a_fresh_service(
    template: Path, tmp_path: Path, before: space.Answers, after: space.Answers
) -> None:
    """Off to on and on to off, at the same version; test_docs.py types what the pages say."""
    service = begin(template, tmp_path / "service", before)
    update(service, to=VcsRef.CURRENT, **after)
    fresh = render(template, tmp_path / "fresh", {**after, "preset": "api"})
    ours = tree(service, without=OWN)
    theirs = tree(fresh, without=OWN)
    assert unfinished(service) == []
    assert ours == theirs
