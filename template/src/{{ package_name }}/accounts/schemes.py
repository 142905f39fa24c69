"""How clients log in: for the OpenAPI document, and for who is told to."""

from __future__ import annotations

from flask import Flask, current_app
from werkzeug.datastructures import WWWAuthenticate

Requirement = dict[str, list[str]]


def init_app(app: Flask) -> None:
    app.config["API_SPEC_OPTIONS"] = {"components": {"securitySchemes": {}}}
    app.config["API_READS"], app.config["API_WRITES"] = [], []
    app.config["API_CHALLENGES"] = []


def add(app: Flask, name: str, scheme: dict[str, str]) -> None:
    """Describe something that a client shows."""
    app.config["API_SPEC_OPTIONS"]["components"]["securitySchemes"][name] = scheme


def let_in(
    app: Flask,
    reads: Requirement,
    *,
    challenge: WWWAuthenticate,
    writes: Requirement | None = None,
) -> None:
    """Say by which of these one is logged in, and how a 401 asks for it (RFC 9110, 11.6.1)."""
    app.config["API_READS"].append(reads)
    app.config["API_WRITES"].append(writes or reads)
    app.config["API_CHALLENGES"].append(challenge)


def challenges() -> list[WWWAuthenticate]:
    found: list[WWWAuthenticate] = current_app.config["API_CHALLENGES"]
    return found
