"""What keeps account routes from being guessed at: shut while nobody counts.

OWASP ASVS 5, 6.3.1. A route is limited by client before it reads its body; and by account,
from wherever it is asked, once the body has named one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, request
from werkzeug.exceptions import ServiceUnavailable

from .. import checks, endpoints, limits
from ..clients import client
from ..extensions import limiter
from ..methods import SAFE
from .blueprint import stated_security
from .secret import keyed_hash

P = ParamSpec("P")
R = TypeVar("R")
View = Callable[P, R]


def by_client(policy: str) -> Callable[[View[P, R]], View[P, R]]:
    """Limit a method of a view by client, each endpoint for itself: the outermost decorator."""

    def decorate(view: View[P, R]) -> View[P, R]:
        @wraps(view)
        def limited(*args: P.args, **kwargs: P.kwargs) -> R:
            _spend(policy, client())
            return view(*args, **kwargs)

        limited.policy = policy  # type: ignore[attr-defined]
        return limited

    return decorate


def by_account(email_key: str) -> None:
    """Limit the endpoint by address: what one client may ask of it, and what all together may.

    The first is the smaller one, so that nobody alone keeps its owner from being mailed. The
    store learns no address, and nobody what is left.
    """
    _spend("mail", keyed_hash(f"{email_key}\n{client()}"), is_told=False)
    _spend("account", keyed_hash(email_key), is_told=False)


def _spend(policy: str, key: str, *, is_told: bool = True) -> None:
    limits.spend(policy, key, scope=f"{policy} {request.endpoint}", is_told=is_told)
    if limiter.enabled and limiter.limiter.storage is not limiter.storage:
        raise ServiceUnavailable(retry_after=5)  # It counts in memory instead.


@checks.of_the_app("S019")
def open_writes_are_limited(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - SAFE:
            operation = endpoints.operation(app, rule, method)
            if stated_security(operation) == [] and not hasattr(operation, "policy"):
                hint = "Put @limits.by_client above it, of accounts/limits.py."
                yield f"{method} {rule.rule} may be tried by anybody without a limit.", hint
