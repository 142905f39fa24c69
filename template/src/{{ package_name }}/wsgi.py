"""What gunicorn loads."""

import sys  # pragma: exclude file

from . import create_app
from .config import SettingsError

try:
    app = create_app()
except SettingsError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(3)  # gunicorn's WORKER_BOOT_ERROR: the master stops and does not retry.
