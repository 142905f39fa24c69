"""`make docs`: the pages that repeat code are written from it."""

from __future__ import annotations

from typing import Any

import space
from helpers import ROOT

PAGE = ROOT / "docs" / "questions.md"


def questions() -> str:
    """Return the page of the questions, from `copier.yml`."""
    lines = ["# Questions", "", "Written from `copier.yml` by `make docs`.", ""]
    lines += ["| question | answers | default | asked |", "|---|---|---|---|"]
    for key, question in space.QUESTIONS.items():
        cells = [f"`{key}`: {question.get('help', 'recorded for updates')}"]
        cells += [answers(key, question), default(key), asked(question)]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "A preset answers the questions about parts, and the answers are recorded:", ""]
    lines += ["| preset | surface | database | auth | features |", "|---|---|---|---|---|"]
    for preset in space.CHOICES["preset"]:
        if preset != "custom":
            made = space.implied({"preset": preset})
            features = ", ".join(made["features"]) or "none"
            cells = [preset, made["surface"], made["database"], made["auth"], features]
            lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "Any answer can be given beside a preset: `-d preset=minimal -d database=sqlite`.",
    ]
    return "\n".join(lines) + "\n"


def answers(key: str, question: dict[str, Any]) -> str:
    if key in space.CHOICES:
        return ", ".join(f"`{choice}`" for choice in space.CHOICES[key])
    return {"int": "a number"}.get(question["type"], "text")


def default(key: str) -> str:
    value = space.implied({}).get(key, space.QUESTIONS[key]["default"])
    if isinstance(value, str) and "{{" in value:
        return "from the name"
    return f"`{', '.join(value) if isinstance(value, list) else value}`" if value else "nothing"


def asked(question: dict[str, Any]) -> str:
    conditions = {True: "always", False: "never"}
    return conditions.get(question.get("ask", True), "with preset `custom`")


if __name__ == "__main__":
    PAGE.write_text(questions(), encoding="utf-8")
