"""Notes, the example. For a resource of your own: copy this package and its tests, register
the blueprint in `create_app`, list its endpoints in `tests/test_conventions.py`, and run
`make migration` and `make openapi`. `flask seed` calls what `seed.py` names.
"""

from .api import bp

__all__ = ["bp"]
