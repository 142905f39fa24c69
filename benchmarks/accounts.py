"""What accounts cost, and what their answers tell by the time they take: `make bench-accounts`.

Renders a service without accounts, one with tokens, one with cookies and one whose mails are
jobs, each with SQLite and the default parameters of argon2id. Prints a table in Markdown, all of
this one run:

- the time of a login by token and by cookie, a registration and a forgotten password, for an
  address that has an account against one that has none, in turns and on one connection; mails
  go to a server here, or to a queue on a Redis of this run;
- the CPU of a login, and the memory of a process in which eight log in at once;
- requests a second of one gthread worker for a list, logged in against anonymous, and the
  statements of each.

What is compared takes turns. Each turn gives a ratio; the table has their median and
quartiles. An answer of another status than expected ends the run, with exit code 2.

Who has an account is told by time when the median of known against unknown is outside 0.8 to
1.25 (OWASP ASVS 5, 6.3.8): the table is printed to its end, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import secrets
import socketserver
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import load
from load import Ask
from rendered import (
    HOST,
    AwayError,
    Rendered,
    UnusableError,
    clear,
    new_broker,
    new_database,
    prepare,
)
from table import Row, in_turns, line, parse, report

AUTH = "/api/v1/auth"
NOTES = "/api/v1/notes"
AT_ONCE = 8
WARM = 10  # Answers of a new server that are not counted.
PASSWORD = "a password of nobody but a benchmark"
# The answers of each service.
SERVICES = {
    "none": {"auth": "none"},
    "jwt": {"auth": "jwt"},
    "session": {"auth": "session"},
    "jobs": {"auth": "jwt", "workers": "rq"},
}
# How somebody logs in, and what a list may cost.
LOGINS = {"jwt": ("token", ">= 0.60"), "session": ("session", ">= 0.50")}
LISTED = ("none", *LOGINS)
# What is asked of an address, of which service, and the answer whether it is known or not.
QUESTIONS = (
    ("token", "jwt", 401),
    ("session", "session", 401),
    ("register", "jwt", 202),
    ("password/forgot", "jwt", 202),
    ("register", "jobs", 202),
    ("password/forgot", "jobs", 202),
)
FEWEST_TRIES = 50
LEAST, MOST = 0.8, 1.25


@dataclass(frozen=True)
class Answered(Ask):
    """A question with headers of its own, that is answered with some status."""

    expected: int = 200
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def status(self) -> int:
        return self.expected

    def to(self, host: str) -> bytes:
        first, rest = super().to(host).split(b"\r\n", 1)
        lines = [first, *(f"{name}: {value}".encode() for name, value in self.headers), rest]
        return b"\r\n".join(lines)


@dataclass(frozen=True)
class WithAccounts(Rendered):
    """A service that sends mails to a port of this machine, and limits nobody."""

    mail_port: int = 0
    broker: str = ""

    def environ(self) -> dict[str, str]:
        limits = ("WRITES", "LOGIN", "MAIL", "ACCOUNT")
        return super().environ() | {
            **{f"FLASK_RATELIMIT_{name}": "100000000 per minute" for name in limits},
            "FLASK_JWT_SECRET_KEY": secrets.token_urlsafe(48),
            "FLASK_JWT_ACCESS_TOKEN_SECONDS": "3600",
            "FLASK_PUBLIC_URL": "https://app.example.com",
            "FLASK_MAIL_BACKEND": "smtp",
            "FLASK_MAIL_DEFAULT_SENDER": "noreply@example.com",
            "FLASK_MAIL_SERVER": "127.0.0.1",
            "FLASK_MAIL_PORT": str(self.mail_port),
            "FLASK_MAIL_SECURITY": "none",
            "FLASK_REDIS_URL": self.broker,
        }


class Postman(socketserver.StreamRequestHandler):
    """Takes each mail and forgets it: as much of SMTP as smtplib needs (RFC 5321)."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for command in self.rfile:
            verb = command[:4].upper().strip()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


class Post(socketserver.ThreadingTCPServer):
    daemon_threads = True


def main() -> int:
    options = _options()
    told = f"{options.tries} tries of each address, {options.turns} turns, load by threads."
    try:
        clear()
        with contextlib.ExitStack() as stack:
            port = stack.enter_context(_post())
            services = {
                name: stack.enter_context(_filled(name, options.tries, port)) for name in SERVICES
            }
            rows = _rows(services, options)
            rows = report(
                rows, title="Accounts", reference="against", told=told, write=options.write
            )
    except (AwayError, UnusableError, load.NotOkError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    asked = rows[: len(QUESTIONS)]
    telling = [row.title for row in asked if not LEAST <= row.ratios[1] <= MOST]
    for title in telling:
        sys.stderr.write(f"{title}: not within {LEAST} to {MOST}.\n")
    return 1 if telling else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tries", type=int, default=100, help="with each kind of address (100)")
    options = parse(parser, turns=20)
    if options.tries < FEWEST_TRIES:
        parser.error(f"--tries must be {FEWEST_TRIES} or more.")
    return options


@contextlib.contextmanager
def _post() -> Iterator[int]:
    """Take mails on the port that is returned."""
    with Post(("127.0.0.1", 0), Postman) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()


@contextlib.contextmanager
def _filled(name: str, users: int, mail_port: int) -> Iterator[Rendered]:
    """Yield a service with notes and, where it has accounts, users."""
    answers = {"preset": "custom", "database": "sqlite", "features": ["example"], **SERVICES[name]}
    made = prepare(name=name, answers=answers)
    queue = new_broker("redis") if "workers" in answers else contextlib.nullcontext("")
    with new_database("sqlite") as url, queue as broker:
        rendered = replace(made, database=url)
        if name != "none":
            rendered = WithAccounts(**vars(rendered), mail_port=mail_port, broker=broker)
        rendered.run("people.py", "store", str(0 if name == "none" else users))
        yield rendered


def _rows(services: dict[str, Rendered], options: argparse.Namespace) -> Iterator[Any]:
    for question in QUESTIONS:
        yield _asked(services, *question, options.tries)
    yield from _log_in(services["jwt"])
    with contextlib.ExitStack() as stack:
        ports = {name: stack.enter_context(services[name].served("service")) for name in LISTED}
        yield from _lists(ports, options.turns)
    yield _statements(services)


def _asked(services: dict[str, Rendered], path: str, name: str, status: int, tries: int) -> Row:
    """Ask of known and unknown addresses, either one first as often as the other."""
    asks = [_ask(path, status, f"warm{n}@example.com") for n in range(WARM)]
    for number in range(tries):
        pair = [f"person{number}@example.com", f"nobody{number}@example.com"]
        asks += [_ask(path, status, who) for who in (pair if number % 2 else pair[::-1])]
    with services[name].served("service") as port:
        taken = load.latencies(HOST, {port: asks}, seconds=600)[port][WARM:]
    pairs = [
        (one, other) if number % 2 else (other, one)
        for number, (one, other) in enumerate(zip(taken[::2], taken[1::2], strict=True))
    ]
    known, unknown = ([seconds * 1000 for seconds in each] for each in zip(*pairs, strict=True))
    how = ", mails as jobs" if name == "jobs" else ""
    title = f"POST {AUTH}/{path}{how}, a known against an unknown address (ms)"
    return Row(title, unknown, known, f"{LEAST:.2f} to {MOST:.2f}", decimals=1)


def _ask(path: str, status: int, who: str) -> Answered:
    body = {"email": who} | ({"password": "no, not this one"} if status == 401 else {})
    return Answered(f"{AUTH}/{path}", json.dumps(body), expected=status)


def _log_in(service: Rendered) -> Iterator[str]:
    cost = json.loads(service.run("people.py", "log_in", HOST, str(AT_ONCE)))
    alone, together = cost["alone"] * 1000, cost["together"] * 1000
    title = f"log in, CPU in process, {AT_ONCE} at once against one after the other (ms)"
    yield line(title, f"{alone:.0f}", f"{together:.0f}", f"{together / alone:.2f}", "")
    before, after = cost["before"], cost["after"]
    title = f"log in, memory of a process, {AT_ONCE} at once against none (MiB)"
    yield line(title, f"{before:.0f}", f"{after:.0f}", f"{after / before:.2f}", "")


def _lists(ports: dict[str, int], turns: int) -> Iterator[Row]:
    asks = {"none": Answered(NOTES)}
    asks |= {
        auth: Answered(NOTES, headers=(_header(ports[auth], way),))
        for auth, (way, _) in LOGINS.items()
    }
    rate = in_turns(turns, [*asks], lambda auth: _rate(ports[auth], asks[auth]))
    for auth, (_, budget) in LOGINS.items():
        title = f"GET {NOTES}, gunicorn, {auth} against anonymous (requests/s)"
        yield Row(title, rate["none"], rate[auth], budget)


def _rate(port: int, ask: Ask) -> float:
    # wrk knows no headers of ours.
    return load._by_threads(port, HOST, ask, load.CONNECTIONS, load.SECONDS_A_TURN)


def _header(port: int, way: str) -> tuple[str, str]:
    """Log in; return the header that a client sends from then on."""
    body = json.dumps({"email": "person0@example.com", "password": PASSWORD})
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as server:
        headers = {"Host": HOST, "Content-Type": "application/json"}
        server.request("POST", f"{AUTH}/{way}", body, headers)
        answer = server.getresponse()
        told = answer.read()
    if answer.status >= 300:
        raise UnusableError(f"Nobody can log in: {answer.status}")
    if way == "token":
        return "Authorization", f"Bearer {json.loads(told)['access_token']}"
    return "Cookie", str(answer.headers["Set-Cookie"]).partition(";")[0]


def _statements(services: dict[str, Rendered]) -> str:
    """Count what a list asks of the database."""
    count = {}
    for name in LISTED:
        way = [LOGINS[name][0]] if name in LOGINS else []
        said = json.loads(services[name].run("people.py", "list", HOST, *way))
        count[name] = said["statements"]
    anonymous = count.pop("none")
    shown = ", ".join(f"{auth}: {each}" for auth, each in count.items())
    return line(f"GET {NOTES}, statements", f"{anonymous}", shown, "", "1 more")


if __name__ == "__main__":
    sys.exit(main())
