"""Who may do what with accounts. Policies are plain functions: they ask nothing and do nothing."""

from __future__ import annotations

from .models import Role, User


def is_admin(actor: User) -> bool:
    return actor.role is Role.ADMIN
