"""How often a client may ask: Flask-Limiter counts what changes something, and no reads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache, partial
from typing import NamedTuple

from flask import Flask, Response, after_this_request, current_app, g, request
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded, RequestLimit
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from werkzeug.routing import Rule

from . import checks, endpoints, errors
from .clients import client
from .extensions import limiter
from .methods import SAFE

# What begins like the name of a limit.
_NO_LIMITS = {"RATELIMIT_ENABLED", "RATELIMIT_STORAGE_OPTIONS", "RATELIMIT_STORAGE_URI"}


class Counters(MemoryStorage):
    """What `memory://` is here: it forgets what has expired once a second.

    That of limits starts a thread for it every 10 ms that somebody writes, and a write
    takes a tenth longer.
    """

    STORAGE_SCHEME = ["memory"]
    _swept_at = 0.0

    def _MemoryStorage__schedule_expiry(self) -> None:  # noqa: N802 (its name there)
        if time.monotonic() > self._swept_at + 1:
            self._swept_at = time.monotonic()
            self._MemoryStorage__expire_events()  # type: ignore[attr-defined]


def init_app(app: Flask) -> None:
    # It takes itself for registered, and adds no hooks: its own make a read without any
    # limit take two thirds longer.
    app.extensions["limiter"] = {limiter}
    app.config["RATELIMIT_STORAGE_URI"] = app.config["RATELIMIT_STORAGE_URI"] or "memory://"
    limiter.init_app(app)
    app.register_error_handler(RateLimitExceeded, _refuse)
    endpoints.add_column(app, "limits", partial(_limits_of, app))
    if app.config["RATELIMIT_ENABLED"]:
        if app.config["RATELIMIT_DEFAULT"]:
            app.before_request(_spend_default)
        app.before_request(_spend_write)


def spend(policy: str, key: str, scope: str = "", *, is_told: bool = True) -> None:
    """Count a request against `RATELIMIT_<POLICY>`; 429 when nothing is left.

    What has the same key and scope counts together; without a scope that is all of the
    policy. The answer tells what is left, unless it is not the client's own.
    """
    limits = current_app.config[f"RATELIMIT_{policy.upper()}"]
    g.spending = spending = _Spending(limits, key, scope or policy)
    counted = _count(spending)
    try:
        if not counted:
            _spend()
    finally:
        if is_told:
            after_this_request(partial(_tell, policy, counted or limiter.current_limits))


def _count(spending: _Spending) -> list[RequestLimit]:
    """Return what a request was counted against, or nothing: then `_spend` knows what to do.

    Where the store is there and something is left, as nearly always, this takes a third of
    the time that Flask-Limiter takes.
    """
    if not limiter.enabled or limiter.limiter.storage is not limiter.storage:
        return []
    named = (spending.key, spending.scope)
    items = _items(spending.limits)
    try:
        if not all(limiter.limiter.hit(item, *named) for item in items):
            return []
    except Exception:  # The store is away; each has errors of its own.
        _count_in_memory()
        return []
    return [RequestLimit(limiter, item, list(named), False, True) for item in items]


def _count_in_memory() -> None:
    """Do what Flask-Limiter does when its store is away, at once and for each of many threads.

    By itself it would wait for the store twice more, and fail for all threads but the first.
    """
    if not limiter._storage_dead:
        limiter.logger.warning("limits are counted in memory: their store is away")
    limiter._storage_dead = True
    limiter._Limiter__last_check_backend = time.time()  # type: ignore[attr-defined]


@cache
def _items(limits: str) -> list[RateLimitItem]:
    return sorted(parse_many(limits))


class _Spending(NamedTuple):
    limits: str
    key: str
    scope: str


@limiter.shared_limit(
    lambda: str(g.spending.limits),
    lambda _endpoint: str(g.spending.scope),
    key_func=lambda: str(g.spending.key),
    error_message="Too many requests: wait as many seconds as Retry-After says.",
)
def _spend() -> None:
    """Pass while something is left of what `g.spending` names."""


def _spend_default() -> None:
    spend("default", client())


def _spend_write() -> None:
    if request.method not in SAFE:
        spend("writes", client())


def _limits_of(app: Flask, rule: Rule, method: str) -> str:
    """Return what a client may ask of an operation, by policy."""
    own = getattr(endpoints.operation(app, rule, method), "policy", None)
    policies = [*([own] if own else []), *([] if method in SAFE else ["writes"]), "default"]
    limits = {policy: app.config[f"RATELIMIT_{policy.upper()}"] for policy in policies}
    return ", ".join(f"{policy}: {text}" for policy, text in limits.items() if text)


def _tell(policy: str, limits: list[RequestLimit], response: Response) -> Response:
    """Add the fields of draft-ietf-httpapi-ratelimit-headers-10."""
    for limit in limits:
        window = limit.limit.get_expiry()
        left, seconds = _left(limit)
        name = f'"{policy}-{window}"'
        _add(response, "RateLimit-Policy", f"{name};q={limit.limit.amount};w={window}")
        _add(response, "RateLimit", f"{name};r={left};t={seconds}")
    return response


def _add(response: Response, field: str, item: str) -> None:
    items = response.headers.get(field)
    response.headers[field] = f"{items}, {item}" if items else item


def _refuse(error: RateLimitExceeded) -> ResponseReturnValue:
    breached = [limit for limit in limiter.current_limits if limit.breached]
    error.retry_after = max(_left(limit)[1] for limit in breached)
    return errors.problem(error)


def _left(limit: RequestLimit) -> tuple[int, int]:
    """Return how many requests are left, and in how many seconds there will be more."""
    try:
        more_at, left = limit.window
    except Exception:  # The store went away since it counted; each has errors of its own.
        return 0, 1
    return left, int(more_at - time.time()) + 1


def _is_limit(text: str) -> bool:
    try:
        return all(limit.amount for limit in parse_many(text))
    except ValueError:
        return False


@checks.of_settings("S019", everywhere=True)
def limits_can_be_read(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    """Yield the settings that are no limit: Flask-Limiter would let everything through."""
    limits = {name: text for name, text in settings.items() if name.startswith("RATELIMIT_")}
    for name in sorted(limits.keys() - _NO_LIMITS):
        if not _is_limit(limits[name]) and (name, limits[name]) != ("RATELIMIT_DEFAULT", ""):
            hint = "Write it as 60 per minute, or as 10 per minute; 100 per hour"
            yield f"FLASK_{name} is no limit.", hint


@checks.of_settings("S019")
def limits_are_on(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    if settings["RATELIMIT_ENABLED"] is not True:
        yield "FLASK_RATELIMIT_ENABLED is off.", "Leave it out: true is the default."


@checks.of_the_app("S019", "warning")
def limits_are_shared(app: Flask) -> Iterator[tuple[str, str]]:
    if app.config["RATELIMIT_STORAGE_URI"] == "memory://":
        message = "Each process counts for itself: four let four times the limits through."
        yield message, "Divide the limits by the number of processes."
