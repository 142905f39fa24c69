"""The space of answers: read from `copier.yml`, and restated by an oracle of its own.

`QUESTIONS` and `CHOICES` are what the template says. `implied` and `refusal` are what the
specification says; the tests compare both over the whole space.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, combinations, product
from typing import Any

import yaml
from allpairspy import AllPairs
from helpers import ROOT

Answers = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """Reads copier's `!include`."""


def _include(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    return yaml.safe_load((ROOT / loader.construct_scalar(node)).read_text(encoding="utf-8"))


_Loader.add_constructor("!include", _include)
_TEXT = (ROOT / "copier.yml").read_text(encoding="utf-8")
# Every key of the template in the order of the form.
FORM: dict[str, Any] = {
    key: value for document in yaml.load_all(_TEXT, _Loader) for key, value in document.items()
}
QUESTIONS: dict[str, Any] = {
    key: value
    for key, value in FORM.items()
    if not key.startswith("_") and value.get("when") is not False
}
COMPUTED: dict[str, Any] = {
    key: value for key, value in FORM.items() if not key.startswith("_") and key not in QUESTIONS
}


def _values(question: Mapping[str, Any]) -> list[str]:
    choices = question["choices"]
    return list(choices.values() if isinstance(choices, dict) else choices)


CHOICES: dict[str, list[str]] = {k: _values(q) for k, q in QUESTIONS.items() if "choices" in q}
# What changes the code of a service; the other questions change texts around it.
CORE = ("surface", "database", "features")


def subsets(values: list[str]) -> list[list[str]]:
    every = chain.from_iterable(combinations(values, n) for n in range(len(values) + 1))
    return [list(subset) for subset in every]


def refusal(answers: Mapping[str, Any]) -> str | None:
    """The oracle: the name of the rule that refuses these answers, or None."""
    if "example" in answers["features"] and answers["database"] == "none":
        return "example-needs-a-database"
    return None


def implied(given: Mapping[str, Any]) -> Answers:
    """The oracle: all answers that follow from the given ones."""
    preset = given.get("preset", "api")
    database = given.get("database", "none" if preset == "minimal" else "sqlite")
    example = preset != "minimal" and database != "none"
    return {
        "preset": preset,
        "surface": "api",
        "database": database,
        "features": given.get("features", ["example"] if example else []),
        "ci": given.get("ci", "github"),
    }


def variants() -> list[Answers]:
    """Return each kind of code that the template can make, as answers."""
    space = product(CHOICES["surface"], CHOICES["database"], subsets(CHOICES["features"]))
    every = [dict(zip(CORE, point, strict=True)) for point in space]
    return [answers for answers in every if not refusal(answers)]


def presets() -> list[Answers]:
    """Return the kinds of code that presets make."""
    made = [implied({"preset": preset}) for preset in CHOICES["preset"]]
    cores = [{key: answers[key] for key in CORE} for answers in made]
    return [answers for n, answers in enumerate(cores) if answers not in cores[:n]]


def pairwise() -> list[Answers]:
    """Return answers in which each pair of choices, over all questions, meets once."""
    asked = {**CHOICES, "features": subsets(CHOICES["features"])}
    names, values = list(asked), list(asked.values())

    def allowed(row: list[Any]) -> bool:
        partial = {"features": [], "database": "", **dict(zip(names, row, strict=False))}
        return refusal(partial) is None

    return [dict(zip(names, row, strict=True)) for row in AllPairs(values, filter_func=allowed)]


def given_combinations() -> Iterator[Answers]:
    """Yield everything that a person can type about the core: each question or not."""
    options: dict[str, list[Any]] = {
        "preset": CHOICES["preset"],
        "database": CHOICES["database"],
        "features": subsets(CHOICES["features"]),
    }
    for row in product(*([None, *values] for values in options.values())):
        pairs = zip(options, row, strict=True)
        yield {key: value for key, value in pairs if value is not None}


def name(answers: Mapping[str, Any]) -> str:
    """Return a readable id: `api-sqlite-example`."""
    features = "+".join(answers["features"])
    return "-".join(filter(None, [answers["surface"], answers["database"], features]))
