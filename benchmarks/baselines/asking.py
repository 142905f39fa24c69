"""The service with views that ask for a job, and one that asks for none, for gunicorn.

`python asking.py prepare <queue>` makes the schema, and prints in JSON with which settings a
bare queue of that name is the same. `python asking.py libraries` prints what the service's
worker has imported of others, and `python asking.py send <message|row> <jobs>` asks for jobs.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import service
from bare import plain
from flask import Flask
from flask_migrate import upgrade
from noop import job

PACKAGE = os.environ["BENCHMARK_PACKAGE"]


def create_app() -> Flask:
    app = service.create_app()
    for name, ask in _ways().items():
        app.add_url_rule(f"/{name}", name, partial(_answer, ask))
    return app


def send(way: str, jobs: str) -> None:
    with service.create_app().app_context():
        ask = _ways()[way]
        for _ in range(int(jobs)):
            ask()


def _ways() -> dict[str, Callable[[], object]]:
    """Return how a job is asked for, without a row and with one."""
    tasks = importlib.import_module(f"{PACKAGE}.tasks")
    return {
        "message": partial(tasks.enqueue, job, durable=False),
        "row": partial(tasks.start, job),
    }


def _answer(ask: Callable[[], object]) -> dict[str, str]:
    ask()
    return plain()


def prepare(queue: str) -> dict[str, Any]:
    make = importlib.import_module(PACKAGE).create_app
    app = make(overrides={"JOB_QUEUE": queue})
    with app.app_context():
        upgrade()
    if "celery" in app.extensions:
        given = app.extensions["celery"].conf.table(with_defaults=False, censored=False)
        ours = ("imports", "worker_consumer", "deprecated_settings")
        ours += ("beat_scheduler", "beat_schedule", "beat_max_loop_interval")
        return {name: value for name, value in given.items() if name not in ours}
    with app.app_context():
        retry = importlib.import_module(f"{PACKAGE}.tasks.rq").retry()
    return {
        "url": app.config["REDIS_URL"],
        "queue": app.config["JOB_QUEUE"],
        "timeouts": importlib.import_module(f"{PACKAGE}.redis").TIMEOUTS,
        "timeout": app.config["JOB_SOFT_LIMIT_SECONDS"],
        "waits": retry.intervals,
    }


def libraries() -> list[str]:
    importlib.import_module(f"{PACKAGE}.worker")
    found = {name: str(getattr(each, "__file__", "")) for name, each in sys.modules.items()}
    return [name for name, file in found.items() if "site-packages" in file]


if __name__ == "__main__":
    scripts = {"prepare": prepare, "libraries": libraries, "send": send}
    print(json.dumps(scripts[sys.argv[1]](*sys.argv[2:])))
