"""A client that openapi-python-client makes of the service's own description, and mypy reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import UV, run
from server import HOST, Server, Service
from test_accounts import PASSWORD, SETTINGS, answers, register

pytestmark = pytest.mark.slow

TOOLS = ("--with", "openapi-python-client>=0.29,<0.30", "--with", "mypy>=2.4,<3")
# Of `__exit__(self, *args: object)` in each client that the generator makes, whatever it reads.
MYPY = """
[mypy]
strict = true
pretty = false

[mypy-my_service_client.client]
disable_error_code = arg-type
"""
STORY = '''
"""What somebody writes who has the client: checked as strictly as it is run."""

import sys
from uuid import uuid4

from my_service_client import AuthenticatedClient, Client
from my_service_client.api.accounts import get_api_v1_auth_me
from my_service_client.api.notes import (
    delete_api_v1_notes_note_id,
    get_api_v1_notes,
    get_api_v1_notes_note_id,
    patch_api_v1_notes_note_id,
    post_api_v1_notes,
)
from my_service_client.api.tokens import post_api_v1_auth_token
from my_service_client.models import (
    Login,
    Note,
    NoteData,
    NoteDataChanges,
    NotePage,
    Problem,
    Tokens,
    User,
)

url, host, email, password = sys.argv[1:]
anonymous = Client(base_url=url, headers={"Host": host}, raise_on_unexpected_status=True)

wrong = post_api_v1_auth_token.sync(client=anonymous, body=Login(email, "not " + password))
assert isinstance(wrong, Problem)
assert (wrong.status, wrong.code) == (401, "wrong-login")
tokens = post_api_v1_auth_token.sync(client=anonymous, body=Login(email, password))
assert isinstance(tokens, Tokens)
assert isinstance(tokens.access_token, str)
client = AuthenticatedClient(
    base_url=url, token=tokens.access_token, headers={"Host": host}, raise_on_unexpected_status=True
)

user = get_api_v1_auth_me.sync(client=client)
assert isinstance(user, User)
assert (user.email, user.created_at.tzinfo is not None) == (email, True)
new = NoteData(title="Typed", body="By a machine")
made = post_api_v1_notes.sync(client=client, body=new)
assert isinstance(made, Note)
page = get_api_v1_notes.sync(client=client, limit=5)
assert isinstance(page, NotePage)
assert ([note.id for note in page.items], page.next_cursor) == ([made.id], None)
read = get_api_v1_notes_note_id.sync_detailed(made.id, client=client)
assert read.parsed == made
changed = patch_api_v1_notes_note_id.sync(
    made.id, client=client, body=NoteDataChanges(title="Changed"), if_match=read.headers["ETag"]
)
assert isinstance(changed, Note)
assert (changed.title, changed.body) == ("Changed", made.body)
gone = delete_api_v1_notes_note_id.sync_detailed(made.id, client=client)
assert (gone.status_code, gone.parsed) == (204, None)

missing = get_api_v1_notes_note_id.sync(uuid4(), client=client)
assert isinstance(missing, Problem)
assert (missing.status, missing.code) == (404, "not-found")
stranger = AuthenticatedClient(base_url=url, token="not one of theirs", headers={"Host": host})
refused = get_api_v1_notes.sync(client=stranger)
assert isinstance(refused, Problem)
assert (refused.status, refused.code) == (401, "unauthorized")
for each in (anonymous, client, stranger):
    each.get_httpx_client().close()
print("typed")
'''


def test_generated_client_is_typed_and_works(
    make: Callable[..., Service],
    start: Callable[..., Server],
    tmp_path: Path,
    prove: Callable[..., None],
) -> None:
    service = make(answers("jwt"))
    service.flask("openapi", "write", str(tmp_path / "openapi.json"))
    generate = "openapi_python_client", "generate", "--path", "openapi.json", "--meta", "none"
    package = "--output-path", "my_service_client", "--fail-on-warning"
    tool("python", "-W", "error", "-m", *generate, *package, cwd=tmp_path)
    (tmp_path / "mypy.ini").write_text(MYPY, encoding="utf-8")
    (tmp_path / "story.py").write_text(STORY, encoding="utf-8")
    said = tool("mypy", "my_service_client", "story.py", cwd=tmp_path)
    assert said.splitlines()[-1].startswith("Success: no issues found in "), said
    server = start(service, **SETTINGS)
    who = "typist@example.com"
    register(server, service, who)
    url = f"http://127.0.0.1:{server.port}"
    said = tool("python", "-W", "error", "story.py", url, HOST, who, PASSWORD, cwd=tmp_path)
    assert said == "typed\n"
    assert not server.errors()
    prove("clients that were generated, read by mypy --strict and used")


def tool(*command: str, cwd: Path) -> str:
    """Run a command where the generator is, and the formatter that it calls."""
    return run(UV, "run", "--quiet", "--no-project", *TOOLS, *command, cwd=cwd)
