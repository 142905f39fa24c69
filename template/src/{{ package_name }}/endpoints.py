"""What can be called: `flask endpoints`. A part of the service adds what it knows of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from werkzeug.routing import Rule

# Returns what is known of a rule and a method, or nothing.
Tell = Callable[[Rule, str], str]


def add_column(app: Flask, title: str, tell: Tell) -> None:
    """Have `flask endpoints` say something more of each."""
    app.extensions.setdefault("endpoints", {})[title] = tell


def operation(app: Flask, rule: Rule, method: str) -> Any:
    """Return the function behind a method of a rule."""
    view = app.view_functions[rule.endpoint]
    return getattr(getattr(view, "view_class", None), method.lower(), view)


@click.command("endpoints")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@with_appcontext
def show_endpoints(format_: str) -> None:
    """List what can be called, and what else is known of it."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    rows = sorted(_rows(app), key=lambda row: (row["path"], row["method"]))
    if format_ == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    table = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _rows(app: Flask) -> Iterator[dict[str, str]]:
    more: dict[str, Tell] = app.extensions.get("endpoints", {})
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            told = {title: tell(rule, method) for title, tell in more.items()}
            yield {"method": method, "path": rule.rule, "endpoint": rule.endpoint, **told}
