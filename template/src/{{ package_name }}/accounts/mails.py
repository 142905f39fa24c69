"""The mails of accounts, as text and as HTML. A link leads where the settings say (`PUBLIC_URL`).

None of them goes to an address that was typed, but for one that is to be proven. What has
changed is told by the commit that changes it: `with password_changed(to):`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from html import escape

from flask import current_app

from .. import about, checks, mail
from .addresses import mailbox

_NOT_YOU = "If it was not you, do nothing: nothing changes."
_WAS_NOT_YOU = "If it was not you, reset your password now."


@checks.of_settings("S032", everywhere=True)
def links_have_a_token(settings: checks.Settings) -> Iterator[tuple[str, str]]:
    for name in ("ACCOUNT_CONFIRM_PATH", "ACCOUNT_RESET_PATH", "ACCOUNT_EMAIL_PATH"):
        if not settings[name].startswith("/") or "{token}" not in settings[name]:
            yield f"FLASK_{name} is no path with a token.", "Write it as /page#{token}"


def send_registration(to: str, token: str) -> None:
    _send(to, "Confirm your address", "Choose a password to finish:", _link("CONFIRM", token))


def send_already_registered(to: str) -> None:
    text = "Somebody entered your address for an account, but you have one with it already."
    _send(to, "You have an account", text, closing="Forgot its password? You can reset it.")


def send_reset(to: str, token: str) -> None:
    _send(to, "Reset your password", "Choose a new password:", _link("RESET", token))


def send_confirm_email(to: str, token: str) -> None:
    _send(to, "Confirm your new address", "Confirm that it is yours:", _link("EMAIL", token))


def password_changed(to: str) -> AbstractContextManager[None]:
    text = "Your password was changed."
    return mail.sent_with(_mail(to, "Your password was changed", text, "", _WAS_NOT_YOU))


def email_changed(to: str) -> AbstractContextManager[None]:
    text = "Your account has another address now; this one is no longer in use."
    not_you = "If it was not you, tell whoever runs this service."
    return mail.sent_with(_mail(to, "Your address was changed", text, "", not_you))


def _link(which: str, token: str) -> str:
    settings = current_app.config
    path: str = settings[f"ACCOUNT_{which}_PATH"]
    return settings["PUBLIC_URL"] + path.replace("{token}", token)  # type: ignore[no-any-return]


def _send(to: str, subject: str, text: str, link: str = "", closing: str = _NOT_YOU) -> None:
    mail.send(_mail(to, subject, text, link, closing))


def _mail(to: str, subject: str, text: str, link: str, closing: str) -> mail.Mail:
    paragraphs = [text, *([link] if link else []), closing]
    return mail.Mail(
        to=mailbox(to),
        subject=f"{about.NAME}: {subject}",
        text="\n\n".join(paragraphs) + "\n",
        html="".join(f"<p>{_html(paragraph, link)}</p>\n" for paragraph in paragraphs),
    )


def _html(paragraph: str, link: str) -> str:
    text = escape(paragraph)
    return f'<a href="{text}">{text}</a>' if paragraph == link else text
