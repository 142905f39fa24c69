"""The service with views that ask for a job, and one that asks for none, for gunicorn.

`python asking.py prepare` makes the schema, and prints in JSON with which settings the bare
queue is the same.
"""

import importlib
import json
import os
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


def prepare() -> dict[str, Any]:
    make = importlib.import_module(PACKAGE).create_app
    app = make(overrides={"JOB_QUEUE": "bare"})
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


if __name__ == "__main__":
    print(json.dumps(prepare()))
