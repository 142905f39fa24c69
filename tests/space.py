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
CORE = ("surface", "database", "auth", "workers", "broker", "features")


def subsets(values: list[str]) -> list[list[str]]:
    every = chain.from_iterable(combinations(values, n) for n in range(len(values) + 1))
    return [list(subset) for subset in every]


def refusal(answers: Mapping[str, Any]) -> str | None:
    """The oracle: the name of the rule that refuses these answers, or None."""
    if answers["auth"] != "none" and answers["database"] == "none":
        return "accounts-need-a-database"
    if answers["workers"] != "none" and answers["database"] == "none":
        return "workers-need-a-database"
    if answers["broker"] == "rabbitmq" and answers["workers"] != "celery":
        return "broker-belongs-to-celery"
    if "example" in answers["features"] and answers["database"] == "none":
        return "example-needs-a-database"
    return None


def implied(given: Mapping[str, Any]) -> Answers:
    """The oracle: all answers that follow from the given ones."""
    preset = given.get("preset", "api")
    database = given.get("database", "none" if preset == "minimal" else "sqlite")
    kept = preset != "minimal" and database != "none"
    return {
        "preset": preset,
        "surface": "api",
        "database": database,
        "auth": given.get("auth", "jwt" if kept else "none"),
        "workers": given.get("workers", "none"),
        "broker": given.get("broker", "redis"),
        "features": given.get("features", ["example"] if kept else []),
        "ci": given.get("ci", "github"),
    }


def variants() -> list[Answers]:
    """Return each kind of code that the template can make, as answers."""
    axes = (*(CHOICES[key] for key in CORE if key != "features"), subsets(CHOICES["features"]))
    space = product(*axes)
    every = [dict(zip(CORE, point, strict=True)) for point in space]
    return [answers for answers in every if not refusal(answers)]


def examples() -> list[Answers]:
    """Return the variants with the example, no accounts and no jobs, one for each database."""
    plain = [v for v in variants() if v["auth"] == v["workers"] == "none"]
    return [v for v in plain if "example" in v["features"]]


def suites() -> list[Answers]:
    """Return the variants whose own suites are run: each database with each kind of accounts.

    Without the example, each database and each kind of accounts come once; of workers, see
    `at_work`. All the others are run with --every-suite.
    """
    every = [v for v in variants() if v["workers"] == "none"]
    whole = [v for v in every if v["database"] == "none" or "example" in v["features"]]
    bare = {("sqlite", "none"), ("postgresql", "session"), ("mysql", "jwt"), ("sqlite", "both")}
    some = [v for v in every if (v["database"], v["auth"]) in bare and v not in whole]
    return whole + some + at_work()


def at_work() -> list[Answers]:
    """Return variants with workers in which each queue, database and kind of accounts meet."""
    queues = [("celery", "redis"), ("celery", "rabbitmq"), ("rq", "redis")]
    databases = ("sqlite", "postgresql", "mysql")
    met = [
        (queue, databases[(i + j) % 3], auth, (i + j) % 4 != 3)
        for i, queue in enumerate(queues)
        for j, auth in enumerate(CHOICES["auth"])
    ]

    def point(v: Answers) -> tuple[object, ...]:
        queue = v["workers"], v["broker"]
        return queue, v["database"], v["auth"], "example" in v["features"]

    return [v for v in variants() if point(v) in met]


def lives() -> list[Answers]:
    """Return variants that are edited for a year: each database, each kind of accounts."""
    lived = {("none", "none"), ("sqlite", "jwt"), ("postgresql", "session"), ("mysql", "both")}
    lived.add(("sqlite", "none"))
    return [v for v in suites() if (v["database"], v["auth"]) in lived and v not in at_work()]


def changes() -> list[tuple[Answers, Answers]]:
    """Return each answer changed to each other one, where the rest is as presets have it."""
    usual = [implied({"preset": preset}) for preset in CHOICES["preset"]]

    def others(before: Answers, after: Answers) -> set[str]:
        return {key for key in CORE if before[key] != after[key]}

    return [
        (before, after)
        for before in variants()
        for after in variants()
        if len(others(before, after)) == 1
        and any(others(before, answers) <= others(before, after) for answers in usual)
    ]


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
        nothing = {"features": [], "database": "", "auth": "none"}
        nothing |= {"workers": "none", "broker": "redis"}
        partial = {**nothing, **dict(zip(names, row, strict=False))}
        return refusal(partial) is None

    return [dict(zip(names, row, strict=True)) for row in AllPairs(values, filter_func=allowed)]


def given_combinations() -> Iterator[Answers]:
    """Yield everything that a person can type about the core: each question or not.

    Of workers, with each preset and database: what else is typed says nothing about them.
    """
    options: dict[str, list[Any]] = {**CHOICES, "features": subsets(CHOICES["features"])}
    for keys in (
        ("preset", "database", "auth", "features"),
        ("preset", "database", "workers", "broker"),
    ):
        for row in product(*([None, *options[key]] for key in keys)):
            pairs = zip(keys, row, strict=True)
            yield {key: value for key, value in pairs if value is not None}


def name(answers: Mapping[str, Any]) -> str:
    """Return a readable id: `api-sqlite-example`."""
    features = "+".join(answers["features"])
    auth = "" if answers["auth"] == "none" else answers["auth"]
    # What is not said is as presets have it.
    workers = answers.get("workers", "none").replace("none", "")
    broker = answers.get("broker", "redis").replace("redis", "")
    parts = [answers["surface"], answers["database"], auth, workers, broker, features]
    return "-".join(filter(None, parts))
