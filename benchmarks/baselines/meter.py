"""Measures an app in a process of its own: `python meter.py <module> <host> <path>`.

Prints the microseconds of CPU that a request costs without a server. An answer that is not a
200 ends it.
"""

import gc
import importlib
import sys
import time
from typing import Any

from werkzeug.test import create_environ

WARM_UP = 500
MEASURED = 2_000


def main(module: str, host: str, path: str) -> None:
    app = importlib.import_module(module).create_app()
    environ = {**create_environ(path, f"http://{host}"), "REMOTE_ADDR": "127.0.0.1"}
    cpu_seconds(app, environ, WARM_UP)
    gc.collect()  # What the start left behind is no cost of a request.
    sys.stdout.write(f"{cpu_seconds(app, environ, MEASURED) / MEASURED * 1e6}\n")


def cpu_seconds(app: Any, environ: dict[str, Any], requests: int) -> float:
    """Return what so many requests cost this process."""
    before = time.process_time()
    for _ in range(requests):
        body = app(environ.copy(), start_response)
        b"".join(body)
        body.close()
    return time.process_time() - before


def start_response(status: str, _headers: object, _error: object = None) -> None:
    if status != "200 OK":
        sys.exit(f"An answer was {status}, not 200 OK.")


if __name__ == "__main__":
    main(*sys.argv[1:])
