"""What holds for every answer: headers, trusted hosts, proxy hops, cookies, CORS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from . import checks
from .config import SAMPLE_KEY

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# A name or an address, or a dot and a domain to take in its subdomains. Werkzeug compares
# them as they are written, and takes no IPv6 address.
_HOST = re.compile(r"\.?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
# What a policy must say, and open to nobody.
_CLOSED = ("default-src", "base-uri", "frame-ancestors")
# Flask-Cors would read anything with a `*` or a bracket as a pattern without an end.
_ORIGIN = re.compile(r"https?://[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?")
# OWASP ASVS 5: V3.4. The service answers with data, so nothing may be loaded or framed.
HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"),
    ("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
)


def init_app(app: Flask) -> None:
    app.session_interface = Sessions()
    if app.config["CORS_ORIGINS"]:
        CORS(app)  # It reads each setting of ours that begins with CORS.
    app.wsgi_app = Headers(app.wsgi_app, app.config["HSTS_SECONDS"])  # type: ignore[assignment, method-assign]
    if hops := app.config["PROXY_HOPS"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]


class Headers:
    """Adds the headers to every answer, but for those that a view has set itself.

    A WSGI layer: a list of headers is extended at a fraction of what `response.headers` costs.
    """

    def __init__(self, wsgi_app: WSGIApplication, hsts_seconds: int) -> None:
        self.wsgi_app = wsgi_app
        hsts = f"max-age={hsts_seconds}; includeSubDomains"
        over_https = (*HEADERS, ("Strict-Transport-Security", hsts))
        self.by_scheme = {
            scheme: [(name.lower(), (name, value)) for name, value in headers]
            for scheme, headers in (("http", HEADERS), ("https", over_https))
        }

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        def start_with_headers(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            given = {name.lower() for name, _ in headers}
            ours = self.by_scheme[environ["wsgi.url_scheme"]]
            missing = [header for name, header in ours if name not in given]
            return start(status, headers + missing, *error)

        return self.wsgi_app(environ, start_with_headers)


class Sessions(SecureCookieSessionInterface):
    """Flask's signed cookies, at no cost for a request that neither brings nor makes one."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if "HTTP_COOKIE" in request.environ:
            return super().open_session(app, request)
        return self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if session.accessed or session.modified:
            super().save_session(app, session, response)


def own_url(app: Flask) -> str:
    """Return a URL that this service takes for its own."""
    host = (app.config["TRUSTED_HOSTS"] or ["localhost"])[0].lstrip(".")
    return f"https://{host}"


def can_be_guessed(key: str) -> bool:
    """Return whether a key is one of development, too short for a secret, or no random one."""
    return key.startswith(SAMPLE_KEY) or len(key.encode()) < 32 or len(set(key)) <= 5


@checks.of_settings("S001")
def secret_key(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    key = settings["SECRET_KEY"]
    hint = "Make one: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
    if not key:
        yield "FLASK_SECRET_KEY is not set.", hint
    elif can_be_guessed(key):
        yield "FLASK_SECRET_KEY can be guessed: it is a sample, short, or a pattern.", hint


@checks.of_settings("S002")
def old_secret_keys(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    keys = settings["SECRET_KEY_FALLBACKS"]
    if settings["SECRET_KEY"] in keys or any(map(can_be_guessed, keys)):
        hint = "Keep in it what was FLASK_SECRET_KEY, or will be, and nothing else."
        yield "FLASK_SECRET_KEY_FALLBACKS has the current key, or one that can be guessed.", hint


@checks.of_settings("S004")
def trusted_hosts(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    hosts = settings["TRUSTED_HOSTS"]
    hint = 'List the names that clients use, in lower case: ["api.example.com"]'
    if not hosts:
        yield "FLASK_TRUSTED_HOSTS is not set.", hint
    elif not all(_HOST.fullmatch(host) for host in hosts):
        yield "FLASK_TRUSTED_HOSTS has an entry that is no host, or is every host.", hint


@checks.of_settings("S005")
def session_cookie(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    for name in ("SESSION_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY"):
        if settings[name] is not True:
            yield f"FLASK_{name} is off.", "Leave it out: true is the default."
    same_site = settings["SESSION_COOKIE_SAMESITE"]
    if same_site not in ("Lax", "Strict") and not (
        same_site == "None" and settings["SESSION_COOKIE_PARTITIONED"]
    ):
        yield "FLASK_SESSION_COOKIE_SAMESITE is too open.", "Set it to Lax or Strict."


@checks.of_settings("S007")
def body_limits(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    for name in ("MAX_CONTENT_LENGTH", "MAX_FORM_MEMORY_SIZE", "MAX_FORM_PARTS"):
        limit = settings[name]
        if not isinstance(limit, int) or limit <= 0:
            yield f"FLASK_{name} is no limit.", "Set it to a number above 0."


@checks.of_settings("S009")
def links_lead_to_https(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    if settings["PREFERRED_URL_SCHEME"] != "https":
        yield "PREFERRED_URL_SCHEME is not https.", "Restore it in config.py."


@checks.of_settings("S012", everywhere=True)
def cors_origins(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    hint = 'List each in full: ["https://app.example.com"]'
    if not all(_ORIGIN.fullmatch(origin) for origin in settings["CORS_ORIGINS"]):
        yield "FLASK_CORS_ORIGINS has an entry that is no origin, or is many.", hint


@checks.of_settings("S012")
def origins_are_encrypted(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    if any(origin.startswith("http:") for origin in settings["CORS_ORIGINS"]):
        yield "FLASK_CORS_ORIGINS has a page that anybody on the way can change.", "Use https."


@checks.of_settings("S013")
def proxy_hops(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    hops = settings["PROXY_HOPS"]
    if not isinstance(hops, int) or hops < 0:
        hint = "Set it to the number of proxies in front: 0 for none."
        yield "FLASK_PROXY_HOPS is not set to 0 or more.", hint


def _is_closed(policy: str) -> bool:
    """Return whether a policy leaves nothing open to everybody, nor to what a page has in it."""
    parts = [part.lower().split() for part in policy.split(";")]
    sources = {name: set(given) for name, *given in filter(None, parts)}
    everybody = {"*", "http:", "https:"}
    return (
        all(sources.get(name) in ({"'none'"}, {"'self'"}) for name in _CLOSED)
        and not any(everybody & given for given in sources.values())
        and not sources.get("script-src", set()) & {"data:", "blob:"}
        and "'unsafe-" not in policy.lower()
    )


# What each header may be changed to (OWASP Secure Headers).
_SAFE: dict[str, Callable[[str], object]] = {
    "X-Content-Type-Options": re.compile("nosniff").fullmatch,
    "Referrer-Policy": re.compile("same-origin|strict-origin(-when-cross-origin)?").fullmatch,
    "Cross-Origin-Opener-Policy": re.compile("same-origin(-allow-popups)?").fullmatch,
    "Cross-Origin-Resource-Policy": re.compile("same-(origin|site)").fullmatch,
    "Permissions-Policy": bool,
    "Content-Security-Policy": _is_closed,
}


@checks.of_the_app("S015")
def headers_of_an_answer(app: Flask) -> Iterator[tuple[str, str]]:
    answer = app.test_client().get("/", base_url=own_url(app))
    hint = "Restore it in security.py."
    for name, is_safe in _SAFE.items():
        if not is_safe(answer.headers.get(name, "")):
            yield f"The header {name} is missing, or too open.", hint
    seconds = re.match(r"max-age=(\d+)", answer.headers.get("Strict-Transport-Security", ""))
    if not seconds or int(seconds[1]) < 31_536_000:
        hint = "Set FLASK_HSTS_SECONDS to 31536000, a year, or more."
        yield "The header Strict-Transport-Security is missing or too short.", hint
