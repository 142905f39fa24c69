"""Bare Flask in a process that has imported what the service's has: any service has to."""

import libraries  # noqa: F401
from bare import create_app

__all__ = ["create_app"]
