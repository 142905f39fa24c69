"""Bare Celery with the settings of the service: `python bare_celery.py <jobs>` sends so many."""

import json
import os
import sys

import libraries  # noqa: F401
from celery import Celery

app = Celery("bare")
app.config_from_object(json.loads(os.environ["BENCHMARK_QUEUE"]))

if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        app.send_task("noop.job")
