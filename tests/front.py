"""Clients of a proxy with TLS in front of a service: one at a time, or a steady load."""

from __future__ import annotations

import itertools
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPResponse

from server import HOST, Answer

NOTES = "/api/v1/notes"


@dataclass
class Front:
    """A proxy at a port of this machine; each client can have an address of its own."""

    port: int
    trust: ssl.SSLContext

    def connect(self, client: str = "127.0.0.1", name: str = HOST) -> ssl.SSLSocket:
        plain = socket.create_connection(
            ("127.0.0.1", self.port), timeout=30, source_address=(client, 0)
        )
        return self.trust.wrap_socket(plain, server_hostname=name)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        client: str = "127.0.0.1",
        **headers: str,
    ) -> Answer:
        """Send a request on a connection of its own; the header `if_match` is `If-Match`."""
        sent = {"host": HOST, "connection": "close", "content-length": str(len(body)), **headers}
        lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in sent.items()]
        head = f"{method} {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode()
        with self.connect(client) as connection:
            connection.sendall(head + body)
            return read(connection)

    def send(self, method: str, path: str, data: object, **more: str) -> Answer:
        """Send a request with a body of JSON."""
        body = json.dumps(data).encode()
        return self.ask(method, path, body, content_type="application/json", **more)


def read(connection: socket.socket) -> Answer:
    with HTTPResponse(connection) as response:
        response.begin()
        return Answer.read(response)


@dataclass
class Load:
    """So many requests a second, half of them writes, each from one of so many clients."""

    front: Front
    rate: int
    clients: list[str]
    over: threading.Event = field(default_factory=threading.Event)
    statuses: list[int] = field(default_factory=list)
    seconds: float = 0

    def one(self, number: int) -> int:
        client = self.clients[number % len(self.clients)]
        if number % 2:
            return self.front.ask("GET", f"{NOTES}?limit=2", client=client).status
        return self.front.send("POST", NOTES, {"title": f"{number}"}, client=client).status

    def run(self) -> None:
        began = time.monotonic()
        asked = []
        with ThreadPoolExecutor(16) as pool:
            for number in itertools.count():
                if self.over.wait(max(0, began + number / self.rate - time.monotonic())):
                    break
                asked.append(pool.submit(self.one, number))
        self.statuses += [each.result() for each in asked]
        self.seconds = time.monotonic() - began

    def lost_nothing(self) -> None:
        """AssertionError if a request failed, or the load was lighter than it was to be."""
        assert set(self.statuses) == {200, 201}
        assert len(self.statuses) > 0.95 * self.rate * self.seconds


@contextmanager
def loaded(front: Front, rate: int, clients: list[str]) -> Iterator[Load]:
    """Have the clients at work in the block; what any of them found wrong is raised."""
    load = Load(front, rate, clients)
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(load.run)
        try:
            yield load
        finally:
            load.over.set()
        work.result()
