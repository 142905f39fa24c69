"""Accounts under a real gunicorn: many at once, a whole story, and nothing of somebody else."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import databases
import fuzz
import pytest
import space
from helpers import environment
from server import Answer, Server, Service, until
from sqlalchemy import NullPool, create_engine, text

pytestmark = pytest.mark.slow

AUTH = "/api/v1/auth"
NOTES = "/api/v1/notes"
JOB = "/api/v1/jobs"
SETTINGS = {
    "FLASK_MAIL_DEFAULT_SENDER": "noreply@example.com",
    "FLASK_RATELIMIT_REFRESH": "1000000 per minute",
}
PASSWORD = "a long walk over four hills"
Make = Callable[..., Service]
Start = Callable[..., Server]
Prove = Callable[..., None]
Headers = dict[str, str]


def answers(auth: str, database: str = "sqlite", workers: str = "none") -> space.Answers:
    known = {"surface": "api", "database": database, "auth": auth, "features": ["example"]}
    return known | ({} if workers == "none" else {"workers": workers})


# --- What somebody does with an account


def mails(service: Service, to: str, subject: str, count: int = 1) -> list[str]:
    """Return the texts of so many mails; a mail is written after its answer."""
    found: dict[Path, tuple[str, str, str]] = {}

    def texts() -> list[str]:
        for path in set((service.folder / "instance" / "mails").glob("*.eml")) - found.keys():
            read = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            body = read.get_body(("plain",))
            assert body
            found[path] = (read["To"], read["Subject"], body.get_content())
        return [
            body for whom, what, body in found.values() if (whom, subject in what) == (to, True)
        ]

    until(lambda: len(texts()) >= count, f"{count} mails: {subject}")
    return texts()


def mailed_tokens(service: Service, to: str, subject: str, count: int = 1) -> list[str]:
    """Return the tokens that so many mails bring, in links to where the settings say."""
    link = re.escape(service.settings["FLASK_PUBLIC_URL"]) + r"/\w+#(\S+)"
    return [
        token for body in mails(service, to, subject, count) for token in re.findall(link, body)
    ]


def register(server: Server, service: Service, who: str) -> None:
    """Make an account, as its owner does: by the mail."""
    assert server.send("POST", f"{AUTH}/register", {"email": who}).status == 202
    (token,) = mailed_tokens(service, who, "Confirm your address")
    confirmed = {"token": token, "password": PASSWORD}
    assert server.send("POST", f"{AUTH}/confirm", confirmed).status == 204
    assert server.send("POST", f"{AUTH}/confirm", confirmed).status == 400


def tokens_of(server: Server, who: str, password: str = PASSWORD, **headers: str) -> dict[str, Any]:
    """Log in with tokens; return them."""
    login = {"email": who, "password": password}
    answer = server.send("POST", f"{AUTH}/token", login, **headers)
    assert (answer.status, answer.json["token_type"]) == (200, "Bearer")
    tokens: dict[str, Any] = answer.json
    return tokens


def bearer(token: str) -> Headers:
    return {"authorization": f"Bearer {token}"}


def by_token(server: Server, who: str, **headers: str) -> Headers:
    """Log in; return what the client sends from then on."""
    return bearer(tokens_of(server, who, **headers)["access_token"])


def by_cookie(server: Server, who: str, **headers: str) -> Headers:
    """Log in; return what the client sends from then on. No client takes this cookie over http."""
    login = {"email": who, "password": PASSWORD}
    answer = server.send("POST", f"{AUTH}/session", login, **headers)
    assert answer.status == 204
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert cookie.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(attributes)
    told = server.ask("GET", f"{AUTH}/csrf", cookie=cookie)
    cookie = told.headers.get("Set-Cookie", cookie).partition(";")[0]
    return {"cookie": cookie, "x_csrf_token": told.json["csrf_token"]}


LOGINS: dict[str, Callable[..., Headers]] = {"token": by_token, "cookie": by_cookie}


def at_once(times: int, call: Callable[[int], Answer]) -> list[Answer]:
    """Make so many calls, of which none begins before all are there to begin."""
    barrier = Barrier(times)

    def one(n: int) -> Answer:
        barrier.wait(30)
        return call(n)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


@contextmanager
def meeting_at(table: str, service: Service) -> Iterator[None]:
    """Hold the rows of a table until some requests wait for them, so that they go on together.

    SQLite has but one writer at a time, so there nothing is held.
    """
    url = databases.make_url(service.settings["FLASK_SQLALCHEMY_DATABASE_URI"])
    kind = url.get_backend_name()
    if kind == "sqlite":
        yield
        return
    with create_engine(url, poolclass=NullPool).begin() as holder:
        holder.execute(text(f"SELECT id FROM {table} FOR UPDATE"))
        yield
        with databases.connect(url) as watcher:
            waiting = text(WAITING[kind])
            until(lambda: watcher.execute(waiting).scalar_one() >= 4, "four that wait", 15)


def statuses(given: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in given)


# --- Many at once

# How many requests wait for a lock.
WAITING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'",
    # innodb_trx would say so, but not to somebody who keeps asking: it is cached.
    "mysql": "SELECT count(*) FROM information_schema.processlist"
    " WHERE db = DATABASE() AND command = 'Query' AND id <> CONNECTION_ID()",
}


@pytest.fixture(params=["sqlite", *databases.KINDS])
def busy(
    request: pytest.FixtureRequest, make: Make, start: Start, database_url: Callable[[str], str]
) -> tuple[Service, Server]:
    """Return a service with all accounts, once on each database, and its server."""
    chosen = answers("both", request.param)
    service = make(chosen, url=database_url(request.param))
    return service, start(service, **SETTINGS, FLASK_DATABASE_TIMEOUT_SECONDS="20")


def test_of_many_registrations_one_is_an_account(
    busy: tuple[Service, Server], prove: Prove
) -> None:
    service, server = busy
    who, times = "crowd@example.com", 200
    asked = at_once(times, lambda _: server.send("POST", f"{AUTH}/register", {"email": who}))
    assert statuses(asked) == {202: times}
    tokens = mailed_tokens(service, who, "Confirm your address", times)
    assert len(set(tokens)) == times

    def confirm(n: int) -> Answer:
        return server.send(
            "POST", f"{AUTH}/confirm", {"token": tokens[n], "password": f"{PASSWORD} {n}"}
        )

    used = at_once(times, confirm)
    assert statuses(used) == {204: 1, 400: times - 1}
    with databases.connect(service.settings["FLASK_SQLALCHEMY_DATABASE_URI"]) as connection:
        keys = connection.execute(text("SELECT email_key FROM users")).scalars().all()
        left = connection.execute(text("SELECT count(*) FROM mailed_tokens")).scalar_one()
    assert (keys, left) == ([who], 0)
    winner = [answer.status for answer in used].index(204)
    assert tokens_of(server, who, f"{PASSWORD} {winner}")
    assert not server.errors()
    prove("registrations and confirmations of one address at once, of which one counts", times)


def test_of_many_refreshes_one_has_the_next_tokens(
    busy: tuple[Service, Server], prove: Prove
) -> None:
    service, server = busy
    register(server, service, "ann@example.com")
    first = tokens_of(server, "ann@example.com")
    headers, path, times = bearer(first["refresh_token"]), f"{AUTH}/token/refresh", 50
    for _ in range(2):
        given = at_once(times, lambda _, sent=headers: server.ask("POST", path, **sent))
        assert statuses(given) == {200: 1, 409: times - 1}
        assert {a.json["code"] for a in given if a.status == 409} == {"refresh-superseded"}
        (tokens,) = (answer.json for answer in given if answer.status == 200)
        assert server.ask("GET", NOTES, **bearer(tokens["access_token"])).status == 200
        headers = bearer(tokens["refresh_token"])
    assert server.ask("POST", path, **headers).status == 200
    # The first one is two turns old: somebody has a copy.
    assert server.ask("POST", path, **bearer(first["refresh_token"])).status == 401
    assert server.ask("GET", NOTES, **bearer(tokens["access_token"])).status == 401
    assert not server.errors()
    prove("refreshes of one token at once, of which one counts", 2 * times)


def test_of_many_resets_one_sets_the_password(busy: tuple[Service, Server], prove: Prove) -> None:
    service, server = busy
    who, times = "bob@example.com", 50
    register(server, service, who)
    before = by_token(server, who)
    assert server.send("POST", f"{AUTH}/password/forgot", {"email": who}).status == 202
    (token,) = mailed_tokens(service, who, "Reset your password")

    def reset(n: int) -> Answer:
        body = {"token": token, "password": f"{PASSWORD} {n}"}
        return server.send("POST", f"{AUTH}/password/reset", body)

    with ThreadPoolExecutor(1) as pool:
        with meeting_at("mailed_tokens", service):
            asked = pool.submit(at_once, times, reset)
        used = asked.result()
    assert statuses(used) == {204: 1, 400: times - 1}
    winner = [answer.status for answer in used].index(204)
    assert tokens_of(server, who, f"{PASSWORD} {winner}")
    for wrong in (PASSWORD, f"{PASSWORD} {(winner + 1) % times}"):
        login = {"email": who, "password": wrong}
        assert server.send("POST", f"{AUTH}/token", login).status == 401
    assert server.ask("GET", NOTES, **before).status == 401
    assert len(mails(service, who, "Your password was changed")) == 1
    assert not server.errors()
    prove("uses of one reset token at once, of which one counts", times)


def test_logins_at_once_wait_for_none_of_each_other(
    busy: tuple[Service, Server], start: Start, prove: Prove
) -> None:
    """From many networks, right and wrong: each counts for its network and for the account."""
    service, server = busy
    register(server, service, "dot@example.com")
    behind_a_proxy = start(
        service, **SETTINGS, FLASK_PROXY_HOPS="1", FLASK_DATABASE_TIMEOUT_SECONDS="20"
    )

    def log_in(n: int) -> Answer:
        body = {"email": "dot@example.com", "password": f"{PASSWORD}{'!' * (n % 2)}"}
        network = f"192.0.2.{n // 4}"
        return behind_a_proxy.send("POST", f"{AUTH}/token", body, x_forwarded_for=network)

    assert statuses(at_once(40, log_in)) == {200: 20, 401: 20}
    assert not behind_a_proxy.errors()
    prove("logins of one account at once, each answered as if it were alone", 40)


def test_lock_holds_in_every_worker(busy: tuple[Service, Server], prove: Prove) -> None:
    """What one worker has counted, the other knows; and of eight at once none slips through."""
    service, server = busy
    register(server, service, "may@example.com")

    def guess(who: str, password: str = "a guess") -> Answer:
        return server.send("POST", f"{AUTH}/token", {"email": who, "password": password})

    given = []
    for worker in server.workers():
        with stopped(worker):
            given += [guess("may@example.com") for _ in range(4)]
    assert [answer.status for answer in given] == [401] * 6 + [429] * 2
    assert guess("may@example.com", PASSWORD).json["code"] == "locked"
    assert 0 < int(given[-1].headers["Retry-After"]) <= 30
    assert statuses(at_once(8, lambda _: guess("joe@example.com"))) == {401: 6, 429: 2}
    assert not server.errors()
    prove("wrong logins, of which both workers refused those after the sixth", 16)


def test_of_many_requests_with_one_key_one_counts(
    busy: tuple[Service, Server], prove: Prove
) -> None:
    """For each body that came first: the others hear that it counted, or that it is at work."""
    service, server = busy
    people = ("kim@example.com", "lee@example.com")
    for who in people:
        register(server, service, who)
    owners, times = [by_token(server, who) for who in people], 30

    def send(n: int) -> Answer:
        body = {"title": f"body {n % 3 % 2}"}
        return server.send("POST", NOTES, body, **owners[n % 2], idempotency_key="one-for-all")

    given = at_once(times, send)
    for each, owner in enumerate(owners):
        (note,) = server.ask("GET", NOTES, **owner).json["items"]
        for n in range(each, times, 2):
            again = send(n)
            if note["title"] != f"body {n % 3 % 2}":
                told = {(a.status, a.json["code"]) for a in (given[n], again)}
                assert told == {(422, "key-reused")}
                continue
            assert (again.status, again.json) == (201, note)
            assert again.headers["Idempotent-Replayed"] == "true"
            if given[n].status == 409:
                assert given[n].json["code"] == "in-progress"
            else:
                assert (given[n].status, given[n].body) == (201, again.body)
    assert statuses(given).keys() <= {201, 409, 422}
    assert not server.errors()
    prove("requests with one key at once, of which one counts for each caller", times)


@contextmanager
def stopped(worker: int) -> Iterator[None]:
    """Let the other worker answer alone."""
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


# --- A story

WAYS = [("session", "cookie"), ("jwt", "token"), ("both", "cookie"), ("both", "token")]


@pytest.mark.parametrize(("auth", "way"), WAYS)
def test_story_of_an_account(make: Make, start: Start, auth: str, way: str, prove: Prove) -> None:
    service = make(answers(auth))
    server = start(service, **SETTINGS)
    who = "Eve.Example@example.com"
    assert server.ask("GET", NOTES).status == 401
    register(server, service, who)
    headers = LOGINS[way](server, who.lower())
    assert server.ask("GET", f"{AUTH}/me", **headers).json["email"] == who
    made = server.send("POST", NOTES, {"title": "Mine"}, **headers)
    assert made.status == 201
    listed = server.ask("GET", NOTES, **headers)
    assert [note["title"] for note in listed.json["items"]] == ["Mine"]
    assert server.ask("GET", made.headers["Location"], **headers).json == made.json
    assert server.ask("GET", made.headers["Location"]).status == 401
    other = LOGINS[way](server, who)
    logins = server.ask("GET", f"{AUTH}/sessions", **headers).json
    assert [login["is_current"] for login in logins] == [False, True]
    leave = {"cookie": log_out_by_cookie, "token": log_out_by_token}[way]
    leave(server, who, headers)
    assert server.ask("GET", NOTES, **headers).status == 401
    assert server.ask("GET", NOTES, **other).status == 200
    secrets = rf"(?i){PASSWORD}|{who}|eyJ|" + "|".join(map(re.escape, headers.values()))
    assert not re.search(secrets, server.log.read_text(encoding="utf-8"))
    assert not server.errors()
    prove("stories of an account, from its registration to the logout")


def log_out_by_cookie(server: Server, _who: str, headers: Headers) -> None:
    """Log out; a page that does not know the token of the session cannot."""
    path, forged = f"{AUTH}/session", {"cookie": headers["cookie"]}
    assert server.ask("DELETE", path, **forged).status == 403
    assert server.ask("DELETE", path, **headers, origin="https://evil.example").status == 403
    assert server.ask("GET", NOTES, **headers).status == 200
    answer = server.ask("DELETE", path, **headers)
    assert answer.status == 204
    gone = answer.headers["Set-Cookie"]
    assert re.match("__Host-session=;", gone)
    assert "Max-Age=0" in gone


def log_out_by_token(server: Server, who: str, headers: Headers) -> None:
    """Refresh a login and end it, and with it its tokens; then that of the headers."""
    tokens = tokens_of(server, who)
    turned = server.ask("POST", f"{AUTH}/token/refresh", **bearer(tokens["refresh_token"]))
    assert turned.headers["Cache-Control"] == "no-store"  # RFC 6749, 5.1
    again = turned.json
    for access in (tokens, again):
        assert server.ask("GET", NOTES, **bearer(access["access_token"])).status == 200
        assert server.ask("GET", NOTES, **bearer(access["refresh_token"])).status == 401
    revoke = f"{AUTH}/token/revoke"
    assert server.ask("POST", revoke, **bearer(again["refresh_token"])).status == 204
    assert server.ask("GET", NOTES, **bearer(again["access_token"])).status == 401
    assert (
        server.ask("POST", f"{AUTH}/token/refresh", **bearer(again["refresh_token"])).status == 401
    )
    assert server.ask("POST", revoke, **headers).status == 204


# --- The API against its own description, and nothing of somebody else

# What a schema cannot say is no fault of a service: which tokens are ours, which passwords are
# somebody's or too common, and which addresses no mail reaches.
CONFIG = """
output.sanitization.enabled = false
auth.wfc = { path = "users.json", user = "stranger", peers = ["owner", "stranger"] }
parameters."path.note_id" = { dictionary = "notes", probability = 0.5 }
parameters."path.session_id" = { dictionary = "sessions", probability = 0.5 }
parameters."path.job_id" = { dictionary = "jobs", probability = 0.5 }

[checks]
missing_required_header.expected-statuses = [400, 401, 403, 415, 422, 428]
positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 403, 404, 409, 412, 422, 429]
"""
# Nothing refuses a header because it does not know it.
UNKNOWN = "x-schemathesis-unknown-property"
# One that was deleted is there, and cancelled.
JOBS = """
[[operations]]
include-name = "GET /api/v1/jobs/{job_id}"
checks.use_after_free.enabled = false
"""
# What ends a login, or uses it up, is asked with one that nothing else needs.
ENDING = {
    "DELETE /api/v1/auth/session": "session",
    "DELETE /api/v1/auth/sessions/{session_id}": "session",
    "POST /api/v1/auth/token/refresh": "refresh",
    "POST /api/v1/auth/token/revoke": "access",
}


@pytest.mark.parametrize(
    ("auth", "way", "workers"), [*((*way, "none") for way in WAYS), ("both", "token", "celery")]
)
def test_stranger_gets_what_the_description_says_and_nothing_of_the_owner(
    make: Make, start: Start, auth: str, way: str, workers: str, tmp_path: Path, prove: Prove
) -> None:
    service = make(answers(auth, workers=workers))
    server = start(service, **SETTINGS, **fuzz.SETTINGS, FLASK_JWT_ACCESS_TOKEN_SECONDS="3600")
    marker = "marker-of-the-owner"  # In the address, and the name of the browser.
    people = {name: f"{name}@example.com" for name in (marker, "stranger", "leaver")}
    contents = [{"title": f"Title {n} of mine", "body": f"Body {n} of mine"} for n in range(3)]
    log_in = LOGINS[way]
    with at_work(service, workers):
        for who in people.values():
            register(server, service, who)
        owner = log_in(server, people[marker], user_agent=marker)
        jobs = asked_jobs(server, owner, "done") if workers != "none" else []
    jobs += asked_jobs(server, owner, "queued") if jobs else []
    stranger = log_in(server, people["stranger"])
    notes = [server.send("POST", NOTES, content, **owner).json["id"] for content in contents]

    def owned() -> list[Any]:
        asked = [f"{AUTH}/me", f"{AUTH}/sessions", NOTES, *(f"{NOTES}/{note}" for note in notes)]
        asked += [*(f"{JOB}/{job}" for job in jobs), *(f"{JOB}/{job}/result" for job in jobs[:1])]
        got = [server.ask("GET", path, **owner) for path in asked]
        return [(answer.status, answer.headers.get("ETag"), answer.json) for answer in got]

    before = owned()
    assert {status for status, *_ in before} == {200}
    sessions = [login["id"] for login in before[1][2]]
    keys = [before[0][2]["id"], *sessions, *notes, *jobs]
    document = server.ask("GET", "/api/openapi.json").json
    operations = [
        f"{m.upper()} {p}" for p, o in document["paths"].items() for m in o if m != "parameters"
    ]
    config = CONFIG + (JOBS if jobs else "") + ending(server, people["leaver"], log_in, operations)
    config += f"[dictionaries]\nnotes.values = {notes}\nsessions.values = {sessions}\n"
    config += f"jobs.values = {jobs or notes}\n"
    users = {"auth": [wfc("owner", owner), wfc("stranger", stranger)]}
    (tmp_path / "users.json").write_text(json.dumps(users), encoding="utf-8")
    report = tmp_path / "report.ndjson"
    options = ("--max-examples", "40", "--report", "ndjson", "--report-ndjson-path", report)
    tested, cases = fuzz.fuzz(server, tmp_path, config, *options, never=UNKNOWN)
    assert tested == len(operations)
    assert owned() == before
    assert server.ask("GET", NOTES, **stranger).status == 200
    asked = [each for each in exchanges(report) if not is_sent_with(owner, each)]
    told = [
        f"{decoded(each['response']['content'])}{each['response']['headers']}" for each in asked
    ]
    assert len(told) >= cases // 2
    # The tool also learns from what the owner is told, and may write it into a note of a stranger.
    sent = "".join(decoded(each["request"].get("body")) for each in asked)
    kept = {text for content in contents for text in content.values() if text not in sent}
    assert kept
    assert not [text for text in told if any(own in text for own in (*keys, marker, *kept))]
    theirs = Counter(
        (each["request"]["method"], each["response"]["status_code"])
        for each in asked
        if any(key in each["request"]["uri"] for key in keys)
    )
    assert {("GET", 404), ("PATCH", 404), ("DELETE", 404)} <= theirs.keys()
    assert not [status for _, status in theirs if status < 400]
    # Not even how far it is.
    of_jobs = {
        (each["request"]["method"], uri.rpartition("/")[2] == "result", status)
        for each in asked
        if any(job in (uri := each["request"]["uri"]) for job in jobs)
        and (status := each["response"]["status_code"]) not in (401, 405)
    }
    gone = {("GET", False, 404), ("GET", True, 404), ("DELETE", False, 404)}
    assert of_jobs == (gone if jobs else set())
    assert server.stop() == 0
    assert not server.errors()
    prove("generated requests of a stranger, who got nothing of the owner's", cases)


@contextmanager
def at_work(service: Service, workers: str) -> Iterator[None]:
    """Have a worker do the jobs of a service that has some, mails among them."""
    if workers == "none":
        yield
        return
    command = [service.programs / workers, "--app", "my_service.worker", "worker"]
    # Celery warns of root.
    given = environment(**{**service.settings, "PYTHONWARNINGS": "default"})
    log = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=service.folder, env=given, stdout=log, stderr=log) as worker:
        try:
            yield
        finally:
            worker.terminate()


def asked_jobs(server: Server, owner: Headers, status: str) -> list[str]:
    """Ask for an export; return its job, in a list, once it is as far."""
    job: str = server.ask("POST", f"{NOTES}/exports", **owner).json["id"]
    path = f"{JOB}/{job}"
    until(lambda: server.ask("GET", path, **owner).json["status"] == status, f"{status} job")
    return [job]


def exchanges(report: Path) -> list[dict[str, Any]]:
    """Return what was asked and answered."""
    events = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    ran = [event["ScenarioFinished"]["recorder"] for event in events if "ScenarioFinished" in event]
    return [each for recorder in ran for each in recorder.get("interactions", {}).values()]


def decoded(body: dict[str, str] | None) -> str:
    """Return the body of a request, if it has one, or of an answer."""
    return base64.b64decode((body or {}).get("$base64", "")).decode(errors="replace")


def is_sent_with(credentials: Headers, exchange: dict[str, Any]) -> bool:
    sent = {value for values in exchange["request"]["headers"].values() for value in values}
    return bool(sent & set(credentials.values()))


def spelled(headers: Headers) -> Headers:
    """Return headers as the tool knows them: it takes another spelling for another header."""
    return {name.replace("_", "-").title(): value for name, value in headers.items()}


def wfc(name: str, headers: Headers) -> dict[str, Any]:
    """Return somebody in the words of Web Fuzzing Commons."""
    named = [{"name": name, "value": value} for name, value in spelled(headers).items()]
    return {"name": name, "fixedHeaders": named}


def ending(server: Server, who: str, log_in: Callable[..., Headers], operations: list[str]) -> str:
    """Return which headers go with the operations that end a login."""
    blocks = ""
    for operation in ENDING.keys() & set(operations):
        held = ENDING[operation]
        if held == "session":
            headers = log_in(server, who)
        else:
            headers = bearer(tokens_of(server, who)[f"{held}_token"])
        named = ", ".join(f'{name} = "{value}"' for name, value in spelled(headers).items())
        blocks += f'[[operations]]\ninclude-name = "{operation}"\nheaders = {{ {named} }}\n'
        # The tool cannot leave out what is given here, nor make it wrong.
        blocks += "checks.ignored_auth.enabled = false\n"
        blocks += "checks.negative_data_rejection.enabled = false\n"
    return blocks
