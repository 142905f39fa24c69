"""`flask accounts`: what an operator does with accounts."""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup
from sqlalchemy import select

from ..extensions import db
from . import service
from .addresses import Address, parse
from .errors import AddressTakenError
from .models import Role, User
from .passwords import WeakPasswordError
from .users import find_user

group = AppGroup("accounts", help="Make, list and change accounts.")


class AddressType(click.ParamType[Address]):
    name = "email"

    def convert(self, value: str, param: object, ctx: object) -> Address:
        try:
            return parse(value)
        except ValueError as error:
            self.fail(str(error))


EMAIL = click.argument("address", metavar="EMAIL", type=AddressType())


@group.command("create-admin")
@EMAIL
def create_admin(address: Address) -> None:
    """Make an account with all rights; the password is asked for, or read from a pipe."""
    try:
        user = service.create_admin(address, _password())
    except AddressTakenError as error:
        hint = f"flask accounts grant {address.email}"
        raise click.ClickException(f"There is an account with this address: {hint}") from error
    except WeakPasswordError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{user.email} is an admin.")


@group.command("list")
def list_accounts() -> None:
    """List the accounts."""
    for user in db.session.scalars(select(User).order_by(User.created_at, User.id)):
        state = "disabled" if user.disabled_at else "active"
        click.echo(f"{user.id}  {user.role:5}  {state:8}  {user.email}")


@group.command()
@EMAIL
def grant(address: Address) -> None:
    """Make an account an admin's."""
    service.set_role(_user(address), Role.ADMIN)
    click.echo(f"{address.email} is an admin.")


@group.command()
@EMAIL
def revoke(address: Address) -> None:
    """Make an admin's account one like any other."""
    service.set_role(_user(address), Role.USER)
    click.echo(f"{address.email} is no admin.")


@group.command()
@EMAIL
def disable(address: Address) -> None:
    """End all logins of an account, and let it have none."""
    service.disable(_user(address))
    click.echo(f"{address.email} is disabled, and logged out.")


@group.command()
@EMAIL
def enable(address: Address) -> None:
    """Take `disable` back."""
    service.enable(_user(address))
    click.echo(f"{address.email} may log in again.")


@group.command()
def purge() -> None:
    """Delete expired logins, mailed tokens and counts; run it once a day."""
    service.purge()


def _password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


def _user(address: Address) -> User:
    user = find_user(address.key)
    if user is None:
        raise click.ClickException(f"{address.email} has no account.")
    return user
