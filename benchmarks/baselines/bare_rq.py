"""Bare RQ with the settings of the service: `python bare_rq.py <jobs>` sends so many."""

import json
import os
import sys

import libraries  # noqa: F401
from redis import Redis
from rq import Queue, Retry
from rq.serializers import JSONSerializer

settings = json.loads(os.environ["BENCHMARK_QUEUE"])
# What `rq worker` asks for.
REDIS_URL = settings["url"]
QUEUES = [settings["queue"]]

if __name__ == "__main__":
    connection = Redis.from_url(REDIS_URL, **settings["timeouts"])
    queue = Queue(
        QUEUES[0],
        connection=connection,
        serializer=JSONSerializer,
        default_timeout=settings["timeout"],
    )
    for _ in range(int(sys.argv[1])):
        retry = Retry(len(settings["waits"]), settings["waits"])
        queue.enqueue_call("noop.job", result_ttl=0, retry=retry)
