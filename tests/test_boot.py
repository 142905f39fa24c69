"""Services under a real gunicorn: what they answer, log, refuse and finish."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import fuzz
import pytest
import space
from helpers import environment, run
from server import HOST, PRODUCTION, SECRET_KEY, Answer, Server, Service, until

pytestmark = pytest.mark.slow

NOTES = "/api/v1/notes"
ABOUT = "/api/v1/about"
NOBODY = f"{NOTES}/00000000-0000-4000-8000-000000000000"
TO_HOST = f"Host: {HOST}\r\n".encode()
AS_JSON = b"Content-Type: application/json\r\n"
Make = Callable[..., Service]
Start = Callable[..., Server]
Prove = Callable[..., None]


@pytest.fixture(scope="module")
def running(
    installed: Callable[[space.Answers], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return a server of the first example, for tests that leave nothing behind."""
    folder = tmp_path_factory.mktemp("running") / "service"
    with Server.of(installed(space.examples()[0]), folder) as server:
        yield server
    server.lines()


def problem(answer: Answer, status: int) -> dict[str, Any]:
    """Return the body of an error in the one shape."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    body: dict[str, Any] = answer.json
    named = {"type", "title", "status", "detail", "instance", "code", "request_id"}
    assert named <= body.keys() <= named | {"errors"}
    assert (body["type"], body["status"]) == ("about:blank", status)
    assert min(len(body["title"]), len(body["detail"])) > 5
    assert re.fullmatch(r"[a-z-]+", body["code"])
    assert body["request_id"] == answer.request_id
    assert body["instance"] == f"urn:request:{answer.request_id}"
    return body


# --- Probes, and what every kind of service answers


@pytest.mark.parametrize(
    "answers",
    space.lives() + space.floors(),
    ids=space.name,
)
def test_service_boots_answers_and_stops(
    make: Make, start: Start, answers: space.Answers, prove: Prove
) -> None:
    server = start(make(answers))
    for host in (HOST, "10.0.0.7:8000", "evil.example", "a b"):
        assert server.ask("GET", "/livez", Host=host).json == {"status": "alive"}
        assert server.ask("GET", "/readyz", Host=host).json["status"] == "ready"
    assert server.ask("GET", ABOUT).json["name"] == "My Service"
    problem(server.ask("GET", "/api/v1/nowhere"), 404)
    problem(server.ask("GET", "/"), 404)
    problem(server.ask("GET", ABOUT, Host="evil.example"), 400)
    problem(server.ask("GET", "/api/openapi.json"), 404)
    refused = server.ask("POST", ABOUT)
    assert problem(refused, 405)["code"] == "method-not-allowed"
    assert set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert server.stop() == 0
    assert [line["status"] for line in server.requests()] == [200, 404, 404, 400, 404, 405]
    said = [line["event"] for line in server.lines()]
    for event in ("Starting gunicorn", "Booting worker", "Handling signal: term", "Shutting down"):
        assert any(event in text for text in said)
    assert not server.errors()
    prove("kinds of service booted by gunicorn, probed and stopped")


@pytest.mark.parametrize(
    "answers",
    [v for v in space.suites() if v["database"] != "none" and "none" in (v["auth"], v["workers"])],
    ids=space.name,
)
def test_service_is_not_ready_behind_its_migrations(
    make: Make, start: Start, answers: space.Answers, prove: Prove
) -> None:
    service = make(answers, migrated=False)
    if "example" not in answers["features"]:
        service.flask("db", "revision", "--message", "first")
    server = start(service)
    answer = server.ask("GET", "/readyz", Host="10.0.0.7")
    others = {"queue": "ok"} if answers["workers"] != "none" else {}
    failed = {"status": "failed", "checks": {"database": "failed", **others}}
    assert (answer.status, answer.json) == (503, failed)
    assert server.ask("GET", "/livez").status == 200
    assert any("run `flask db upgrade`" in line.get("exception", "") for line in server.errors())
    service.flask("db", "upgrade")
    until(lambda: server.ask("GET", "/readyz").status == 200, "ready")
    prove("kinds of database that are not ready before their migrations")


# --- Errors

WRONG_REQUESTS: dict[str, tuple[int, str, str, bytes | None, dict[str, str]]] = {
    "unclosed json": (400, "POST", NOTES, b"{", {}),
    "no json": (400, "POST", NOTES, b"", {}),
    "deep nesting": (400, "POST", NOTES, b"[" * 100_000, {}),
    "deep objects": (400, "POST", NOTES, b'{"title":' * 9000 + b"1" + b"}" * 9000, {}),
    "NaN": (400, "POST", NOTES, b'{"title": NaN}', {}),
    "Infinity": (400, "POST", NOTES, b'{"title": -Infinity}', {}),
    "lone surrogate": (400, "POST", NOTES, b'{"title": "\\ud800"}', {}),
    "no UTF-8": (400, "POST", NOTES, b'{"title": "\xff"}', {}),
    "refused host": (400, "POST", NOTES, b"{}", {"Host": "evil.example"}),
    "unknown note": (404, "GET", NOBODY, None, {}),
    "no note id": (404, "GET", f"{NOTES}/1", None, {}),
    "stale If-Match": (412, "PATCH", "{note}", b"{}", {"if_match": '"0"'}),
    "weak If-Match": (412, "PATCH", "{note}", b"{}", {"if_match": 'W/"1"'}),
    "no If-Match": (428, "PATCH", "{note}", b"{}", {}),
    "stale delete": (412, "DELETE", "{note}", None, {"if_match": '"0"'}),
    "form": (415, "POST", NOTES, b"a=b", {"content_type": "application/x-www-form-urlencoded"}),
    "text": (415, "PATCH", "{note}", b"{}", {"content_type": "text/plain"}),
    "unknown field": (422, "POST", NOTES, b'{"title": "a", "owner": "b"}', {}),
    "list": (422, "POST", NOTES, b"[]", {}),
    "control character": (422, "POST", NOTES, b'{"title": "a\\u0000"}', {}),
    "unknown parameter": (422, "GET", f"{NOTES}?owner=b", None, {}),
    "foreign cursor": (422, "GET", f"{NOTES}?cursor=%ff%00&limit={'9' * 30}", None, {}),
}


@pytest.mark.parametrize("name", WRONG_REQUESTS)
def test_wrong_request_has_its_problem(running: Server, name: str, prove: Prove) -> None:
    status, method, path, body, headers = WRONG_REQUESTS[name]
    if "{note}" in path:
        path = running.send("POST", NOTES, {"title": name}).headers["Location"]
    given = {"content_type": "application/json", **headers}
    errors = len(running.errors())
    said = problem(running.ask(method, path, body, **given), status)
    assert ("errors" in said) == (status == 422)
    assert len(running.errors()) == errors
    prove("wrong requests that were answered by their problem")


@pytest.mark.parametrize(
    ("path", "allowed"), [(NOTES, "GET HEAD OPTIONS POST"), (NOBODY, "DELETE GET HEAD PATCH")]
)
def test_refused_method_names_allowed_ones(running: Server, path: str, allowed: str) -> None:
    answer = running.ask("PUT", path, b"{}", content_type="application/json")
    problem(answer, 405)
    assert set(allowed.split()) <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("size", ["declared", "chunked"])
def test_large_body_is_refused(running: Server, method: str, size: str, prove: Prove) -> None:
    path = NOTES if method == "POST" else NOBODY
    head = f"{method} {path} HTTP/1.1\r\n".encode() + TO_HOST + AS_JSON
    large = 1_048_577
    declared = b"Content-Length: %d\r\n\r\n" % large
    chunked = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % large + b" " * large + b"\r\n0\r\n\r\n"
    answer = running.raw(head, declared if size == "declared" else chunked)
    assert answer
    problem(answer, 413)
    assert running.ask("GET", ABOUT).status == 200
    prove("large bodies refused")


GET = b"GET /api/v1/about HTTP/1.1\r\n"
POST = b"POST /api/v1/notes HTTP/1.1\r\n" + TO_HOST + AS_JSON
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
MALFORMED = {
    "secret in a line without a version": b"GET /x?token=hunter2\r\n\r\n",
    "secret in a header without a colon": b"GET / HTTP/1.1\r\n" + TO_HOST + b"Auth hunter2\r\n\r\n",
    "nothing": b"\r\n\r\n",
    "no request line": b"GARBAGE\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    "unknown version": b"GET / HTTP/9.9\r\n" + TO_HOST + b"\r\n",
    "long line": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + TO_HOST + b"\r\n",
    "no ASCII in the path": b"GET /\xff\xfe HTTP/1.1\r\n" + TO_HOST + b"\r\n",
    "no UTF-8 in the path": b"GET /api/%ff%00%0d%0a?%ff=%00 HTTP/1.1\r\n" + TO_HOST + b"\r\n",
    "NUL in the method": b"G\x00T / HTTP/1.1\r\n" + TO_HOST + b"\r\n",
    "unknown method": b"BREW /api/v1/notes HTTP/1.1\r\n" + TO_HOST + b"\r\n",
    "star": b"OPTIONS * HTTP/1.1\r\n" + TO_HOST + b"\r\n",
    "authority": b"CONNECT evil.example:1 HTTP/1.1\r\n" + TO_HOST + b"\r\n",
    "foreign URL": b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "huge header": GET + TO_HOST + b"X-A: " + b"a" * 20_000 + b"\r\n\r\n",
    "many headers": GET + TO_HOST + b"X-A: a\r\n" * 200 + b"\r\n",
    "header without name": GET + TO_HOST + b": a\r\n\r\n",
    "NUL in a header": GET + TO_HOST + b"X-A: a\x00b\r\n\r\n",
    "no host": GET + b"\r\n",
    "two hosts": GET + TO_HOST + TO_HOST + b"\r\n",
    "space in the host": GET + b"Host: a b\r\n\r\n",
    "no ASCII in the host": GET + b"Host: \xff\xfe\r\n\r\n",
    "half an address": GET + b"Host: x@[::1\r\n\r\n",
    "port without end": GET + b"Host: api.example.com:999999999\r\n\r\n",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "short body": POST + b"Content-Length: 100\r\n\r\n{}",
    "short chunk": CHUNKED + b"50\r\n{}",
    "chunk size of letters": CHUNKED + b"zz\r\n{}\r\n",
    "chunk without end": CHUNKED + b"2\r\n{}XX",
    "unknown charset": POST[:-2] + b"; charset=utf-99\r\nContent-Length: 2\r\n\r\n{}",
    "broken If-Match": b"PATCH " + POST[5:] + b'If-Match: "\xff\r\nContent-Length: 2\r\n\r\n{}',
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_request_is_no_crash(running: Server, name: str, prove: Prove) -> None:
    lines = len(running.lines())
    answer = running.raw(MALFORMED[name])
    assert answer is None or 400 <= answer.status < 500
    assert running.ask("GET", ABOUT).status == 200
    said = running.lines()[lines:]
    assert not [line for line in said if line["level"] == "error" or "exception" in line]
    assert "hunter2" not in str(said)
    prove("malformed requests survived")


def test_crash_tells_only_the_log(make: Make, start: Start, prove: Prove) -> None:
    service = make()
    server = start(service)
    with closing(sqlite3.connect(service.database)) as database:
        database.execute("ALTER TABLE notes RENAME TO elsewhere")
    answer = server.ask("GET", NOTES, x_request_id="crash-of-a-list")
    crashed = [answer, server.send("POST", NOTES, {"title": "kept-from-the-log"})]
    for each in crashed:
        problem(each, 500)
        assert not re.search(rb"(?i)sql|notes|table|trace|\.py|kept-from", each.body)
        (error,) = [e for e in server.errors() if e["request_id"] == each.request_id]
        assert "no such table: notes" in error["exception"]
        assert "Traceback" in error["exception"]
        assert [line["status"] for line in server.requests(each.request_id)] == [500]
    assert answer.request_id == "crash-of-a-list"
    with closing(sqlite3.connect(service.database)) as database:
        database.execute("ALTER TABLE elsewhere RENAME TO notes")
    assert server.send("POST", NOTES, {"title": "after it"}).status == 201
    assert [note["title"] for note in server.ask("GET", NOTES).json["items"]] == ["after it"]
    prove("crashes that only the log tells of")


# --- Logs


@pytest.mark.parametrize(
    "given", ["12345678", "A.valid_id-0", "x" * 128, "short", "x" * 129, "a;valid-not", "späteres"]
)
def test_request_id_is_everywhere(running: Server, given: str, prove: Prove) -> None:
    answer = running.ask("GET", NOBODY, x_request_id=given)
    kept = re.fullmatch(r"[A-Za-z0-9._-]{8,128}", given)
    assert (answer.request_id == given) == bool(kept)
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,128}", answer.request_id)
    problem(answer, 404)
    assert len(running.requests(answer.request_id)) == 1
    prove("request ids in header, body and log")


def test_access_line_has_its_fields(running: Server, prove: Prove) -> None:
    path = f"{NOBODY}?password=hunter2"
    answer = running.ask("GET", path, Authorization="Bearer hunter2", Cookie="session=hunter2")
    (line,) = running.requests(answer.request_id)
    age = datetime.now().astimezone() - datetime.fromisoformat(line.pop("timestamp"))
    assert timedelta(seconds=-1) < age < timedelta(seconds=30)
    assert 0 <= line.pop("duration_ms") < 10_000
    assert line == {
        "event": "request",
        "method": "GET",
        "route": f"{NOTES}/<uuid:note_id>",
        "status": 404,
        "client": "127.0.0.1",
        "request_id": answer.request_id,
        "logger": "my_service.logs",
        "level": "info",
    }
    assert "hunter2" not in running.log.read_text(encoding="utf-8")
    prove("access lines with exactly their fields")


def test_each_request_writes_one_line(running: Server, prove: Prove) -> None:
    before = len(running.lines())
    ids = [f"request-{n:03}" for n in range(60)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: running.ask("GET", NOTES, x_request_id=each), ids))
        list(pool.map(lambda path: running.ask("GET", path), ["/livez", "/readyz"] * 20))
    assert sorted(line["request_id"] for line in running.lines()[before:]) == ids
    prove("parallel requests with one line each, and probes with none")


# --- Stopping


def slow_post(server: Server, title: str) -> Any:
    """Send a note; return the connection once a worker has the request in hand."""
    body = json.dumps({"title": title}).encode()
    connection = server.connect()
    length = b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body)
    connection.sendall(POST + length)
    assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(body)
    return connection


def test_sigterm_finishes_what_it_began(make: Make, start: Start, prove: Prove) -> None:
    service = make()
    server = start(service, FLASK_DATABASE_TIMEOUT_SECONDS="20")
    titles = [f"slow {n}" for n in range(4)]
    with closing(sqlite3.connect(service.database, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        connections = [slow_post(server, title) for title in titles]
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.said("Handling signal: term"), "the signal")
        database.execute("ROLLBACK")
        for connection in connections:
            with connection, closing(HTTPResponse(connection)) as response:
                response.begin()
                assert Answer.read(response).status == 201
        assert server.process.wait(timeout=30) == 0
        rows = database.execute("SELECT title FROM notes ORDER BY title").fetchall()
    assert [title for (title,) in rows] == titles
    assert [line["status"] for line in server.requests()] == [201] * 4
    assert not server.errors()
    prove("requests in flight that SIGTERM left alone")


def test_drain_reaches_every_worker(make: Make, start: Start, prove: Prove) -> None:
    service = make()
    server = start(service)
    assert service.flask("drain", FLASK_DRAIN_SECONDS="0") == ""
    for asleep in server.workers():
        os.kill(asleep, signal.SIGSTOP)  # So that the other one answers.
        try:
            answer = server.ask("GET", "/readyz")
            assert (answer.status, answer.json) == (503, {"status": "draining"})
            assert server.ask("GET", "/livez").status == 200
            assert server.send("POST", NOTES, {"title": "while draining"}).status == 201
        finally:
            os.kill(asleep, signal.SIGCONT)
    assert server.stop() == 0
    again = start(service)
    assert again.ask("GET", "/readyz").status == 200
    assert len(again.ask("GET", NOTES).json["items"]) == 2
    prove("workers drained, and ready after a restart")


# --- Refusal to start

# Values of the right form that production cannot run with.
WRONG_VALUES = [
    ("APP_ENV", "staging"),
    ("FLASK_SECRET_KEY", ""),
    ("FLASK_SECRET_KEY", "development-only-key-that-anybody-can-read"),
    ("FLASK_SECRET_KEY", "hunter2"),
    ("FLASK_SECRET_KEY", "hunt" * 10),
    ("FLASK_SECRET_KEY_FILE", "/nowhere/hunter2"),
    ("FLASK_SECRET_KEY_FILE", "/"),
    ("FLASK_SQLALCHEMY_DATABASE_URI", "sqlite://me@host:hunter2/service.db"),
    ("FLASK_TRUSTED_HOSTS", "null"),
    ("FLASK_TRUSTED_HOSTS", "[]"),
    ("FLASK_TRUSTED_HOSTS", '["*"]'),
    ("FLASK_TRUSTED_HOSTS", '["."]'),
    ("FLASK_PROXY_HOPS", "null"),
    ("FLASK_PROXY_HOPS", "many"),
    ("FLASK_PROXY_HOPS", "-1"),
    ("FLASK_PROXY_HOPS", "true"),
    ("FLASK_SESSION_COOKIE_SECURE", "false"),
    ("FLASK_SESSION_COOKIE_HTTPONLY", "0"),
    ("FLASK_SESSION_COOKIE_SAMESITE", "None"),
    ("FLASK_MAX_CONTENT_LENGTH", "null"),
    ("FLASK_MAX_FORM_MEMORY_SIZE", "0"),
    ("FLASK_MAX_FORM_PARTS", "-1"),
    ("FLASK_HSTS_SECONDS", "-1"),
    ("FLASK_DRAIN_SECONDS", "-1"),
    ("FLASK_DATABASE_TIMEOUT_SECONDS", "-1"),
    ("FLASK_LOG_LEVEL", "LOUD"),
    ("FLASK_LOG_FORMAT", "yaml"),
    ("FLASK_DEBUG", "1"),
    ("FLASK_SQLALCHEMY_DATABASE_URI", ""),
    ("FLASK_SQLALCHEMY_DATABASE_URI", "hunter2"),
    ("FLASK_SQLALCHEMY_DATABASE_URI", "sqlite://"),
    ("FLASK_SQLALCHEMY_DATABASE_URI", "sqlite://me:hunter2@host/service.db"),
    ("FLASK_SQLALCHEMY_DATABASE_URI", "sqlite+hunter2:///service.db"),
    ("FLASK_SQLALCHEMY_DATABASE_URI", "postgresql://me:hunter2@host/service"),
]
COMMANDS = {
    "gunicorn": ["gunicorn", "--bind", "127.0.0.1:0", "my_service.wsgi:app"],
    "flask run": ["flask", "--app", "my_service", "run", "--port", "0"],
    "flask check": ["flask", "--app", "my_service", "check"],
}


def refusal(service: Service, command: str, **variables: str | None) -> str:
    """Return what a command printed that did not start; None leaves a variable out."""
    program, *arguments = COMMANDS[command]
    # A file takes the place of the variable: both at once are a fault of their own.
    instead = dict.fromkeys(name.removesuffix("_FILE") for name in variables if "_FILE" in name)
    given = {**PRODUCTION, **instead, **variables}
    started = subprocess.run(
        [service.programs / program, *arguments],
        cwd=service.folder,
        env=environment(**{name: value for name, value in given.items() if value is not None}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    printed = started.stdout + started.stderr
    assert started.returncode not in (0, -signal.SIGTERM), printed
    assert not re.search(rf"Traceback|hunt(er2|hunt)|{SECRET_KEY}|Booting", printed), printed
    return printed


def faults(printed: str) -> list[str]:
    """Return the variables that the message names, one for each of its faults."""
    assert printed.count("The service does not start in production (APP_ENV):\n") == 1, printed
    return re.findall(r"^  - (?:S\d+ )?(\w+) ", printed, flags=re.MULTILINE)


def declared(service: Service) -> list[str]:
    """Return the variables that the service reads."""
    code = "from my_service import config; print(*config.declared())"
    names = run(service.programs / "python", "-c", code, cwd=service.folder).split()
    assert len(names) > 20
    return [f"FLASK_{name}" for name in names]


@pytest.fixture(scope="module")
def refused(
    installed: Callable[[space.Answers], Path], tmp_path_factory: pytest.TempPathFactory
) -> Service:
    """Return a service for starts that fail."""
    return Service(installed(space.examples()[0]), tmp_path_factory.mktemp("refused") / "service")


@pytest.mark.parametrize(("name", "value"), WRONG_VALUES)
def test_wrong_value_is_refused(refused: Service, name: str, value: str, prove: Prove) -> None:
    with ThreadPoolExecutor(3) as pool:
        said = pool.map(lambda command: refusal(refused, command, **{name: value}), COMMANDS)
    for printed in said:
        if name == "APP_ENV":
            assert (
                printed == f"APP_ENV is one of development, testing, production, not {value!r}.\n"
            )
        else:
            assert faults(printed) == [name]
    prove("wrong settings refused by gunicorn, flask run and flask check")


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_form_is_refused(refused: Service, command: str, prove: Prove) -> None:
    names = declared(refused)
    with ThreadPoolExecutor(3) as pool:
        # No type has a value that begins with a quote and does not end with one.
        said = list(pool.map(lambda n: refusal(refused, command, **{n: '"hunter2'}), names))
    for name, printed in zip(names, said, strict=True):
        assert faults(printed) == [name]
        assert f"{name} must be " in printed
        prove("wrong forms of a setting refused")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("way", ["value", "file", "nothing"])
def test_all_faults_are_told_at_once(
    refused: Service, command: str, way: str, prove: Prove
) -> None:
    names = declared(refused)
    if way == "value":
        assert faults(refusal(refused, command, **dict.fromkeys(names, '"hunter2'))) == names
    elif way == "file":
        missing = {f"{name}_FILE": "/nowhere/hunter2" for name in names}
        assert faults(refusal(refused, command, **missing)) == list(missing)
    else:
        unset = dict.fromkeys(name for name in PRODUCTION if name.startswith("FLASK_"))
        said = faults(refusal(refused, command, APP_ENV=None, **unset))
        assert sorted(said) == sorted(unset)
    prove("refusals that tell all faults at once")


# --- The API against its own description, and under load

# What a schema cannot say is no fault of a service: that a well-formed If-Match is not the
# note's (412), and which opaque texts are cursors (422). A missing If-Match is 428 (RFC 6585).
EXPECTED = """
[checks]
missing_required_header.expected-statuses = [400, 415, 422, 428]
positive_data_acceptance.expected-statuses = ["2xx", 404, 412]

[[operations]]
include-name = "GET /api/v1/notes"
checks.positive_data_acceptance.expected-statuses = ["2xx", 422]
"""


@pytest.mark.parametrize(
    "answers",
    [v for v in space.suites() if v["database"] == v["workers"] == "none"] + space.examples(),
    ids=space.name,
)
def test_service_keeps_its_own_description(
    make: Make, start: Start, answers: space.Answers, tmp_path: Path, prove: Prove
) -> None:
    server = start(make(answers), **fuzz.SETTINGS)
    options = ("--checks", "all", "--max-examples", "100")
    # Two requests with one key are one: what the second was sent is not there, or refused.
    operations, cases = fuzz.fuzz(server, tmp_path, EXPECTED, *options, never="Idempotency-Key")
    assert operations == (6 if "example" in answers["features"] else 1)
    assert cases >= (600 if operations == 6 else 1)
    assert server.stop() == 0
    assert not server.errors()
    prove("generated requests that a service answered as it describes", cases)


@pytest.mark.parametrize("answers", space.examples(), ids=space.name)
def test_parallel_creates_are_all_kept(
    make: Make, start: Start, answers: space.Answers, prove: Prove
) -> None:
    server = start(make(answers))
    with ThreadPoolExecutor(8) as pool:
        titles = [f"note {n:03}" for n in range(200)]
        made = list(pool.map(lambda title: server.send("POST", NOTES, {"title": title}), titles))
    assert {answer.status for answer in made} == {201}
    for sort in ("created_at", "-created_at", "title", "-title"):
        path, seen = f"{NOTES}?limit=7&sort={sort}", []
        while path:
            page = server.ask("GET", path)
            seen += [note["title"] for note in page.json["items"]]
            link = re.fullmatch(r'<(.+)>; rel="next"', page.headers.get("Link", ""))
            path = urljoin(path, link[1]) if link else ""
        assert sorted(seen) == titles
        if "title" in sort:
            assert seen == sorted(titles, reverse=sort == "-title")
    assert {line["status"] for line in server.requests()} == {200, 201}
    assert not server.errors()
    prove("200 notes from 8 threads, and each on one page of each order")
