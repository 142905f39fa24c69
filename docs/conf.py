"""How `make site` builds the site: Sphinx over the pages as they stand in the repository.

The source folder is the repository, so that links between pages are the same in both.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parent.parent
# A heading, or an item or a row that begins with a link to another page.
ENTRY = re.compile(
    r"^## (?P<heading>.+)$|^[-|] \[(?P<title>[^]]+)\]\((?P<page>[^):#]+\.md(\.jinja)?)\)", re.M
)

project = "copier-flask"
version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
extensions = ["myst_parser"]
source_suffix = {".md": "markdown", ".md.jinja": "markdown"}
include_patterns = ["CHANGELOG.md", "docs/**", "template/docs/**"]
exclude_patterns = [".*", "build"]
root_doc = "docs/index"
myst_heading_anchors = 3

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
templates_path = ["_templates"]
html_additional_pages = {"index": "start.html"}
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
# The code of a page is coloured by what its fence says.
highlight_language = "none"
# A quote in a command is to be copied as it is.
smartquotes = False


def setup(app: Sphinx) -> None:
    app.connect("source-read", follow_links)
    app.connect("source-read", show_as_rendered)


def follow_links(_app: Sphinx, name: str, source: list[str]) -> None:
    """Make a page called `index` the table of contents of the pages that it links to."""
    if name.rpartition("/")[2] != "index":
        return
    parts: dict[str, dict[str, str]] = {}
    caption = ""
    for entry in ENTRY.finditer(source[0]):
        caption = entry["heading"] or caption
        if entry["page"]:
            page = entry["page"].removesuffix(".jinja").removesuffix(".md")
            parts.setdefault(caption, {})[page] = entry["title"].replace("`", "")
    for caption, pages in parts.items():
        listed = "".join(f"{title} <{page}>\n" for page, title in pages.items())
        named = f":caption: {caption}\n" if caption else ""
        source[0] += f"\n```{{toctree}}\n:hidden:\n{named}\n{listed}```\n"


def show_as_rendered(_app: Sphinx, name: str, source: list[str]) -> None:
    """Show a page of the service with all its parts, and the first of each two ways."""
    if not name.startswith("template/"):
        return
    text = re.sub(r"^# @el.*?(?=^# @endif)", "", source[0], flags=re.M | re.S)
    text = re.sub(r"^# @.*\n", "", text, flags=re.M)
    text = text.replace("{{ package_name }}", "my_service")
    for page in (ROOT / name).parent.glob("*.md.jinja"):
        text = text.replace(f"]({page.name.removesuffix('.jinja')})", f"]({page.name})")
    source[0] = text
