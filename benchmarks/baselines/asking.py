"""The service with views that ask for a job, and one that asks for none, for gunicorn.

`python asking.py prepare <queue>` makes the schema, and prints in JSON with which settings a
bare queue of that name is the same. `python asking.py libraries` prints what the service's
worker has imported of others.
"""

import importlib
import json
import os
import sys
from typing import Any

import service
from bare import plain
from flask import Flask
from flask_migrate import upgrade
from noop import job

PACKAGE = os.environ["BENCHMARK_PACKAGE"]


def create_app() -> Flask:
    app = service.create_app()
    tasks = importlib.import_module(f"{PACKAGE}.tasks")

    def message() -> dict[str, str]:
        tasks.enqueue(job, durable=False)
        return plain()

    def row() -> dict[str, str]:
        tasks.start(job)
        return plain()

    app.add_url_rule("/message", view_func=message)
    app.add_url_rule("/row", view_func=row)
    return app


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
    print(json.dumps({"prepare": prepare, "libraries": libraries}[sys.argv[1]](*sys.argv[2:])))
