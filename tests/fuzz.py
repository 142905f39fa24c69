"""Requests that schemathesis makes up from a service's own description."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from helpers import run
from server import HOST, Server

# For a server that is to be fuzzed: it shows its description, and goes by its address, too.
SETTINGS = {
    "FLASK_OPENAPI_URL_PREFIX": "/api",
    "FLASK_TRUSTED_HOSTS": f'["{HOST}", "127.0.0.1"]',
}
_SAME_EACH_TIME = """
hooks = "hooks.py"
color = false
warnings = false
continue-on-failure = true
generation = { deterministic = true, database = "none" }
"""
_HOOKS = """
import schemathesis


@schemathesis.hook
def filter_case(context, case):
    return {name!r} not in (case.headers or {{}})
"""


def fuzz(
    server: Server, folder: Path, config: str, *options: str | Path, never: str
) -> tuple[int, int]:
    """Ask a server what it says it takes, without the header `never`.

    Returns how many operations were asked, and how often; AssertionError when an answer was
    not what the description says.
    """
    (folder / "schemathesis.toml").write_text(_SAME_EACH_TIME + config, encoding="utf-8")
    (folder / "hooks.py").write_text(_HOOKS.format(name=never), encoding="utf-8")
    program = Path(sys.executable).with_name("schemathesis")
    url = f"http://127.0.0.1:{server.port}/api/openapi.json"
    said = run(program, "run", url, *options, cwd=folder)
    (operations,) = re.findall(r"Tested: (\d+)\n", said)
    (cases,) = re.findall(r"(\d+) generated, \1 passed", said)
    return int(operations), int(cases)
