"""The extension objects, bare: `init_app` of their module gives them the app."""

from flask_limiter import Limiter
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from .base import Base
from .clients import client

# What a service committed is what it answers with, so a commit expires nothing.
db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})
# Of the strategies the one that forgets whom it has not seen for two windows: in memory,
# moving-window keeps every client for good.
limiter = Limiter(client, strategy="sliding-window-counter", in_memory_fallback_enabled=True)
migrate = Migrate()
