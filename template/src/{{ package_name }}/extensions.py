"""The extension objects, bare: `init_app` of their module gives them the app."""

from flask_migrate import Migrate  # type: ignore[import-untyped]
from flask_sqlalchemy import SQLAlchemy

from .base import Base

# What a service committed is what it answers with, so a commit expires nothing.
db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})
migrate = Migrate()
