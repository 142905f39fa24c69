"""What `flask` can do with this service beside running it: look at it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from . import about, checks, config, endpoints
from . import runtime as runtime  # Its checks are there with it.
from .logs import REDACTED

# A setting's name ends with what it is.
_SECRET = re.compile(r"(CREDENTIAL|DSN|FALLBACK|KEY|PASSPHRASE|PASSWORD|SECRET|TOKEN)S?$", re.I)
# What stands in a URL before its host, or behind its path, may be a password.
_LOGIN = re.compile(r"(?s)(?<=://).*@")
_QUERY = re.compile(r"(?s)(://[^?]*\?).+")


def init_app(app: Flask) -> None:
    app.cli.add_command(check)
    app.cli.add_command(show_config)
    app.cli.add_command(endpoints.show_endpoints)


@click.command()
@click.option("--deploy", is_flag=True, help="Check everything that production needs.")
@click.option("--list", "is_list", is_flag=True, help="Only list what can be checked.")
@click.option("--fail-level", type=click.Choice(["error", "warning"]), default="error")
@click.option("--format", "format_", type=click.Choice(["text", "json", "sarif"]), default="text")
@with_appcontext
def check(deploy: bool, is_list: bool, fail_level: str, format_: str) -> None:
    """Say what would be wrong with this service in production.

    Without --deploy only the settings are looked at. Exits with 1 when a finding
    reaches the fail level.
    """
    if is_list:
        for each in checks.every():
            click.echo(f"{each.id} {each.level}: {each.title}")
        return
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    found = checks.findings(app, deploy=deploy)
    if format_ == "json":
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    elif format_ == "sarif":
        click.echo(json.dumps(_sarif(found), indent=2))
    else:
        for finding in found:
            click.echo(f"{finding.level}: {finding}")
        click.echo(f"{len(found)} findings.")
    if any(finding.level in ("error", fail_level) for finding in found):
        raise SystemExit(1)


def _sarif(found: Sequence[checks.Finding]) -> dict[str, Any]:
    """Return the findings as code scanners read them (SARIF 2.1.0, OASIS)."""
    titles = {each.id: each.title for each in checks.every()}
    texts = ("shortDescription", "fullDescription", "help")
    rules = [
        {"id": check_id, **{text: {"text": titles[check_id]} for text in texts}}
        for check_id in sorted({finding.id for finding in found})
    ]
    driver = {"name": f"{__package__} check", "version": about.VERSION, "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [*map(_result, found)]}],
    }


def _result(finding: checks.Finding) -> dict[str, Any]:
    file, _, line = finding.place.partition(":")
    region = {"startLine": int(line), "startColumn": 1, "endLine": int(line), "endColumn": 2}
    place = {"artifactLocation": {"uri": file}, "region": region}
    same = sha256(f"{finding.id} {finding.message}".encode()).hexdigest()
    return {
        "ruleId": finding.id,
        "level": finding.level,
        "message": {"text": f"{finding.message} {finding.hint}"},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"primaryLocationLineHash": same},
    }


@click.command("config")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@with_appcontext
def show_config(format_: str) -> None:
    """Show each setting, and where it comes from: a class, or a variable. No secret is shown."""
    sources = current_app.extensions["config_sources"]
    shown = {
        name: {"value": _masked(name, current_app.config.get(name)), "source": sources[name]}
        for name in sorted(config.declared())
    }
    if format_ == "json":
        click.echo(json.dumps(shown, indent=2, default=str))
        return
    for name, each in shown.items():
        click.echo(f"{name} = {json.dumps(each['value'], default=str)} ({each['source']})")


def _masked(name: str, value: Any) -> Any:
    """Return a value without what is secret of it; nothing shows as nothing."""
    if value and _SECRET.search(name):
        return REDACTED
    if isinstance(value, dict):
        return {key: _masked(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked("", inner) for inner in value]
    if isinstance(value, str):
        return _QUERY.sub(rf"\1{REDACTED}", _LOGIN.sub(f"{REDACTED}@", value))
    return value
