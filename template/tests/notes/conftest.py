from __future__ import annotations

import pytest
from flask.testing import FlaskClient


@pytest.fixture
def client(as_user: FlaskClient) -> FlaskClient:
    """Return a client of somebody who may have notes."""
    return as_user
