"""Requests over kept connections: as many as a server answers, or one at a time.

The many come from `wrk`, or else from threads.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 8
SECONDS_A_TURN = 1

_SCRIPT = Path(__file__).with_name("wrk.lua")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class NotOkError(Exception):
    """An answer had another status than the one that was asked for, or none came."""


@dataclass(frozen=True)
class Ask:
    """A GET that is to be answered with a 200, or with a body of JSON a POST, with a 201."""

    path: str
    body: str = ""

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"

    @property
    def status(self) -> int:
        return 201 if self.body else 200

    def to(self, host: str) -> bytes:
        """Return what is sent to the host."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}"]
        body = self.body.encode()
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + body


def tool() -> str:
    """Name what makes the load."""
    return "wrk" if shutil.which("wrk") else "the benchmark's own threads"


def requests_per_second(
    port: int,
    host: str,
    ask: Ask,
    *,
    connections: int = CONNECTIONS,
    seconds: int = SECONDS_A_TURN,
) -> float:
    """Return how often a second the server on `port` answers; raise on another status."""
    load = _by_wrk if shutil.which("wrk") else _by_threads
    return load(port, host, ask, connections, seconds)


def latencies(
    host: str, asks: Mapping[int, Sequence[Ask]], seconds: float
) -> dict[int, list[float]]:
    """Ask the servers on some ports in turn, one question at a time, on a connection to each.

    Ends when all is asked or `seconds` are over, but asks each of them once. Returns the
    seconds that each answer took, by port.
    """
    taken: dict[int, list[float]] = {port: [] for port in asks}
    until = time.perf_counter() + seconds
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(_connection(port)) for port in asks]
        for together in zip(*asks.values(), strict=True):
            for port, connection, ask in zip(asks, connections, together, strict=True):
                request, start = ask.to(host), time.perf_counter()
                _answered(connection, request, ask)
                taken[port].append(time.perf_counter() - start)
            if time.perf_counter() > until:
                break
    return taken


def p95(taken: Sequence[float]) -> float:
    """Return the milliseconds that one in twenty takes longer than."""
    return sorted(taken)[len(taken) * 95 // 100] * 1000


def _by_wrk(port: int, host: str, ask: Ask, connections: int, seconds: int) -> float:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(_SCRIPT)]
    command += ["-H", f"Host: {host}", f"http://127.0.0.1:{port}{ask.path}"]
    command += ["--", ask.method, str(ask.status), ask.body]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"^RESULT (\d+) (\d+) (\d+)$", run.stdout, re.MULTILINE)
    answers, microseconds, bad = map(int, found.groups()) if found else (0, 1, 0)
    if bad or not answers:
        raise NotOkError(
            f"{ask.path}: {bad} of {answers} answers were no {ask.status}. {run.stderr}".strip()
        )
    return answers / microseconds * 1e6


def _by_threads(port: int, host: str, ask: Ask, connections: int, seconds: int) -> float:
    start = time.perf_counter()
    until = start + seconds
    with ThreadPoolExecutor(connections) as pool:
        counts = [pool.submit(_answers, port, host, ask, until) for _ in range(connections)]
    return sum(count.result() for count in counts) / (time.perf_counter() - start)


def _answers(port: int, host: str, ask: Ask, until: float) -> int:
    """Ask one question after the other on one connection, and count the answers."""
    count, request = 0, ask.to(host)
    with _connection(port) as connection:
        while time.perf_counter() < until:
            _answered(connection, request, ask)
            count += 1
    return count


def _connection(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def _answered(connection: socket.socket, request: bytes, ask: Ask) -> None:
    connection.sendall(request)
    answer = _read(connection)
    if not answer.startswith(b"HTTP/1.1 %d " % ask.status):
        raise NotOkError(f"{ask.path}: an answer was no {ask.status}, it began {answer[:80]!r}.")


def _read(connection: socket.socket) -> bytes:
    """Read one answer to its last byte."""
    answer = b""
    while True:
        head, end, body = answer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if end else None
        if length and len(body) >= int(length[1]):
            return answer
        received = connection.recv(65_536)
        if not received:
            return answer
        answer += received
