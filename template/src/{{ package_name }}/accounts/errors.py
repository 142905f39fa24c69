"""What the services refuse. `api.py` makes answers of it."""

from __future__ import annotations


class AccountError(Exception):
    """Somebody asks for what they may not have; `status`, `code` and `message` tell them."""

    status: int
    code: str
    message: str


class WrongLoginError(AccountError):
    """Unknown address, wrong password, disabled account: nobody learns which."""

    status, code = 401, "wrong-login"
    message = "There is no account with this address and password."


class WrongPasswordError(AccountError):
    status, code = 403, "wrong-password"
    message = "The current password is wrong."


class LockedError(AccountError):
    """Too many attempts failed; `retry_after` says for how many seconds no other is made."""

    status, code = 429, "locked"
    message = "Too many attempts failed. Wait, or reset the password."

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class MailedTokenError(AccountError):
    """A mailed token that is used up, expired, for another purpose or made up."""

    status, code = 400, "invalid-token"
    message = "The link is used up, too old or not ours. Ask for a new one."


class AddressTakenError(MailedTokenError):
    """There is an account with this address. Whoever has its mailed token learns no more."""


class ForbiddenError(AccountError):
    """A policy says no."""

    status, code = 403, "forbidden"
    message = "You may not do this."
