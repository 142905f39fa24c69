"""The site: it builds without a warning, needs no network, and can be searched."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from conftest import missing
from helpers import ROOT, append, files, run

# What a browser fetches by itself; a link is followed by a person.
FETCHED = {"src", "srcset", "data", "poster", "action", "formaction", "background"}
FOREIGN = re.compile(r"^\s*(https?:)?//", re.I)
IN_STYLES = re.compile(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s;]+)", re.I)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Page(HTMLParser):
    """What a page loads, where it leads, and what can be led to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in ((name, value or "") for name, value in attributes):
            if name in FETCHED or (tag in ("link", "use", "image") and name.endswith("href")):
                self.fetched.append(value)
            elif name == "href":
                self.links.append(value)
            elif name == "style":
                self.fetched += IN_STYLES.findall(value)
            elif name == "id":
                self.anchors.add(value)


def foreign(name: str, text: str) -> list[str]:
    """Return what a file of the site would fetch from another host."""
    if name.endswith(".html"):
        return [url for url in Page(text).fetched if FOREIGN.match(url)] + IN_STYLES.findall(text)
    return IN_STYLES.findall(text) if name.endswith(".css") else []


@pytest.fixture(scope="session")
def site(once: Callable[..., Path]) -> Path:
    """Return the site, built by the target that people use, from the files of the repository."""

    def build(folder: Path) -> None:
        said = run("make", "site", cwd=copy(folder))
        assert "warning" not in said.lower()

    return once("site", build) / "build" / "site"


def copy(folder: Path) -> Path:
    """Return the folder with the files of the repository, committed or not."""
    for name in files(ROOT):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder


def pages(site: Path) -> Iterator[tuple[Path, Page]]:
    for path in sorted(site.rglob("*.html")):
        yield path, Page(path.read_text(encoding="utf-8"))


def test_every_page_is_there(site: Path) -> None:
    texts = [
        name for name in files(ROOT) if re.match(r"(docs/|template/docs/|CHANGELOG).*\.md", name)
    ]
    for name in texts:
        assert (site / re.sub(r"\.md(\.jinja)?$", ".html", name)).is_file(), name
    assert len(texts) > 50


def test_links_lead_somewhere(site: Path, prove: Callable[..., None]) -> None:
    found = dict(pages(site))
    followed = 0
    for path, page in found.items():
        for link in map(urlsplit, page.links):
            if link.scheme or link.netloc:
                continue
            target = (path.parent / unquote(link.path)).resolve() if link.path else path
            assert target.is_file(), f"{path}: {link.path}"
            if target in found and link.fragment:
                assert link.fragment in found[target].anchors, f"{path}: #{link.fragment}"
            followed += 1
    prove("links of the site followed", followed)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", '<script src="https://cdn.example/x.js"></script>'),
        ("a.html", '<link rel="stylesheet" href="//cdn.example/x.css">'),
        ("a.html", '<img srcset="http://cdn.example/x.png 2x">'),
        ("a.html", '<p style="background: url(https://cdn.example/x.png)">'),
        ("a.html", "<style>@import 'https://cdn.example/x.css';</style>"),
        ("a.css", '@font-face {src: url("https://cdn.example/x.woff2")}'),
    ],
)
def test_another_host_is_noticed(name: str, text: str) -> None:
    assert foreign(name, text)


def test_site_asks_no_other_host(site: Path) -> None:
    asked = {
        path: found
        for path in site.rglob("*")
        if path.suffix in (".html", ".css")
        if (found := foreign(path.name, path.read_text(encoding="utf-8")))
    }
    assert not asked


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("[a page](nowhere.md)", "'myst' cross-reference target not found: 'nowhere.md'"),
        ("[a part](index.md#nowhere)", "local id not found in doc 'docs/index': 'nowhere'"),
        ("#### Too deep", "Non-consecutive header level increase; H2 to H4"),
    ],
)
def test_wrong_page_stops_the_build(tmp_path: Path, fault: str, told: str) -> None:
    append(copy(tmp_path) / "docs" / "index.md", f"\n{fault}\n")
    assert told in run("make", "site", cwd=tmp_path, expect=2)


def browse(request: pytest.FixtureRequest, url: str, profile: Path) -> str:
    """Return a page as a browser has it when its scripts have run, without any network."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    options += ["--disable-background-networking", "--disable-component-update"]
    options += [f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND"]
    options += ["--virtual-time-budget=20000", "--dump-dom"]
    return run(browser or missing(request, "no chromium"), *options, url, cwd=profile, timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize(("word", "is_found"), [("gunicorn", True), ("xylophone", False)])
def test_search_needs_no_network(
    request: pytest.FixtureRequest, site: Path, tmp_path: Path, word: str, is_found: bool
) -> None:
    """Opened from the folder, as a person would who got it as a file."""
    shown = browse(request, f"{(site / 'search.html').as_uri()}?q={word}", tmp_path)
    results = re.search(r'<div id="search-results">(.*)', shown, re.S)
    assert results
    assert bool(re.search(r'<li class="kind-', results[1])) == is_found
    assert ("did not match any documents" in results[1]) != is_found
