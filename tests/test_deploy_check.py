"""`flask check --deploy` of a service with a planted fault: it names that one, and no other."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import space
from helpers import change, run
from server import SECRET_KEY, Service

pytestmark = pytest.mark.slow

SAMPLE = "development-only-key-that-anybody-can-read"


@dataclass(frozen=True)
class Fault:
    """A variable that is wrong, a line of a file that somebody changed, or a new file."""

    id: str
    variables: Mapping[str, str] = field(default_factory=dict)
    file: str = ""
    old: str = ""
    new: str = ""

    def plant(self, folder: Path) -> None:
        if self.old:
            change(folder / self.file, self.old, self.new)
        elif self.file:
            (folder / self.file).write_text(self.new, encoding="utf-8")

    def __str__(self) -> str:
        return "-".join([self.id, *self.variables, Path(self.file).name]).rstrip("-")


def setting(check_id: str, name: str, value: str) -> Fault:
    return Fault(check_id, {f"FLASK_{name}": value})


def edit(check_id: str, file: str, old: str, new: str) -> Fault:
    return Fault(check_id, file=file, old=old, new=new)


PACKAGE = "src/my_service"
MIGRATION = """
revision = "0002"
down_revision = "0001"
branch_labels = depends_on = None
"""
FAULTS = [
    setting("S001", "SECRET_KEY", "secret"),
    setting("S002", "SECRET_KEY_FALLBACKS", f'["{SAMPLE}"]'),
    setting("S003", "DEBUG", "1"),
    setting("S004", "TRUSTED_HOSTS", '["*"]'),
    setting("S005", "SESSION_COOKIE_SECURE", "false"),
    setting("S007", "MAX_CONTENT_LENGTH", "null"),
    setting("S008", "LOGIN_LIFETIME_SECONDS", "31536000"),
    edit("S009", f"{PACKAGE}/config.py", 'URL_SCHEME = "https"', 'URL_SCHEME = "http"'),
    setting("S012", "CORS_ORIGINS", '["http://app.example.com"]'),
    setting("S013", "PROXY_HOPS", "null"),
    edit("S014", "gunicorn.conf.py", 'forwarder_headers = ""', 'forwarder_headers = "SCRIPT_NAME"'),
    edit("S015", f"{PACKAGE}/security.py", "frame-ancestors 'none'", "frame-ancestors *"),
    setting("S016", "JWT_SECRET_KEY", SECRET_KEY),
    setting("S017", "SQLALCHEMY_DATABASE_URI", "sqlite://"),
    edit("S018", "gunicorn.conf.py", "threads = 4", "threads = 400"),
    setting("S019", "RATELIMIT_ENABLED", "false"),
    setting("S023", "ARGON2_MEMORY_COST", "1024"),
    edit(
        "S025", f"{PACKAGE}/__init__.py", "    return app", '    app.post("/")(str)\n    return app'
    ),
    setting("S026", "OPENAPI_URL_PREFIX", "/api"),
    setting("S027", "METRICS_TOKEN", "metrics"),
    setting("S029", "LOG_LEVEL", "DEBUG"),
    edit("S030", "gunicorn.conf.py", "graceful_timeout = 30", "gracefull_timeout = 30"),
    edit("S031", "migrations/versions/0002_more.py", "", MIGRATION),
    setting("S032", "MAIL_BACKEND", "console"),
]


@pytest.fixture(scope="module")
def original(
    installed: Callable[[space.Answers], Path],
    database_url: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Service:
    """Return a service of the first preset that is as it should be, but for its place."""
    folder = tmp_path_factory.mktemp("checked") / "service"
    made = Service(installed(space.presets()[0]), folder, database_url("sqlite"))
    made.settings |= {"FLASK_MAIL_BACKEND": "smtp", "FLASK_MAIL_SERVER": "smtp.example.com"}
    made.flask("db", "upgrade")
    return made


def found(service: Service, **variables: str) -> set[str]:
    """Return the lines of what is found, whether the service starts or not."""
    command = [service.programs / "flask", "--app", "my_service", "check", "--deploy"]
    given = {**service.settings, **variables, "PYTHONPATH": "src"}
    said = run(*command, "--fail-level=warning", cwd=service.folder, expect=1, **given)
    return set(re.findall(r"^(?:error: |warning: |  - )(S\d{3} .+)", said, re.MULTILINE))


@pytest.fixture(scope="module")
def always(original: Service) -> set[str]:
    """Return what is found in each of these tests."""
    lines = found(original)
    # One process counts, and whoever runs the tests owns the code, as root even.
    assert {line[:4] for line in lines} == {"S019", "S033"}
    return lines


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_planted_fault_is_named(
    original: Service,
    always: set[str],
    tmp_path: Path,
    fault: Fault,
    prove: Callable[[str], None],
) -> None:
    service = copy(original)
    shutil.copytree(original.folder, tmp_path / "service")
    service.folder = tmp_path / "service"
    fault.plant(service.folder)
    lines = found(service, **fault.variables) - always
    assert {line[:4] for line in lines} == {fault.id}, lines
    prove("planted faults that the deploy check named")
