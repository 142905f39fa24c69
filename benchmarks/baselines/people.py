"""What the benchmark of accounts needs to know of a service, or to have in its database.

`python people.py store <users>` makes the schema, a note to list, and so many users.
`python people.py list <host> [<login>]` counts the statements of a list, logged in that way.
`python people.py log_in <host> <users>` measures logins, as many at once as there are users.
All print JSON.
"""

import importlib
import json
import os
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask_migrate import upgrade
from statements import PATH, Counter

PACKAGE = os.environ["BENCHMARK_PACKAGE"]
PASSWORD = "a password of nobody but a benchmark"
NOTES = 20
EACH = 10


def email(number: int) -> str:
    return f"person{number}@example.com"


def module(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


def store(users: str) -> dict[str, int]:
    """Store the users, all of one password, and notes of the first; or of nobody."""
    with importlib.import_module(PACKAGE).create_app().app_context():
        upgrade()
        owner = [_users(int(users))] if int(users) else []
        for number in range(NOTES):
            module("notes.service").create_note(*owner, title=f"Note {number}", body="Words. " * 28)
    return {"users": int(users)}


def _users(count: int) -> Any:
    """Return the first of so many; to hash one password each time would take long."""
    made = module("accounts.service").create_admin(
        module("accounts.addresses").parse(email(0)), PASSWORD
    )
    session, user = module("extensions").db.session, module("accounts.models").User
    addresses = map(email, range(1, count))
    session.add_all(
        user(email=each, email_key=each, password_hash=made.password_hash) for each in addresses
    )
    session.commit()
    return made


def notes(host: str, login: str = "") -> dict[str, int]:
    client = module("wsgi").app.test_client()
    ask, headers = Counter(client, host), {}
    if login:
        _, answer = log_in_as(ask, login, 0)
        if login == "token":
            headers = {"Authorization": f"Bearer {answer.json['access_token']}"}
    return {"statements": ask("GET", PATH, 200, headers=headers)[0]}


def log_in_as(ask: Counter, login: str, number: int) -> tuple[int, Any]:
    body = {"email": email(number), "password": PASSWORD}
    return ask("POST", f"/api/v1/auth/{login}", 200 if login == "token" else 204, json=body)


def log_in(host: str, users: str) -> dict[str, float]:
    """Return the CPU of a login, and the most memory before and after so many at once."""
    app, count = module("wsgi").app, int(users)
    asks = [Counter(app.test_client(), host) for _ in range(count)]
    asks[0]("GET", "/livez", 200)
    before = _most_memory()
    log_in_as(asks[0], "token", 0)  # The first one imports and connects.
    start = time.process_time()
    for _ in range(EACH):
        log_in_as(asks[0], "token", 0)
    alone = (time.process_time() - start) / EACH
    start = time.process_time()
    with ThreadPoolExecutor(count) as pool:
        for _ in range(EACH):
            # Raises what one of them raised.
            [*pool.map(lambda n: log_in_as(asks[n], "token", n), range(count))]
    together = (time.process_time() - start) / EACH / count
    return {"alone": alone, "together": together, "before": before, "after": _most_memory()}


def _most_memory() -> float:
    """Return the most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(json.dumps({"store": store, "list": notes, "log_in": log_in}[sys.argv[1]](*sys.argv[2:])))
