"""`make try`: a service made, set up, started and talked to, while you watch."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from helpers import ROOT, environment, free_port, render

SERVICE = ROOT / "build" / "my-service"
LOG = ROOT / "build" / "try.log"
STARTED = time.monotonic()


def main() -> None:
    say("copier-flask: a service of your own\n")
    if (SERVICE / ".git").exists():
        stop(f"{SERVICE} is a git repository. It may be dear to somebody: move it away first.")
    shutil.rmtree(SERVICE, ignore_errors=True)
    SERVICE.parent.mkdir(exist_ok=True)
    LOG.write_bytes(b"")
    with step("copier copy: the default answers"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of changes in this checkout that are not committed.
        render(ROOT, SERVICE, vcs_ref="HEAD")
    with step("make setup: everything installed and locked"):
        make("setup")
    with step("make migrate: the database in place"):
        make("migrate")
    with step("flask seed: somebody to log in as"):
        password = seed()
    with server() as address:
        story(address, password)
    say(f"\n  All this took {time.monotonic() - STARTED:.1f} s. It is stopped; go on with\n")
    say(f"    cd {os.path.relpath(SERVICE)}")
    say("    make run      # serve it, reloading on changes")
    say("    make check    # lint, types and tests, as its CI does")
    say("    less README.md\n")


def story(address: str, password: str) -> None:
    """Send what a first client would send, and print what came back."""
    notes = f"{address}/api/v1/notes"
    tell("GET", f"{address}/readyz")
    tell("GET", notes)
    login = {"email": "dev@example.com", "password": password}
    token = tell("POST", f"{address}/api/v1/auth/token", login)["access_token"]
    created = tell("POST", notes, {"title": "Hello", "body": "from make try"}, token)
    tell("GET", f"{notes}/{created['id']}", token=token)
    tell("POST", notes, {"title": "", "colour": "blue"}, token)
    document = fetch("GET", f"{address}/api/openapi.json")[1]
    methods = {"get", "post", "put", "patch", "delete"}
    operations = sum(len(methods & path.keys()) for path in document["paths"].values())
    say(f"\n  GET /api/openapi.json\n    OpenAPI {document['openapi']}, {operations} operations")


def tell(method: str, url: str, body: object = None, token: str = "") -> Any:
    status, answer = fetch(method, url, body, token)
    sent = f"  {json.dumps(body)}" if body else ""
    say(f"\n  {method} {urlsplit(url).path}{sent}\n    {status}")
    for line in json.dumps(answer, indent=2).splitlines()[1:-1]:
        say(f"    {line}" if len(line) < 100 else f"    {line[:90]}...")
    return answer


def fetch(method: str, url: str, body: object = None, token: str = "") -> tuple[int, Any]:
    data = json.dumps(body).encode() if body else None
    headers = {"Content-Type": "application/json"} if body else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@contextmanager
def server() -> Iterator[str]:
    """Serve while the block runs; what the service says goes to the log."""
    port = free_port()
    command = [".venv/bin/flask", "--app", "my_service", "run", "--port", str(port)]
    with step(f"flask run: http://127.0.0.1:{port}"), LOG.open("ab") as log:
        process = subprocess.Popen(
            command, cwd=SERVICE, env=environment(APP_ENV="development"), stdout=log, stderr=log
        )
        wait(port, process)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    process.kill()
    stop("The service did not start.")


def make(target: str) -> None:
    with LOG.open("ab") as log:
        code = subprocess.call(
            ["make", target], cwd=SERVICE, env=environment(), stdout=log, stderr=log
        )
    if code:
        stop(f"make {target} failed.")


def seed() -> str:
    """Make the account of development; return its password."""
    command = [".venv/bin/flask", "--app", "my_service", "seed"]
    with LOG.open("ab") as log:
        made = subprocess.run(
            command,
            cwd=SERVICE,
            env=environment(APP_ENV="development"),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            check=False,
        )
    if made.returncode:
        stop("flask seed failed.")
    return made.stdout.splitlines()[0].rpartition(" ")[2]


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print a line that shows what goes on, and then how long it took."""
    begun = time.monotonic()
    if sys.stdout.isatty():
        sys.stdout.write(f"     ...  {title}")
        sys.stdout.flush()
    yield
    overwrite = "\r" if sys.stdout.isatty() else ""
    say(f"{overwrite}  {time.monotonic() - begun:4.1f} s  {title}")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def stop(reason: str) -> None:
    tail = LOG.read_text(errors="replace")[-2000:] if LOG.exists() else ""
    sys.exit(f"\n{tail}\n{reason}\nThe whole log: {LOG}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
