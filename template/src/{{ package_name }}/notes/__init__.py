"""Notes, the example: copy this package for a resource of your own."""

from .api import bp

__all__ = ["bp"]
