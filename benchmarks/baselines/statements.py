"""Counts the statements of a request: `python statements.py <host>`; prints them in JSON."""

import importlib
import json
import os
import sys
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Engine, event

PATH = "/api/v1/notes"
NOTE = {"title": "Counted", "body": "Statement by statement."}


class Counter:
    """A client that knows how many statements each of its requests led to."""

    def __init__(self, client: FlaskClient, host: str) -> None:
        self.client, self.base, self.count = client, f"https://{host}", 0
        event.listen(Engine, "before_cursor_execute", self.add)

    def add(self, _connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        # Only SQLite's is a statement of its own.
        self.count += not statement.startswith("BEGIN")

    def __call__(self, method: str, path: str, status: int, **options: Any) -> tuple[int, Any]:
        """Return how many statements there were, and the answer."""
        self.count = 0
        answer = self.client.open(path, method=method, base_url=self.base, **options)
        if answer.status_code != status:
            sys.exit(f"{method} {path} was answered with {answer.status_code}, not {status}.")
        return self.count, answer


def main(host: str) -> None:
    app = importlib.import_module(f"{os.environ['BENCHMARK_PACKAGE']}.wsgi").app
    ask = Counter(app.test_client(), host)
    short, _ = ask("GET", f"{PATH}?limit=1", 200)
    long, _ = ask("GET", f"{PATH}?limit=100", 200)
    create, answer = ask("POST", PATH, 201, json=NOTE)
    path = answer.headers["Location"]
    read, answer = ask("GET", path, 200)
    match = {"If-Match": answer.headers["ETag"]}
    change, _ = ask("PATCH", path, 200, json={"title": "Changed"}, headers=match)
    delete, _ = ask("DELETE", path, 204)
    lists = {"list of 1": short, "list of 100": long}
    print(json.dumps({**lists, "read": read, "create": create, "change": change, "delete": delete}))


if __name__ == "__main__":
    main(*sys.argv[1:])
