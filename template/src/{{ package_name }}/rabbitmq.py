"""RabbitMQ: how long anybody waits for it, and what its URL must be."""

from __future__ import annotations

from collections.abc import Iterator

from . import checks, urls

# A broker whose memory or disk is full says nothing: it takes three of these to find out.
TIMEOUTS = {"read_timeout": 0.5, "write_timeout": 0.5}
_FORM = "Write it as amqps://user:password@host:5671/vhost"


@checks.of_settings("S021", everywhere=True)
def rabbitmq_url(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    if not urls.is_one(settings["RABBITMQ_URL"], "amqp", "amqps"):
        yield "FLASK_RABBITMQ_URL is not set, or no URL.", _FORM


@checks.of_settings("S021", "warning")
def rabbitmq_is_private(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    if urls.is_open(settings["RABBITMQ_URL"], "amqp"):
        yield "FLASK_RABBITMQ_URL names no password, and no encryption.", _FORM
