"""A Redis that takes nothing, as one does that is full: its user may only read."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from redis import Redis


@pytest.fixture
def read_only(settings: dict[str, object]) -> Iterator[str]:
    """Return the URL of such a user of the Redis of the tests."""
    url, name = urlsplit(str(settings["REDIS_URL"])), f"test-{secrets.token_hex(4)}"
    with Redis.from_url(url.geturl()) as redis:
        may = {"keys": "*", "categories": ["+@all", "-@write"]}
        redis.acl_setuser(name, enabled=True, nopass=True, **may)
        yield url._replace(netloc=f"{name}:any@{url.hostname}:{url.port or 6379}").geturl()
        redis.acl_deluser(name)
