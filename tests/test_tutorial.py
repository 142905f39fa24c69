"""The tutorial, followed page by page: what it prints is what is run and written."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import test_container
from helpers import ROOT, UV, change, commit, free_port, run, snapshot
from test_docs import serving

PAGES = sorted((ROOT / "docs" / "tutorial").glob("[0-9]-*.md"))
# A fence, and the file that the line above names for it.
STEP = re.compile(r"^(?P<above>[^\n]*)\n\n```(?P<kind>\w+)\n(?P<text>.*?)(?=^```$)", re.M | re.S)
FILE = re.compile(r"`([^`]+/[^`]+)`[^`]*:$")
# What does not end by itself; it is stopped at the end of its page.
SERVES = "make run\n"
# For compose: a port that is free, and builds that reach the package registry.
HERE = """
services:
  migrate: {{build: &here {{network: host}}}}
  web: {{build: *here, ports: !override ["127.0.0.1:{port}:8000"]}}
"""


@dataclass
class Reader:
    """Somebody with nothing but the programs that the tutorial asks for."""

    folder: Path
    variables: dict[str, str]
    port: int = 0
    said: str = ""

    def follow(self, page: Path) -> None:
        with contextlib.ExitStack() as stack:
            for step in steps(page.read_text(encoding="utf-8")):
                self.do(stack, *step)

    def do(self, stack: contextlib.ExitStack, kind: str, file: str, text: str) -> None:
        match kind:
            case "sh" if text == SERVES:
                service = serving(self.folder, text, **self.variables)
                self.port = stack.enter_context(service)
            case "sh":
                self.run(text)
            case "text":
                assert re.search(shown(text), self.said), f"{text}\nis not in\n{self.said}"
            case "diff":
                change(self.folder / file, *sides(text))
            case _:
                (self.folder / file).parent.mkdir(exist_ok=True)
                (self.folder / file).write_text(text, encoding="utf-8")

    def run(self, commands: str) -> None:
        """Run commands in the folder that the last ones ended in."""
        where = self.folder.parent / "where"
        text = commands.replace(":8000", f":{self.port}")
        script = f'{text}\npwd > "{where}"\n'
        self.said = run("sh", "-ec", script, cwd=self.folder, **self.variables)
        self.folder = Path(where.read_text(encoding="utf-8").strip())


def steps(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield kind, file and text of each fence of a page."""
    found = list(STEP.finditer(text))
    assert len(found) * 2 == len(re.findall(r"^\s*```", text, re.M)), "a fence that nobody follows"
    for step in found:
        named = FILE.search(step["above"])
        assert named or step["kind"] in ("sh", "text"), f"no file: {step['above']}"
        yield step["kind"], named[1] if named else "", step["text"]


def shown(text: str) -> str:
    """Return the pattern of an output; `…` stands for anything."""
    return ".*".join(map(re.escape, text.rstrip("\n").split("…")))


def sides(diff: str) -> tuple[str, str]:
    """Return the old and the new lines."""
    lines = diff.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] in " -")
    return old, "".join(line[1:] for line in lines if line[0] in " +")


def test_what_nobody_follows_is_noticed() -> None:
    for wrong in ("```python\npass\n```", "A file:\n\n```python\npass\n```", "- a\n  ```sh\n  ```"):
        with pytest.raises(AssertionError):
            list(steps(f"# Page\n\n{wrong}\n"))
    assert not re.search(shown("{…}, 1"), "{}, 2")
    assert sides(" a\n-b\n+c\n") == ("a\nb\n", "a\nc\n")


@pytest.fixture(scope="session")
def reader(once: Callable[..., Path]) -> Reader:
    """Return who has followed all pages but the last, once a session."""

    def begin(folder: Path) -> Reader:
        home = folder / "home"
        cache = run(UV, "cache", "dir", cwd=ROOT).strip()
        return Reader(folder / "work", {"HOME": str(home), "UV_CACHE_DIR": cache})

    def follow(folder: Path) -> None:
        for new in ("home", "work"):
            (folder / new).mkdir(parents=True)
        address = snapshot(folder / "template")
        commit(address, "First", tag="v1.0.0")
        someone = begin(folder)
        for page in PAGES[:-1]:
            copy = folder / page.name
            text = page.read_text(encoding="utf-8")
            copy.write_text(text.replace("<address of this repository>", str(address)))
            someone.follow(copy)

    folder = once("tutorial", follow)
    someone = begin(folder)
    someone.folder /= "reading-list"
    return someone


@pytest.mark.slow
def test_tutorial_makes_a_service(reader: Reader, prove: Callable[[str], None]) -> None:
    """The last commands checked it; all that is left is what they leave behind."""
    assert run("git", "status", "--porcelain", cwd=reader.folder) == ""
    assert len(run("git", "log", "--oneline", cwd=reader.folder).splitlines()) == 2
    prove("pages of the tutorial followed", len(PAGES) - 1)


@pytest.mark.slow
def test_tutorial_deploys(reader: Reader, prove: Callable[[str], None]) -> None:
    """With a port and a network for the build of this machine; all else is as shipped."""
    for needed in (["info"], ["compose", "version"]):
        test_container.skip_without(*needed)
    reader.port = free_port()
    (reader.folder / "here.yaml").write_text(HERE.format(port=reader.port))
    reader.variables |= {
        "COMPOSE_FILE": "compose.yaml:here.yaml",
        "COMPOSE_PROJECT_NAME": test_container.unused(),
    }
    try:
        reader.follow(PAGES[-1])
    finally:
        down = ["docker", "compose", "down", "--volumes", "--rmi=local"]
        run(*down, cwd=reader.folder, **reader.variables)
    prove("pages of the tutorial followed")
