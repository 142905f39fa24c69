"""The template as it stands, before anything is rendered."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator

import jinja2
import pytest
import space
import yaml
from declared import PLACEHOLDER
from helpers import ROOT, files
from jinja2 import meta, nodes

TEMPLATE = ROOT / "template"
NAMES = [name for name in files(ROOT) if name.startswith("template/")]
TOGGLED = [name for name in NAMES if name.endswith(".jinja")]
# Files in which the parts of a service meet, and how many toggles each may have (spec/6).
MEETING_PLACES = {
    "template/src/{{ package_name }}/__init__.py.jinja": 30,
    # One entry a line, sorted: what belongs to one part cannot stand together.
    "template/pyproject.toml.jinja": 30,
    **dict.fromkeys(
        [
            "template/.env.example.jinja",
            "template/.gitlab-ci.yml.jinja",
            "template/Makefile.jinja",
            "template/README.md.jinja",
            "template/compose.yaml.jinja",
            "template/gunicorn.conf.py.jinja",
            "template/migrations/versions/0001_initial.py.jinja",
            # The example shows each part at work, so all of them meet in it.
            "template/src/{{ package_name }}/notes/api.py.jinja",
            "template/src/{{ package_name }}/notes/service.py.jinja",
            "template/tests/notes/test_plans.py.jinja",
            # And all checks and conventions in these.
            "template/tests/test_checks.py.jinja",
            "template/tests/test_conventions.py.jinja",
            "template/src/{{ package_name }}/config.py.jinja",
            "template/tests/conftest.py.jinja",
        ],
        20,
    ),
}
TOGGLE = re.compile(
    r"^\s*# @(if|elif|for|set) \S.*\S$|^\s*# @(else|endif|endfor|raw|endraw|include .*\S)$"
)
OPENING = ("# @if", "# @for", "# @raw")
# Nobody is asked for them: an update finds them among the answers of the last time.
RECORDED = {"born", "imported_as"}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def toggles(name: str) -> list[str]:
    return [line.strip() for line in text(name).splitlines() if re.match(r"\s*#\s*@", line)]


def sources(*endings: str) -> list[str]:
    return [name for name in NAMES if name.removesuffix(".jinja").endswith(endings)]


def environment() -> jinja2.Environment:
    options = {k: v for k, v in space.FORM["_envops"].items() if k != "undefined"}
    return jinja2.Environment(
        **options, extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"]
    )


@pytest.mark.parametrize("name", sources(".py"))
def test_python_parses_unrendered(name: str) -> None:
    ast.parse(PLACEHOLDER.sub("placeholder", text(name)))


@pytest.mark.parametrize("name", sources(".toml"))
def test_toml_parses_unrendered(name: str) -> None:
    tomllib.loads(PLACEHOLDER.sub("placeholder", text(name)))


@pytest.mark.parametrize("name", sources(".yaml", ".yml"))
def test_yaml_parses_unrendered(name: str) -> None:
    if "answers_file" not in name:
        yaml.safe_load(text(name))


@pytest.mark.parametrize("name", NAMES)
def test_suffix_tells_the_truth(name: str) -> None:
    live = bool(PLACEHOLDER.search(text(name)) or toggles(name))
    # As .gitignore it would hide files of the template from git.
    assert live == name.endswith(".jinja") or name == "template/.gitignore.jinja"


@pytest.mark.parametrize("name", [*TOGGLED, "copier.yml"])
def test_toggles_are_written_right(name: str) -> None:
    assert all(TOGGLE.match(line) for line in toggles(name)), toggles(name)
    lines = text(name).splitlines(keepends=True)
    assert all(line == line.rstrip() + "\n" for line in lines if "# @" in line)


@pytest.mark.parametrize("name", TOGGLED)
def test_toggles_do_not_nest(name: str) -> None:
    depth = 0
    for toggle in toggles(name):
        depth += toggle.startswith(OPENING) - toggle.startswith("# @end")
        assert depth in (0, 1), toggle
    assert depth == 0


@pytest.mark.parametrize("name", TOGGLED)
def test_toggles_are_few(name: str) -> None:
    opening = [line for line in toggles(name) if line.startswith(OPENING)]
    assert len(opening) <= MEETING_PLACES.get(name, 5)


def test_most_files_are_copied_as_they_are() -> None:
    counted = [name for name in NAMES if not name.startswith("template/tests/")]
    plain = [name for name in counted if not name.endswith(".jinja") or "/.gitignore" in name]
    assert len(plain) >= 0.75 * len(counted), f"{len(plain)} of {len(counted)}"


def test_paths_are_legal_everywhere() -> None:
    for name in NAMES:
        bare = name.replace("{{ package_name }}", "p" * 40)
        bare = bare.replace("{{ _copier_conf.answers_file }}", ".copier-answers.yml")
        assert not re.search(r'[<>:"|?*\\{}%]', bare), name
        assert len(bare) < 120, name


def test_git_hides_no_file_of_the_template() -> None:
    on_disk = {
        path.relative_to(ROOT).as_posix()
        for path in TEMPLATE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert on_disk == set(NAMES)


def test_nothing_asks_for_trust() -> None:
    assert not {"_tasks", "_jinja_extensions", "_migrations"} & space.FORM.keys()


def test_questions_are_few() -> None:
    assert len(space.QUESTIONS.keys() - RECORDED) <= 14


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every text of copier.yml that is rendered, with the key it stands under."""
    rendered = {key: value for key, value in space.FORM.items() if key != "_envops"}
    for key, value in rendered.items():
        for inner in value.values() if isinstance(value, dict) else [value]:
            for expression in inner if isinstance(inner, list) else [inner]:
                if isinstance(expression, str):
                    yield key, expression


def test_questions_read_only_what_stands_above_them() -> None:
    known: set[str] = set()
    for key, expression in expressions():
        if not key.startswith("_"):
            known.add(key)
            read = meta.find_undeclared_variables(environment().parse(expression))
            assert read <= known | RECORDED, f"{key} reads {read - known}"


def test_every_variable_is_declared_and_every_answer_is_used() -> None:
    declared = space.QUESTIONS.keys() | space.COMPUTED.keys()
    read: set[str] = set()
    for name in TOGGLED:
        try:
            read |= meta.find_undeclared_variables(environment().parse(text(name)))
            read |= meta.find_undeclared_variables(environment().parse(name))
        except jinja2.TemplateSyntaxError as error:
            pytest.fail(f"{name}:{error.lineno}: {error}")
    for licence in (ROOT / "licenses").iterdir():
        read |= meta.find_undeclared_variables(environment().parse(licence.read_text()))
    internal = {"_copier_conf", "_copier_answers", "_copier_operation"}
    assert read - internal <= declared
    for _, expression in expressions():
        read |= meta.find_undeclared_variables(environment().parse(expression))
    # `born` is recorded for later versions.
    assert declared - read <= {"born"}


def test_exclude_reads_recorded_answers_with_a_default() -> None:
    """An update renders the older version by this list, and by the answers of then alone.

    One that it lacks would crash (copier#2482), and what it derives now was not there.
    """
    for pattern in space.FORM["_exclude"]:
        tree = environment().parse(pattern)
        defaulted = {
            node.node.name
            for node in tree.find_all(nodes.Filter)
            if node.name == "default" and isinstance(node.node, nodes.Name)
        }
        assert meta.find_undeclared_variables(tree) <= defaulted
        assert defaulted - {"_copier_operation"} <= space.QUESTIONS.keys()


def test_licences_are_those_that_can_be_chosen() -> None:
    there = {path.stem for path in (ROOT / "licenses").iterdir()}
    assert there == set(space.CHOICES["license"])


@pytest.mark.parametrize("name", [n for n in files(ROOT) if not n.startswith("uv.lock")])
def test_nothing_tells_of_a_workplace(name: str) -> None:
    """No registry host, no path of a machine, no address of a lock file."""
    content = (ROOT / name).read_text(encoding="utf-8", errors="replace")
    # Written so that the rule does not find itself.
    assert not re.search(r"[f]iles\.python|/(root|home/\w+)/|[p]ip\.conf", content)
