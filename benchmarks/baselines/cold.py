"""`python cold.py <module>` makes the app of a module, and ends; `libraries` names its imports.

Of the service only what is of others is named.
"""

import importlib
import sys


def main(module: str) -> None:
    importlib.import_module("service" if module == "libraries" else module).create_app()
    if module == "libraries":
        found = {name: str(getattr(each, "__file__", "")) for name, each in sys.modules.items()}
        print(*(name for name, file in found.items() if "site-packages" in file))


if __name__ == "__main__":
    main(*sys.argv[1:])
