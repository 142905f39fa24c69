"""What every test of the template shares, and the summary of what was proven."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import brokers
import daemons
import databases
import helpers
import jinja2
import pytest
import space
from server import Server, Service


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-services",
        action="store_true",
        help="fail where a tool, Python or server is missing, instead of skipping",
    )
    parser.addoption(
        "--every-suite",
        action="store_true",
        help="run the suite of each variant, not only those in which each two choices meet",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--every-suite"):
        rest = [item for item in items if item.get_closest_marker("rest")]
        config.hook.pytest_deselected(items=rest)
        items[:] = [item for item in items if item not in rest]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the servers that the machine could have and has not: one for all workers."""
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    ours = ExitStack()
    session.config.add_cleanup(ours.close)
    variables = {kind: this.variable for kind, this in databases.KINDS.items()}
    variables |= {kind: variable for kind, (variable, _) in brokers.KINDS.items()}
    for kind, variable in variables.items():
        known = databases if kind in databases.KINDS else brokers
        if not known.server(kind) and not daemons.lacking(kind):
            daemon = ours.enter_context(daemons.server(kind).for_a_while())
            os.environ[variable] = daemon.url.render_as_string()
            known.server.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def _types_are_read_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Share what mypy knows of libraries between the services that it checks."""
    os.environ["MYPY_CACHE_DIR"] = str(tmp_path_factory.mktemp("mypy"))


@pytest.fixture(scope="session", autouse=True)
def _templates_are_compiled_once() -> Iterator[None]:
    """Share what Jinja compiles: copier asks for the same again with each file it writes."""
    compiled: dict[object, Any] = {}
    plain = jinja2.Environment.compile

    def compile_once(self: jinja2.Environment, source: Any, *more: Any, **options: Any) -> Any:
        ways = type(self), self.block_start_string, self.block_end_string, self.undefined
        key = (source, ways, more, tuple(options.items()))
        if key not in compiled:
            compiled[key] = plain(self, source, *more, **options)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jinja2.Environment, "compile", compile_once)
        yield


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that makes a folder once for all processes of a session."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder(name: str, fill: Callable[[Path], object]) -> Path:
        place = shared / name
        done = place / ".done"
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir()
                fill(place / "service")
                done.touch()
        return place / "service"

    return folder


@pytest.fixture(scope="session")
def source(once: Callable[..., Path]) -> Path:
    """Return a plain copy of the template as it stands in the work tree."""
    return once("source", helpers.snapshot)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """Return a repository of the template with the one version v1.0.0."""
    repository = helpers.snapshot(tmp_path / "template")
    helpers.commit(repository, "First", tag="v1.0.0")
    return repository


@pytest.fixture(scope="session")
def rendered(source: Path, once: Callable[..., Path]) -> Callable[[Mapping[str, Any]], Path]:
    """Return a function that renders answers once a session; read its folder only."""

    def render(answers: Mapping[str, Any]) -> Path:
        key = hashlib.sha256(repr(sorted(answers.items())).encode()).hexdigest()
        return once(f"rendered/{key}", lambda folder: helpers.render(source, folder, answers))

    return render


@pytest.fixture(scope="session")
def database_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], str]]:
    """Return a function that makes a database of a kind, gone in the end with all beside it."""
    made: list[tuple[str, databases.URL]] = []

    def new(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('database')}/service.db"
        server = databases.server(kind)
        if server is None:
            this = databases.KINDS[kind]
            missing(request, f"no {this.name} on its local port, nor named by {this.variable}")
        made.append((kind, databases.create(server)))
        return made[-1][1].render_as_string(hide_password=False)

    yield new
    for kind, url in made:
        databases.drop(kind, url)


@pytest.fixture(scope="session")
def suite(
    request: pytest.FixtureRequest, database_url: Callable[[str], str]
) -> Callable[[Mapping[str, Any]], dict[str, str]]:
    """Return a function that says what the own suite of a service needs in its environment."""

    def variables(answers: Mapping[str, Any]) -> dict[str, str]:
        kind, needed = answers["database"], {}
        if kind in databases.KINDS:
            needed["TEST_DATABASE_URL"] = database_url(kind)
        for broker in space.servers(answers):
            variable, local = brokers.KINDS[broker]
            url = brokers.server(broker)
            needed[variable] = url or missing(request, f"no {variable}, and nothing at {local}")
        return needed

    return variables


@pytest.fixture(scope="session")
def installed(
    rendered: Callable[[Mapping[str, Any]], Path], once: Callable[..., Path]
) -> Callable[[Mapping[str, Any]], Path]:
    """Return a function that installs a service, once for each kind."""

    def install(answers: Mapping[str, Any]) -> Path:
        def fill(folder: Path) -> None:
            shutil.copytree(rendered(answers), folder)
            helpers.run(helpers.UV, "sync", "--no-dev", "--compile-bytecode", cwd=folder)

        return once(f"installed/{space.name(answers)}", fill)

    return install


@pytest.fixture
def make(
    installed: Callable[[Mapping[str, Any]], Path],
    database_url: Callable[[str], str],
    tmp_path: Path,
) -> Callable[..., Service]:
    """Return a function that makes a service of its own, with its schema if it has one."""

    def service(
        answers: Mapping[str, Any] | None = None, *, migrated: bool = True, url: str | None = None
    ) -> Service:
        chosen = answers or space.examples()[0]
        if chosen["database"] in databases.KINDS:
            url = url or database_url(chosen["database"])
        made = Service(installed(chosen), tmp_path / "service", url)
        if migrated and chosen["database"] != "none":
            made.flask("db", "upgrade")
        return made

    return service


@pytest.fixture
def start_daemon(request: pytest.FixtureRequest) -> Iterator[Callable[[str], daemons.Daemon]]:
    """Return a function that starts a database server or a broker of the test's own."""
    with ExitStack() as started:

        def daemon(kind: str) -> daemons.Daemon:
            if lacking := daemons.lacking(kind):
                missing(request, f"{lacking} cannot be found")
            return started.enter_context(daemons.server(kind).for_a_while())

        yield daemon


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    """Return a function that starts a service; all are stopped in the end."""
    servers: list[Server] = []

    def server(service: Service, **variables: str) -> Server:
        servers.append(Server(service, **variables))
        return servers[-1]

    yield server
    for each in servers:
        each.stop()


@pytest.fixture
def prove(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Return a function that adds to the summary of what was proven, and how many times."""
    return lambda what, times=1: record_property("proven", [what, times])


def slow_but(quick: list[space.Answers], *, of: list[space.Answers]) -> list[Any]:
    """Return answers as parameters, all of them marked as slow but those of the quick tier."""
    return [
        pytest.param(a, id=space.name(a), marks=() if a in quick else pytest.mark.slow) for a in of
    ]


def missing(request: pytest.FixtureRequest, reason: str) -> NoReturn:
    """Skip, or fail when services are required."""
    if request.config.getoption("--require-services"):
        pytest.fail(f"--require-services: {reason}", pytrace=False)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what was proven, so that a green run cannot be an empty one."""
    passed = terminalreporter.stats.get("passed", [])
    proven: Counter[str] = Counter()
    for report in passed:
        for key, value in report.user_properties:
            if key == "proven":
                proven[value[0]] += value[1]
    terminalreporter.section("proven")
    for what, times in sorted(proven.items()):
        terminalreporter.line(f"{times:5} {what}")
    terminalreporter.line(f"{len(passed):5} tests passed")
