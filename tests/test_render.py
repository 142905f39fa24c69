"""What a render must be, whatever was answered."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import space
import yaml
from conftest import slow_but
from helpers import render, run, tree
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

Rendered = Callable[[Mapping[str, Any]], Path]
RUFF = Path(sys.executable).parent / "ruff"

EVERY = space.variants()
# Words that may stand in a service only when their part was chosen.
TRACES = {
    "database": r"database|sqlalchemy|alembic|migrat|instance\.db|keyset|cursor|If-Match|limiter",
    "sqlite": r"sqlite|\bWAL\b",
    "server": r"replica",
    "postgresql": r"postgres|psycopg|pgbouncer|\bpg_",
    "mysql": r"mysql|mariadb",
    "accounts": r"\baccounts?\b|argon2|\blog in\b|\bmails?\b|email_validator",
    "sessions": r"flask-login|flask_login\b|flask[_-]wtf|session_api|auth/csrf|auth/session\b",
    "tokens": r"flask[_-]jwt|pyjwt|JWT_|token_api|auth/token",
    "workers": r"\bjobs?\b(?!:)|\bworker\.py|broker",
    "rows of jobs": r"/api/v1/jobs|durable|\brelay\b|JOB_RESULT",
    "jobs on redis": r"QueueAway|-on-redis",
    "redis": r"redis",
    "cache": r"\bcached?\b|flask[_-]caching",
    "metrics": r"\bmetrics?\b|METRICS_|prometheus|grafana|scrape",
    "rabbitmq": r"rabbit|amqp",
    "celery": r"celery",
    "rq": r"\brq\b",
    "example": r"\bnotes?\b|\bseed\b|(?<![.@\"'])\bexample\b(?![.\\])",
    "github": r"github|dependabot",
    "gitlab": r"gitlab",
}
# What has the same letters and means something else.
INNOCENT = re.compile(
    r"for example|dialect|cache-control|no-cache|@cache\b|functools(\.| import )cache\b"
    # Prometheus calls so what it reads.
    r'|job=\\?"|, job\)|by \(job\b|\bjob_name\b|"job", "le"',
    re.I,
)


def chosen(answers: Mapping[str, Any]) -> dict[str, bool]:
    return {
        "database": answers["database"] != "none",
        "sqlite": answers["database"] == "sqlite",
        "server": answers["database"] in ("postgresql", "mysql"),
        "postgresql": answers["database"] == "postgresql",
        "mysql": answers["database"] == "mysql",
        "accounts": answers["auth"] != "none",
        "sessions": answers["auth"] in ("session", "both"),
        "tokens": answers["auth"] in ("jwt", "both"),
        "workers": answers["workers"] != "none",
        "redis": "redis" in space.servers(answers),
        "rabbitmq": "rabbitmq" in space.servers(answers),
        "rows of jobs": answers["workers"] != "none" and answers["database"] != "none",
        "jobs on redis": answers["workers"] != "none" and answers["database"] == "none",
        "cache": "cache" in answers["features"],
        "metrics": "metrics" in answers["features"],
        "celery": answers["workers"] == "celery",
        "rq": answers["workers"] == "rq",
        "example": "example" in answers["features"],
        "github": answers.get("ci", "github") == "github",
        "gitlab": answers.get("ci", "github") == "gitlab",
    }


def texts(service: Path) -> Iterator[tuple[str, str]]:
    for name, content in tree(service).items():
        if name not in (".copier-answers.yml", "LICENSE"):
            yield name, content.decode("utf-8")


def sources(service: Path) -> list[Path]:
    return sorted((service / "src").rglob("*.py"))


@pytest.mark.parametrize("answers", space.pairwise(), ids=lambda a: "-".join(map(str, a.values())))
def test_off_leaves_no_trace(
    rendered: Rendered, answers: space.Answers, prove: Callable[[str], None]
) -> None:
    service = rendered(answers)
    for part, is_chosen in chosen(answers).items():
        found = [
            f"{name}: {line}"
            for name, text in texts(service)
            for line in [name, *text.splitlines()]
            if re.search(TRACES[part], INNOCENT.sub("", line), re.I)
        ]
        assert bool(found) == is_chosen, "\n".join(found)
    prove("variants rendered without a trace of what was not chosen")


@pytest.mark.parametrize("answers", space.pairwise(), ids=lambda a: "-".join(map(str, a.values())))
def test_render_is_clean(rendered: Rendered, answers: space.Answers) -> None:
    service = rendered(answers)
    for name, text in texts(service):
        assert not re.search(r"# @|\{%|(?<!\$)\{\{ [a-z_]+ \}\}", text), name
        assert "\r" not in text, name
        if text:
            assert text == text.strip("\n") + "\n", f"{name}: blank lines at an edge"
        assert not re.search(r"[ \t]$", text, re.M), f"{name}: space at the end of a line"
        assert "\n\n\n" not in text or name.endswith((".py", ".mako")), f"{name}: two blank lines"
        parse(name, text)
    folders = [path for path in service.rglob("*") if path.is_dir()]
    assert [folder for folder in folders if not any(folder.iterdir())] == []


@pytest.mark.parametrize("answers", space.pairwise(), ids=lambda a: "-".join(map(str, a.values())))
def test_secrets_are_made(rendered: Rendered, answers: space.Answers, tmp_path: Path) -> None:
    """Each that compose hands on, none of them empty, kept, and readable in containers alone."""
    service = rendered(answers)
    (tmp_path / "made").mkdir()
    made = {"SECRETS_FOLDER": str(tmp_path / "made")}
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "dirname").symlink_to("/usr/bin/dirname")
    secrets = "deploy/secrets.sh"
    assert "openssl" in run("/bin/sh", secrets, cwd=service, expect=1, PATH=str(programs), **made)
    assert not tree(tmp_path / "made")
    run("sh", secrets, cwd=service, **made)
    kept = tree(tmp_path / "made")
    named = yaml.safe_load((service / "compose.yaml").read_text(encoding="utf-8"))["secrets"]
    assert set(kept) == {each["file"].rpartition("/")[2] for each in named.values()}
    assert all(kept.values())
    (tmp_path / "made" / "tls_key").chmod(0o600)
    run("sh", secrets, cwd=service, **made)
    assert tree(tmp_path / "made") == kept
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "made" / "tls_key").stat().st_mode & 0o777 == 0o644
    assert not (service / ".env").exists()


def test_half_a_certificate_is_refused(rendered: Rendered, tmp_path: Path) -> None:
    """And a key that is a link to elsewhere stays as private as it is there."""
    service = rendered(space.presets()[0])
    made = {"SECRETS_FOLDER": str(tmp_path / "made")}
    command = ("sh", "deploy/secrets.sh")
    run(*command, "a" * 63 + ".example.com", cwd=service, **made)
    key, kept = tmp_path / "made" / "tls_key", tmp_path / "kept"
    key.rename(kept)
    assert "add the other" in run(*command, cwd=service, expect=1, **made)
    assert not key.exists()
    kept.chmod(0o600)
    key.symlink_to(kept)
    run(*command, cwd=service, **made)
    assert kept.stat().st_mode & 0o777 == 0o600


def parse(name: str, text: str) -> Any:
    """Return the content of a file as its language reads it."""
    if name.endswith(".py"):
        return ast.parse(text)
    if name.endswith(".toml"):
        return tomllib.loads(text)
    if name.endswith((".yml", ".yaml")):
        return yaml.safe_load(text)
    return text


@pytest.mark.parametrize("answers", slow_but(space.suites(), of=EVERY))
def test_render_is_formatted_and_linted(rendered: Rendered, answers: space.Answers) -> None:
    format_and_lint(rendered(answers))


@pytest.mark.parametrize(
    ("answers", "package_name"),
    list(zip(space.suites(), cycle(["a", "p" * 40]))),
    ids=lambda value: len(value) if isinstance(value, str) else space.name(value),
)
def test_render_of_any_name_is_formatted_and_linted(
    rendered: Rendered, answers: space.Answers, package_name: str
) -> None:
    """Lines are as short and as long as they can be, and sorted by another letter."""
    format_and_lint(rendered({**answers, "package_name": package_name}))


def format_and_lint(service: Path) -> None:
    run(RUFF, "format", "--check", "--no-cache", cwd=service)
    run(RUFF, "check", "--no-cache", cwd=service)


@pytest.mark.parametrize("answers", slow_but(space.presets(), of=space.suites()))
def test_same_answers_make_the_same_bytes(
    rendered: Rendered, source: Path, tmp_path: Path, answers: space.Answers
) -> None:
    again = render(source, tmp_path / "again", answers)
    assert tree(again) == tree(rendered(answers))


@pytest.mark.parametrize("answers", slow_but(space.suites(), of=EVERY))
def test_on_leaves_all_its_traces(rendered: Rendered, answers: space.Answers) -> None:
    service = rendered(answers)
    said = dict(texts(service))
    is_chosen = chosen(answers)
    factory = next(said[name] for name in said if re.fullmatch(r"src/\w+/__init__\.py", name))
    places = {
        "database": [
            "migrations/versions/0001_initial.py" in said,
            "docs/idempotency.md" in said,
            "database.init_app" in factory,
            "tests/test_database.py" in said,
            "docs/migrations.md" in said,
            "docs/limits.md" in said,
            '"flask-limiter' in said["pyproject.toml"],
            "FLASK_SQLALCHEMY_DATABASE_URI" in said[".env.example"],
            "migrate:" in said["compose.yaml"],
            "migrations" in said["Dockerfile"],
            "db upgrade" in said["Makefile"],
            '"sqlalchemy' in said["pyproject.toml"],
        ],
        "sqlite": [
            "docs/sqlite.md" in said,
            "docs/sqlite.md" in said["README.md"],
            'volumes: ["data:/data"]' in said["compose.yaml"],
            "VOLUME /data" in said["Dockerfile"],
        ],
        "server": [
            "docs/replica.md" in said,
            "FLASK_REPLICA_URL" in said[".env.example"],
            "docker compose up --wait database" in said["README.md"],
            "\n    database:\n      condition: service_healthy" in said["compose.yaml"],
        ],
        "postgresql": [
            "docs/postgresql.md" in said,
            "docs/postgresql.md" in said["README.md"],
            "image: postgres:" in said["compose.yaml"],
            '"psycopg[binary]' in said["pyproject.toml"],
        ],
        "mysql": [
            "docs/mysql.md" in said,
            "docs/mysql.md" in said["README.md"],
            "image: mariadb:" in said["compose.yaml"],
            '"pymysql[rsa]' in said["pyproject.toml"],
        ],
        "accounts": [
            "accounts.init_app" in factory,
            "accounts.register_blueprints" in factory,
            "tests/accounts/test_guard.py" in said,
            "docs/accounts.md" in said,
            "docs/threats.md" in said,
            "accounts/" in said["README.md"],
            "FLASK_PUBLIC_URL" in said[".env.example"],
            '"argon2-cffi' in said["pyproject.toml"],
        ],
        "sessions": [
            "tests/accounts/test_sessions.py" in said,
            "docs/sessions.md" in said,
            '"flask-login' in said["pyproject.toml"],
        ],
        "tokens": [
            "tests/accounts/test_tokens.py" in said,
            "docs/tokens.md" in said,
            "FLASK_JWT_SECRET_KEY" in said[".env.example"],
            '"flask-jwt-extended' in said["pyproject.toml"],
        ],
        "workers": [
            "tasks.init_app" in factory,
            "tests/tasks/test_worker.py" in said,
            bool({"docs/jobs.md", "docs/jobs-on-redis.md"} & said.keys()),
            "do work in the background | [docs/jobs" in said["README.md"],
            "\n  worker:" in said["compose.yaml"],
            "\n  scheduler:" in said["compose.yaml"],
            "\nscheduler:" in said["Makefile"],
        ],
        "rows of jobs": [
            "tasks.bp" in factory,
            "tests/tasks/test_run.py" in said,
            "docs/jobs.md" in said,
            "docs/jobs.md" in said["README.md"],
            '"jobs"' in said.get("migrations/versions/0001_initial.py", ""),
        ],
        "jobs on redis": [
            "tests/tasks/test_direct.py" in said,
            "docs/jobs-on-redis.md" in said,
            "docs/jobs-on-redis.md" in said["README.md"],
        ],
        **{
            broker: [
                f"docs/{broker}.md" in said,
                f"docs/{broker}.md" in said["README.md"],
                bool(re.search(rf"^docker .* {broker}\b.*\nmake setup", said["README.md"], re.M)),
                f"FLASK_{broker.upper()}_URL" in said[".env.example"],
                f"\n    image: {broker}:" in said["compose.yaml"],
                f"/{broker}.py" in "".join(said),
            ]
            for broker in ("redis", "rabbitmq")
        },
        "cache": [
            "cache.init_app" in factory,
            "tests/test_cache.py" in said,
            "docs/cache.md" in said,
            "docs/cache.md" in said["README.md"],
            '"flask-caching' in said["pyproject.toml"],
        ],
        "metrics": [
            "metrics.init_app" in factory,
            "tests/test_metrics.py" in said,
            "docs/metrics.md" in said,
            "docs/metrics.md" in said["README.md"],
            "deploy/grafana/requests.json" in said,
            "deploy/prometheus/requests.yaml" in said,
            "FLASK_METRICS_TOKEN" in said[".env.example"],
            "multiprocess" in said["gunicorn.conf.py"],
            '"prometheus-client' in said["pyproject.toml"],
        ],
        "celery": [
            '"celery' in said["pyproject.toml"],
            "celery --app" in said["Makefile"],
        ],
        "rq": [
            '"rq' in said["pyproject.toml"],
            "rq worker" in said["Makefile"],
        ],
        "example": [
            "notes.bp" in factory,
            "seed.init_app" in factory,
            "tests/notes/test_api.py" in said,
            "notes/" in said["README.md"],
        ],
        "github": [
            ".github/workflows/ci.yml" in said,
            "docs/github.md" in said,
            "docs/github.md" in said["README.md"],
        ],
        "gitlab": [
            ".gitlab-ci.yml" in said,
            "docs/gitlab.md" in said,
            "docs/gitlab.md" in said["README.md"],
        ],
    }
    for part, found in places.items():
        assert found == [is_chosen[part]] * len(found), part


# --- Texts that break other templates -----------------------------------------------

HOSTILE = {
    "double quote": 'say "hello"',
    "single quote": "it's",
    "both quotes": 'it\'s "both"',
    "three quotes": '"""',
    "backslash": "back\\slash \\n",
    "backslash at the end": "end\\",
    "hash": "a # comment",
    "toggle": "# @if x",
    "end of a toggle": "# @endif",
    "placeholder": "{{ 7 * 7 }}",
    "statement": "{% raw %}",
    "jinja comment": "{# no #}",
    "percent": "100 %(name)s %s",
    "dollar": "$HOME ${PATH} $(id) `id`",
    "html": "<script>alert(1)</script>",
    "yaml": "a: b, - c, [d], {e: f}, !f, &g, *h",
    "yaml value": "yes",
    "number": "0x1F",
    "date": "2026-11-20",
    "toml": "[table] = 'x'",
    "emoji": "🎈 balloon",
    "right to left": "\u202e\u05e9\u05dc\u05d5\u05dd",
    "combining": "e\u0301\u200d",
    "spaces around": "  two  ",
    "angle": "a <b@c> d, e; f",
    "markdown": "*a* _b_ [c](d) | e",
    "null": "null",
    "tilde": "~",
}


def read_back(service: Path, package: str) -> dict[str, Any]:
    """Return what the produced files say that the texts are."""
    for name, text in texts(service):
        parse(name, text)
    about = ast.parse((service / "src" / package / "about.py").read_text(encoding="utf-8"))
    constants = {
        ast.unparse(node.targets[0]): ast.literal_eval(node.value)
        for node in about.body
        if isinstance(node, ast.Assign)
    }
    project = tomllib.loads((service / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (service / "README.md").read_text(encoding="utf-8")
    license_ = (service / "LICENSE").read_text(encoding="utf-8")
    answers = yaml.safe_load((service / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert constants["DESCRIPTION"] == project["description"] == answers["description"]
    assert readme.startswith(f"# {constants['NAME']}\n\n{project['description']}\n")
    assert f"Copyright (c) {project['authors'][0]['name']}" in license_
    return {**answers, "holder": project["authors"][0]["name"], "name": constants["NAME"]}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_reads_back(
    source: Path, tmp_path: Path, text: str, prove: Callable[[str], None]
) -> None:
    answers = {"project_name": text, "description": text, "user_name": text}
    answers["package_name"] = "hostile"
    service = render(source, tmp_path / "service", answers)
    said = read_back(service, "hostile")
    assert [said[key] for key in answers] == list(answers.values())
    assert (said["name"], said["holder"]) == (text, text.strip())
    run(RUFF, "format", "--check", "--no-cache", cwd=service)
    run(RUFF, "check", "--no-cache", cwd=service)
    prove("hostile texts in each free answer that read back as typed")


def allowed() -> st.SearchStrategy[str]:
    refused = re.compile(space.FORM["unprintable"]["default"])
    return st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60).filter(
        lambda text: text.strip() and not refused.search(text)
    )


@pytest.mark.slow
@given(text=allowed())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(text="\ufeffbom")
@example(text="\u00a0\u3000x")
def test_any_text_reads_back(
    source: Path, tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    answers = {"project_name": text, "description": text, "package_name": "any"}
    said = read_back(render(source, tmp_path_factory.mktemp("any") / "s", answers), "any")
    assert (said["project_name"], said["description"]) == (text, text)


@pytest.mark.parametrize("license_", space.CHOICES["license"])
def test_owner_is_the_author(rendered: Rendered, license_: str) -> None:
    service = rendered(
        {"license": license_, "user_name": "Ada L.", "user_email": "ada@example.com"}
    )
    project = tomllib.loads((service / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["authors"] == [{"name": "Ada L.", "email": "ada@example.com"}]
    text = (service / "LICENSE").read_text(encoding="utf-8")
    first = {"mit": "MIT License", "apache-2.0": "Apache License", "bsd-3-clause": "BSD 3-Clause"}
    assert first.get(license_, "All rights reserved") in text[:200]
    assert not re.search(r"\b20\d\d Ada", text)


# --- Elegance (spec/6) ---------------------------------------------------------------


def functions(tree_: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree_) if isinstance(node, ast.FunctionDef))


def length(node: ast.FunctionDef) -> int:
    """Return the lines of a function's body, without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("answers", slow_but(space.suites(), of=EVERY))
def test_files_and_functions_are_short(
    rendered: Rendered, answers: space.Answers, prove: Callable[[str], None]
) -> None:
    service = rendered(answers)
    lines = [len(path.read_text().splitlines()) for path in sources(service)]
    bodies = [
        length(f) for path in sources(service) for f in functions(ast.parse(path.read_text()))
    ]
    assert median(lines) <= 80
    assert max(lines) <= 250
    assert median(bodies) <= 8
    assert len((service / "README.md").read_text().splitlines()) <= 60
    prove("variants within the budgets of elegance")


@pytest.mark.parametrize("answers", slow_but(space.suites(), of=EVERY))
def test_factory_reads_like_a_table_of_contents(rendered: Rendered, answers: space.Answers) -> None:
    (path,) = rendered(answers).glob("src/*/__init__.py")
    (factory,) = functions(ast.parse(path.read_text()))
    assert (factory.end_lineno or 0) - factory.lineno + 1 <= 40
    assert length(factory) <= 40
    assert not any(isinstance(node, ast.If | ast.Lambda) for node in ast.walk(factory))
    titles = re.findall(r"^    # [A-Z]", path.read_text(), re.M)
    assert 5 <= len(titles) <= 7
