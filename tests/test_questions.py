"""The form: what it accepts, what it refuses and in which words, what it implies."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest
import space
import yaml
from helpers import copier_command, environment, render, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_source import environment as jinja_environment

ANSWERS_FILE = "template/{{ _copier_conf.answers_file }}.jinja"


def recorded(service: Path) -> dict[str, Any]:
    text = (service / ".copier-answers.yml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def typed(answers: space.Answers) -> list[str]:
    """Return what a person would type for these answers."""
    pairs = {
        key: f"[{', '.join(value)}]" if isinstance(value, list) else value
        for key, value in answers.items()
    }
    return [part for key, value in pairs.items() for part in ("-d", f"{key}={value}")]


def refused(source: Path, target: Path, *arguments: str | bytes) -> str:
    """Return the last line of a refusal; AssertionError unless it left nothing behind."""
    command = copier_command("copy", "--defaults", *arguments, source, target)
    result = subprocess.run(
        [os.fsencode(part) for part in command], env=environment(), capture_output=True, check=False
    )
    assert result.returncode == 1, result.stderr.decode(errors="replace")
    assert not target.exists()
    return result.stderr.decode(errors="replace").splitlines()[-1]


@pytest.fixture(scope="session")
def form(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the template with its form alone: what is asked does not hang on the files."""
    folder = tmp_path_factory.mktemp("form")
    for name in ("copier.yml", "reserved.yml", ANSWERS_FILE):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy2(source / name, folder / name)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("given", list(space.given_combinations()), ids=str)
def test_form_and_oracle_agree(
    form: Path, tmp_path: Path, given: space.Answers, prove: Callable[[str], None]
) -> None:
    expected = space.implied(given)
    rule = space.refusal(expected)
    if rule:
        last = refused(form, tmp_path / "service", *typed(given))
        assert f"{rule}: " in last
        assert "-d database=sqlite)" in last
        prove("combinations of answers refused, by name and with nothing written")
    else:
        service = render(form, tmp_path / "service", given)
        assert expected.items() <= recorded(service).items()
        prove("combinations of answers that the oracle foresaw")


def test_answers_behind_a_preset_are_recorded(source: Path, tmp_path: Path) -> None:
    service = render(source, tmp_path / "service")
    asked = space.QUESTIONS.keys()
    assert recorded(service).keys() - {"_src_path", "_commit"} == asked


def test_closing_message_says_what_a_preset_implied(template: Path, tmp_path: Path) -> None:
    said = run(*copier_command("copy", "--defaults", template, tmp_path / "service"), cwd=tmp_path)
    assert "surface api, database sqlite, auth jwt, workers none, features metrics, example" in said
    (line,) = [line.strip() for line in said.splitlines() if "copier copy" in line]
    again = line.removeprefix("copier ").replace("SERVICE", str(tmp_path / "again"))
    run("sh", "-c", f"{sys.executable} -m copier {again}", cwd=tmp_path)
    first, second = recorded(tmp_path / "service"), recorded(tmp_path / "again")
    assert {**first, "preset": "custom"} == second


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("project_name=", '"" is empty; write a name such as My Service.'),
        ("project_name=   ", '"   " is empty'),
        ("project_name=" + "x" * 61, "has 61 characters; use at most 60."),
        ("project_name=two\nlines", r'has the character "\n"; write one line of plain text.'),
        ("project_name=tab\there", r'has the character "\t"'),
        ("project_name=esc\x1b[31m", r'has the character "\u001b"'),
        ("project_name=del\x7f", r'has the character "\u007f"'),
        ("project_name=nel\x85", r'has the character "\u0085"'),
        ("project_name=ls\u2028", r'has the character "\u2028"'),
        (b"project_name=half\xed\xa0\x80", "has the character"),
        ("description=", '"" is empty; write a sentence'),
        ("description=" + "x" * 201, "has 201 characters; use at most 200."),
        ("description=a\rb", r'has the character "\r"'),
        ("user_name=a\u2029b", r'has the character "\u2029"'),
        ("user_name=" + "x" * 101, "has 101 characters; use at most 100."),
        ("package_name=My-Service", '"My-Service" is no import name; use at most 40 of a-z'),
        ("package_name=1service", "is no import name"),
        ("package_name=", "is no import name"),
        ("package_name=caf\u00e9", "is no import name"),
        ("package_name=" + "x" * 41, "is no import name"),
        ("package_name=name\n", "is no import name"),
        ("package_name=flask", '"flask" is taken by Python or a dependency; use for example my_'),
        ("package_name=class", '"class" is taken'),
        ("package_name=json", '"json" is taken'),
        ("package_name=con", '"con" is taken'),
        ("package_name=tests", '"tests" is taken'),
        ("user_email=me", '"me" is no address; write one such as me@example.com, or nothing.'),
        ("user_email=me@example", "is no address"),
        ('user_email="me"@example.com', "is no address"),
        ("user_email=me@example.com\n", "is no address"),
        ("preset=web", "Invalid choice for 'preset': 'web' is not in"),
        ("broker=kafka", "Invalid choice for 'broker'"),
        ("database=oracle", "Invalid choice for 'database'"),
        ("features=[sql]", "Invalid choice for 'features'"),
        ("license=gpl", "Invalid choice for 'license'"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_bad_answer_is_refused_in_clear_words(
    source: Path, tmp_path: Path, answer: str | bytes, words: str, prove: Callable[[str], None]
) -> None:
    assert words in refused(source, tmp_path / "service", "-d", answer)
    prove("bad answers refused with nothing written")


@given(st.text(min_size=1, max_size=60))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_package_name_is_derived_from_any_name(project_name: str) -> None:
    answers: dict[str, Any] = {"project_name": project_name}
    answers["reserved_names"] = yaml.safe_load(space.FORM["reserved_names"]["default"])
    for key in ("words", "package_name"):
        answers[key] = evaluate(space.FORM[key]["default"], answers)
    assert evaluate(space.FORM["package_name"]["validator"], answers).strip() == ""


def evaluate(expression: str, answers: dict[str, Any]) -> str:
    environment = jinja_environment()
    environment.undefined = jinja2.StrictUndefined
    return environment.from_string(expression).render(answers)


@pytest.mark.parametrize(
    ("project_name", "package_name"),
    [
        ("My Service", "my_service"),
        ("Flask", "my_flask"),
        ("2 Fast", "my_2_fast"),
        ("???", "my_service"),
        ("Café Zoë", "caf_zo"),
        ("x" * 60, "x" * 36),
    ],
)
def test_derived_package_name(
    source: Path, tmp_path: Path, project_name: str, package_name: str
) -> None:
    service = render(source, tmp_path / "service", {"project_name": project_name})
    assert recorded(service)["package_name"] == package_name


def test_reserved_names_cover_python_and_what_a_service_installs(
    source: Path, tmp_path: Path
) -> None:
    taken = set(yaml.safe_load(space.FORM["reserved_names"]["default"]))
    assert {name for name in sys.stdlib_module_names if name[0] != "_" and name.islower()} <= taken
    project = tomllib.loads((render(source, tmp_path / "s") / "pyproject.toml").read_text())
    needed = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    installed = {name.split(">")[0].replace("-", "_").lower() for name in needed}
    assert installed - {"python_dotenv"} <= taken
