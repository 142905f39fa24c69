"""A real gunicorn with two workers: start it, speak to it, read its log, stop it."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import BadStatusLine, HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import brokers
from helpers import environment, run

HOST = "api.example.com"
SECRET_KEY = "the-key-of-a-test-which-nobody-may-see-7c1f9e"
# What production needs. A warning in the service is an error, as in its own suite; but at
# its exit Python 3.13 would warn of the connections that SQLAlchemy's pool keeps open.
PRODUCTION = {
    "APP_ENV": "production",
    "FLASK_SECRET_KEY": SECRET_KEY,
    "FLASK_TRUSTED_HOSTS": f'["{HOST}"]',
    "FLASK_PROXY_HOPS": "0",
    "FLASK_SQLALCHEMY_DATABASE_URI": "sqlite:///service.db",
    "WEB_CONCURRENCY": "2",
    "PYTHONWARNINGS": "error,ignore::ResourceWarning",
}


# No test of something else is to trip over a limit.
NO_LIMIT = "1000000 per minute"
LIMITS = {"FLASK_RATELIMIT_WRITES": NO_LIMIT}
ACCOUNTS = {
    "FLASK_RATELIMIT_LOGIN": NO_LIMIT,
    "FLASK_RATELIMIT_ACCOUNT": NO_LIMIT,
    "FLASK_RATELIMIT_MAIL": NO_LIMIT,
    "FLASK_PUBLIC_URL": "https://app.example.com",
    "FLASK_MAIL_BACKEND": "file",
    "FLASK_MAIL_DEFAULT_SENDER": "noreply@example.com",
}
TOKENS = {
    "FLASK_RATELIMIT_REFRESH": NO_LIMIT,
    "FLASK_JWT_SECRET_KEY": "the-key-of-tokens-which-nobody-may-see-4e8a02",
}
# What a service needs, by the module that needs it.
OF_MODULES = {
    "limits.py": LIMITS,
    "accounts": ACCOUNTS,
    "accounts/jwt.py": TOKENS,
}


def until(true: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Return the first true answer; AssertionError after the deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := true()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)
    return answer


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def read(cls, response: HTTPResponse) -> Answer:
        return cls(response.status, dict(response.getheaders()), response.read())

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def request_id(self) -> str:
        return self.headers["X-Request-ID"]


class Service:
    """The files of a service in a folder of their own; its programs are shared."""

    def __init__(self, installed: Path, folder: Path, url: str | None = None) -> None:
        shutil.copytree(installed, folder, ignore=shutil.ignore_patterns(".venv"))
        self.folder = folder
        self.programs = installed / ".venv" / "bin"
        self.settings = PRODUCTION | ({"FLASK_SQLALCHEMY_DATABASE_URI": url} if url else {})
        for module, settings in OF_MODULES.items():
            if (folder / "src" / "my_service" / module).exists():
                self.settings |= settings
        self.settings |= brokers.settings(folder)
        self.database = folder / "instance" / "service.db"

    def flask(self, *arguments: str, **variables: str) -> str:
        command = [self.programs / "flask", "--app", "my_service", *arguments]
        return run(*command, cwd=self.folder, **{**self.settings, **variables})


class Server:
    """gunicorn in the folder of a service, on a port that the system chose."""

    def __init__(self, service: Service, **variables: str) -> None:
        self.log = service.folder / "stderr.log"
        command = [service.programs / "gunicorn", "--bind", "127.0.0.1:0", "my_service.wsgi:app"]
        given = environment(**{**service.settings, **variables})
        with self.log.open("wb") as file:
            self.process = subprocess.Popen(
                command, cwd=service.folder, env=given, stdout=file, stderr=file
            )
        try:
            self.port = int(until(lambda: self.said(r"Listening at: http://.*?:(\d+)"), "port")[0])
            expected = int(given["WEB_CONCURRENCY"])
            until(lambda: len(self.workers()) == expected, "all workers")
            until(lambda: self.ask("GET", "/livez").status == 200, "alive")
        except BaseException:
            self.stop()
            raise

    @classmethod
    @contextlib.contextmanager
    def of(cls, program: Path, folder: Path, **variables: str) -> Iterator[Server]:
        """Yield a server of an installed service, with a schema, that stops when it is told to."""
        service = Service(program, folder)
        service.flask("db", "upgrade")
        server = cls(service, **variables)
        yield server
        assert server.stop() == 0

    def said(self, pattern: str) -> list[str]:
        """Return what the pattern finds in the log of a server that runs."""
        text = self.log.read_text(encoding="utf-8")
        assert self.process.poll() is None, text
        return re.findall(pattern, text)

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        return [int(pid) for pid in self.said(r"Booting worker with pid: (\d+)")]

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send a request; the header `if_match` is `If-Match`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, body, {"Host": HOST, **named})
            return Answer.read(connection.getresponse())

    def send(self, method: str, path: str, data: object, **headers: str) -> Answer:
        """Send a request with a body of JSON."""
        body = json.dumps(data).encode()
        return self.ask(method, path, body, content_type="application/json", **headers)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def raw(self, *sent: bytes) -> Answer | None:
        """Send bytes as they are, and nothing more; None for no answer."""
        with self.connect() as connection:
            connection.sendall(b"".join(sent))
            connection.shutdown(socket.SHUT_WR)
            response = HTTPResponse(connection)
            try:
                response.begin()
            except (BadStatusLine, ConnectionError):
                return None
            return Answer.read(response)

    def lines(self) -> list[dict[str, Any]]:
        """Return the log; each line must be one JSON object."""
        read = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]
        assert all(isinstance(line, dict) for line in read)
        return read

    def requests(self, request_id: str | None = None) -> list[dict[str, Any]]:
        """Return the access lines, of all requests or of one."""
        lines = [line for line in self.lines() if line["event"] == "request"]
        return [line for line in lines if request_id in (None, line["request_id"])]

    def errors(self) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["level"] in ("error", "critical")]

    def stop(self) -> int:
        """End it with SIGTERM, by force if need be; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
