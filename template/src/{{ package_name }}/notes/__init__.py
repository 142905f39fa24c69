"""Notes, the example. For a resource of your own: copy this package and its tests, register
the blueprint in `create_app`, and run `make migration`, `make openapi` and `make check`, which
says what else it wants. `flask seed` calls what `seed.py` names.
"""

from .api import bp

__all__ = ["bp"]
