"""Mails: what one is, and the ways it can leave by."""

from __future__ import annotations

import email.policy
import re
import secrets
import smtplib
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app, has_request_context

from . import checks

_TIMEOUT_SECONDS = 10.0
# Every server takes lines of 7 bits; not every one takes 8.
_POLICY = email.policy.SMTP.clone(cte_type="7bit")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_PUBLIC_URL = re.compile(r"https://[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*")
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, repr=False)
class Mail:
    """A mail to one address. Its repr tells nothing of it: a link in it is a secret."""

    to: str
    subject: str
    text: str
    html: str


class UnfitError(ValueError):
    """The mail cannot be written as one to one address. The message quotes nothing of it."""


class NotSentError(RuntimeError):
    """A mail was not sent. The message says why, and quotes nothing of it."""


# How a mail that a request sends leaves, so that nobody waits, and time tells nothing: it is
# asked for by the commit within, or after that.
SendLater = Callable[[Mail], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class _Postbox:
    """What an app has for its mails."""

    send_later: SendLater
    kept: list[Mail] = field(default_factory=list)


def init_app(app: Flask, send_later: SendLater) -> None:
    app.extensions["mail"] = _Postbox(send_later)


def outbox(app: Flask) -> list[Mail]:
    """Return what the backend `outbox` has kept, the oldest first; tests may empty it."""
    postbox: _Postbox = app.extensions["mail"]
    return postbox.kept


def send(mail: Mail) -> None:
    """Send a mail: in a request later, else at once, and raise `NotSentError`.

    Call it after the commit.
    """
    with sent_with(mail):
        pass


@contextmanager
def sent_with(mail: Mail) -> Iterator[None]:
    """Send a mail that tells of the commit within: if that fails, nothing is sent."""
    if has_request_context():
        with current_app.extensions["mail"].send_later(mail):
            yield
    else:
        yield
        deliver(current_app._get_current_object(), mail)  # type: ignore[attr-defined]


def deliver(app: Flask, mail: Mail) -> None:
    """Send a mail at once, or raise `NotSentError`."""
    try:
        message = _message(mail, app.config["MAIL_DEFAULT_SENDER"])
        _BACKENDS[app.config["MAIL_BACKEND"]](app, mail, message)
    except Exception as error:
        raise NotSentError(_reason(error)) from None


# Their words are ours, or those of smtplib.
_TELLS_NOTHING = (UnfitError, smtplib.SMTPNotSupportedError, smtplib.SMTPServerDisconnected)


def _reason(error: Exception) -> str:
    """Say why, in words that are not the server's: those can quote the mail."""
    kind = type(error).__name__
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"{kind}: {', '.join(str(code) for code, _ in error.recipients.values())}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{kind}: {error.smtp_code}"
    if isinstance(error, _TELLS_NOTHING):
        return f"{kind}: {error}"
    return f"{kind}: {error.strerror}" if isinstance(error, OSError) else kind


def _message(mail: Mail, sender: str) -> EmailMessage:
    """Return the mail as it travels, each header of it one line."""
    message = EmailMessage(_POLICY)
    for name, value in (("From", sender), ("To", mail.to), ("Subject", mail.subject)):
        # EmailMessage lets a line break pass at the end, where it ends the headers.
        if _UNPRINTABLE.search(value):
            raise UnfitError(f"{name} has a character that no header may have.")
        message[name] = value
    if len(message["From"].addresses) != 1:
        raise UnfitError("FLASK_MAIL_DEFAULT_SENDER is not one address.")
    if [address.addr_spec for address in message["To"].addresses] != [mail.to]:
        raise UnfitError("To is not one address.")
    message["Date"] = datetime.now(UTC)
    message["Message-ID"] = make_msgid(domain=_domain(message))
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation message answers.
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def _domain(message: EmailMessage) -> str:
    """Return the sender's domain; the machine's name is nobody's business."""
    return str(message["From"].addresses[0].domain)


def _by_smtp(app: Flask, _mail: Mail, message: EmailMessage) -> None:
    settings = app.config
    with _connected(settings, _domain(message)) as server:
        if settings["MAIL_SECURITY"] == "starttls":
            server.starttls(context=ssl.create_default_context())  # Raises where it is not offered.
        if settings["MAIL_USERNAME"]:
            server.login(settings["MAIL_USERNAME"], settings["MAIL_PASSWORD"])
        server.send_message(message)


def _connected(settings: checks.Settings, domain: str) -> smtplib.SMTP:
    host, port = settings["MAIL_SERVER"], settings["MAIL_PORT"]
    how: dict[str, Any] = {"local_hostname": domain, "timeout": _TIMEOUT_SECONDS}
    if settings["MAIL_SECURITY"] == "tls":
        return smtplib.SMTP_SSL(host, port, context=ssl.create_default_context(), **how)
    return smtplib.SMTP(host, port, **how)


def _to_console(_app: Flask, mail: Mail, _message: EmailMessage) -> None:
    lines = ["", f"To: {mail.to}", f"Subject: {mail.subject}", "", mail.text.rstrip(), ""]
    click.echo("\n".join(f"| {line}" for line in "\n".join(lines).split("\n")), err=True)


def _to_file(app: Flask, _mail: Mail, message: EmailMessage) -> None:
    folder = Path(app.instance_path, app.config["MAIL_FOLDER"])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = folder / f".{secrets.token_urlsafe(16)}"
    unfinished.touch(mode=0o600, exist_ok=False)
    unfinished.write_bytes(bytes(message))
    unfinished.replace(folder / f"{unfinished.name[1:]}.eml")


def _to_outbox(app: Flask, mail: Mail, _message: EmailMessage) -> None:
    outbox(app).append(mail)


_BACKENDS: Mapping[str, Callable[[Flask, Mail, EmailMessage], None]] = {
    "smtp": _by_smtp,
    "console": _to_console,
    "file": _to_file,
    "outbox": _to_outbox,
}


@checks.of_settings("S032")
def mail_settings(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    if not _PUBLIC_URL.fullmatch(settings["PUBLIC_URL"]):
        hint = "Write where mailed links lead, with no slash at the end: https://app.example.com"
        yield "FLASK_PUBLIC_URL is not set, or no such URL.", hint
    if not _is_sender(settings["MAIL_DEFAULT_SENDER"]):
        hint = "Write it as My Service <noreply@example.com>"
        yield "FLASK_MAIL_DEFAULT_SENDER is not set, or no address.", hint
    if settings["MAIL_BACKEND"] != "smtp":
        return
    if not settings["MAIL_SERVER"]:
        yield "FLASK_MAIL_SERVER is not set.", "Name the host that takes mails: smtp.example.com"
    if bool(settings["MAIL_USERNAME"]) != bool(settings["MAIL_PASSWORD"]):
        missing = "PASSWORD" if settings["MAIL_USERNAME"] else "USERNAME"
        yield f"FLASK_MAIL_{missing} is not set, and its other half is.", "Set both, or neither."
    if settings["MAIL_USERNAME"] and _is_in_the_clear(settings):
        hint = "Set it to starttls, or to tls."
        yield "FLASK_MAIL_SECURITY is none: the password would travel in the clear.", hint


@checks.of_settings("S032", "warning")
def mails_leave_encrypted(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    if settings["MAIL_BACKEND"] != "smtp":
        yield "FLASK_MAIL_BACKEND is not smtp: no mail leaves.", "Leave it out."
    elif _is_in_the_clear(settings):
        yield "FLASK_MAIL_SECURITY is none: mails can be read.", "Set it to starttls, or to tls."


def _is_sender(text: str) -> bool:
    if _UNPRINTABLE.search(text):
        return False
    header = EmailMessage(_POLICY)
    header["From"] = text
    addresses = [address.addr_spec for address in header["From"].addresses]
    return len(addresses) == 1 and bool(_ADDRESS.fullmatch(addresses[0]))


def _is_in_the_clear(settings: checks.Settings) -> bool:
    return settings["MAIL_SECURITY"] == "none" and settings["MAIL_SERVER"] not in _LOCAL
