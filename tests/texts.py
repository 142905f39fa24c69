"""The shell blocks of the texts, for the tests that run them."""

from __future__ import annotations

import re

from helpers import ROOT

SHELL = re.compile(r"```sh\n(.*?)```", re.S)


def blocks(name: str) -> list[str]:
    """Return the shell blocks of a text, one for each branch of a toggle."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return [part for found in SHELL.findall(text) for part in re.split(r"# @.*\n", found) if part]


def block(name: str, first: str) -> str:
    return next(text for text in blocks(name) if text.startswith(first))
