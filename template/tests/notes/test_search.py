"""What a search finds: the same on every database."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

NOTES = "/api/v1/notes"
THERE = [
    ("Shopping", "Milk, eggs and the bread"),
    ("Milk prices", "Rising in 2026"),
    ("Straße", "Zoë fährt nach 東京都 🎈"),
    ("Milkshake", "100% pure"),
    ("Odds/ends.txt", "me@home.example, snake_case's 2025-2027 हिन्दी ΟΔΟΣ"),
]


@pytest.fixture(autouse=True)
def _there(client: FlaskClient) -> None:
    for title, body in THERE:
        assert client.post(NOTES, json={"title": title, "body": body}).status_code == 201


def found(client: FlaskClient, q: str, **query: str) -> list[str]:
    answer = client.get(NOTES, query_string={"q": q, "sort": "title", **query})
    assert answer.status_code == 200, answer.text
    return [note["title"] for note in answer.get_json()["items"]]


@pytest.mark.parametrize(
    ("q", "titles"),
    [
        ("milk", ["Milk prices", "Shopping"]),
        ("MILK", ["Milk prices", "Shopping"]),
        ("eggs milk", ["Shopping"]),
        ("shopping eggs", ["Shopping"]),
        ("milk prices rising", ["Milk prices"]),
        ("milk bread prices", []),
        ("the", ["Shopping"]),
        ("2026", ["Milk prices"]),
        ("ilk", []),
        ("shake", []),
        ("straße", ["Straße"]),
        ("Zoë", ["Straße"]),
        ("zoe", []),
        ("東京都", ["Straße"]),
        ("pure 100%", ["Milkshake"]),
        ("a milk in to", ["Milk prices", "Shopping"]),
        ("milk, eggs!", ["Shopping"]),
        ('+milk -eggs "bread', ["Shopping"]),
        ("milk* & (eggs | no) @5 ~the <>", ["Shopping"]),
        ("milk') OR 1=1 --", ["Milk prices", "Shopping"]),
        ("nothing", []),
        *((word, ["Odds/ends.txt"]) for word in ("odds", "ends", "txt", "home", "me@home.example")),
        *((word, ["Odds/ends.txt"]) for word in ("snake", "snake_case", "2027", "हिन्दी", "ΟΔΟΣ")),
    ],
)
def test_notes_with_all_the_words_are_found(client: FlaskClient, q: str, titles: list[str]) -> None:
    assert found(client, q) == titles


@pytest.mark.parametrize(
    "q", ["", "it", "+-*", "%", "_", "x" * 85, "x" * 201, "two\nlines", "and\0not"]
)
def test_search_without_a_word_is_refused(client: FlaskClient, q: str) -> None:
    answer = client.get(NOTES, query_string={"q": q})
    assert (answer.status_code, list(answer.get_json()["errors"])) == (422, ["q"])


def test_bytes_that_are_no_text_find_nothing(client: FlaskClient) -> None:
    assert client.get(f"{NOTES}?q=%ff%fe%ffmilk").get_json()["items"] == []


def test_search_has_pages(client: FlaskClient) -> None:
    query = {"q": "milk", "limit": "1", "sort": "title"}
    first = client.get(NOTES, query_string=query)
    assert "q=milk" in first.headers["Link"]
    cursor = first.get_json()["next_cursor"]
    assert found(client, "milk", limit="1", cursor=cursor) == ["Shopping"]


def test_change_is_found_and_what_was_there_is_not(client: FlaskClient) -> None:
    (note,) = client.get(f"{NOTES}?q=shopping").get_json()["items"]
    url = f"{NOTES}/{note['id']}"
    client.patch(url, json={"title": "Errands"}, headers={"If-Match": "*"})
    assert found(client, "shopping") == []
    assert found(client, "errands milk") == ["Errands"]
