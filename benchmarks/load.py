"""Requests over kept connections, as many as a server answers: `wrk`, or else threads."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_SCRIPT = Path(__file__).with_name("wrk.lua")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class NotOkError(Exception):
    """An answer was no 200, or none came."""


def tool() -> str:
    """Name what makes the load."""
    return "wrk" if shutil.which("wrk") else "the benchmark's own threads"


def requests_per_second(
    port: int, host: str, path: str, *, connections: int, seconds: int
) -> float:
    """Return how many 200s a second the server on `port` gives; raise on any other answer."""
    load = _by_wrk if shutil.which("wrk") else _by_threads
    return load(port, host, path, connections, seconds)


def _by_wrk(port: int, host: str, path: str, connections: int, seconds: int) -> float:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(_SCRIPT)]
    command += ["-H", f"Host: {host}", f"http://127.0.0.1:{port}{path}"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"^RESULT (\d+) (\d+) (\d+)$", run.stdout, re.MULTILINE)
    answers, microseconds, bad = map(int, found.groups()) if found else (0, 1, 0)
    if bad or not answers:
        raise NotOkError(f"{path}: {bad} of {answers} answers were no 200. {run.stderr}".strip())
    return answers / microseconds * 1e6


def _by_threads(port: int, host: str, path: str, connections: int, seconds: int) -> float:
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    start = time.perf_counter()
    until = start + seconds
    with ThreadPoolExecutor(connections) as pool:
        counts = [pool.submit(_answers, port, request, until) for _ in range(connections)]
    return sum(count.result() for count in counts) / (time.perf_counter() - start)


def _answers(port: int, request: bytes, until: float) -> int:
    """Ask one question after the other on one connection, and count the answers."""
    count = 0
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        while time.perf_counter() < until:
            connection.sendall(request)
            answer = _read(connection)
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise NotOkError(f"An answer began {answer[:80]!r}.")
            count += 1
    return count


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
