"""The space of answers: read from `copier.yml`, and restated by an oracle of its own.

`QUESTIONS` and `CHOICES` are what the template says. `implied` and `refusal` are what the
specification says; the tests compare both over the whole space.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain, combinations, product
from typing import Any

import yaml
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
TEXTS = [key for key in CHOICES if key not in CORE]
QUEUES = (("celery", "redis"), ("celery", "rabbitmq"), ("rq", "redis"))


def subsets(values: list[str]) -> list[list[str]]:
    every = chain.from_iterable(combinations(values, n) for n in range(len(values) + 1))
    return [list(subset) for subset in every]


def refusal(answers: Mapping[str, Any]) -> str | None:
    """The oracle: the name of the rule that refuses these answers, or None."""
    if answers["auth"] != "none" and answers["database"] == "none":
        return "accounts-need-a-database"
    counted = answers["workers"] == "celery" and answers["database"] != "none"
    if answers["broker"] == "rabbitmq" and not counted:
        return "broker-belongs-to-celery"
    if "example" in answers["features"] and answers["database"] == "none":
        return "example-needs-a-database"
    return None


def servers(answers: Mapping[str, Any]) -> set[str]:
    """The oracle: the brokers and caches that a service with these answers runs on."""
    jobs = {answers["broker"]} if answers["workers"] != "none" else set()
    return jobs | ({"redis"} if "cache" in answers["features"] else set())


def implied(given: Mapping[str, Any]) -> Answers:
    """The oracle: all answers that follow from the given ones."""
    preset = given.get("preset", "api")
    database = given.get("database", "none" if preset == "minimal" else "sqlite")
    kept = preset != "minimal" and database != "none"
    usual = [] if preset == "minimal" else ["metrics", *(["example"] if kept else [])]
    return {
        "preset": preset,
        "surface": "api",
        "database": database,
        "auth": given.get("auth", "jwt" if kept else "none"),
        "workers": given.get("workers", "none"),
        "broker": given.get("broker", "redis"),
        "features": given.get("features", usual),
        "ci": given.get("ci", "github"),
    }


def variants() -> list[Answers]:
    """Return each kind of code that the template can make, as answers.

    Of those with a cache or metrics, `known`.
    """
    axes = (*(CHOICES[key] for key in CORE if key != "features"), subsets(CHOICES["features"]))
    space = product(*axes)
    every = [dict(zip(CORE, point, strict=True)) for point in space]
    return [v for v in every if not refusal(v) and (_is_plain(v) or v in known())]


@cache
def known() -> list[Answers]:
    """Return variants with a cache or metrics: near presets, and those where queues meet others."""
    usual = presets()
    axes = [key for key in CORE if key != "features"]
    near = [{**v, key: value} for v in usual for key in axes for value in CHOICES[key]]
    for answers, feature in product(usual, CHOICES["features"]):
        changed = {feature} ^ set(answers["features"])
        near.append({**answers, "features": [f for f in CHOICES["features"] if f in changed]})
    return near + cached() + at_work() + stateless()


def cached() -> list[Answers]:
    """Return variants with a cache: each queue with each kind of accounts."""
    return [
        {**answers, "features": ["cache", *answers["features"]]}
        for answers in met([*QUEUES, ("none", "redis")])
    ]


def _is_plain(answers: Answers) -> bool:
    return set(answers["features"]) <= {"example"}


def met(queues: list[tuple[str, str]]) -> list[Answers]:
    """Return answers in which each queue, database and kind of accounts meet, in pairs."""
    databases = ("sqlite", "postgresql", "mysql")
    return [
        dict(zip(CORE, ("api", databases[(i + j) % 3], auth, *queue, features), strict=True))
        for i, queue in enumerate(queues)
        for j, auth in enumerate(CHOICES["auth"])
        for features in [[] if (i + j) % 4 == 3 else ["example"]]
    ]


def examples() -> list[Answers]:
    """Return the variants with the example, no accounts and no jobs, one for each database."""
    plain = [v for v in variants() if v["auth"] == v["workers"] == "none"]
    return [v for v in plain if v["features"] == ["example"]]


@cache
def suites() -> list[Answers]:
    """Return the variants whose own suites are run: in them, each two choices meet.

    All the others are run with --every-suite.
    """
    alone = [
        asleep("mysql", "none", []),
        asleep("postgresql", "both", []),
        asleep("postgresql", "session", ["cache", "example"]),
        asleep("sqlite", "session", ["metrics", "example"]),
    ]
    return presets() + examples() + at_work() + stateless() + alone


def asleep(database: str, auth: str, features: list[str]) -> Answers:
    """Return the answers of a service without workers."""
    point = ("api", database, auth, "none", "redis", features)
    return dict(zip(CORE, point, strict=True))


def stateless() -> list[Answers]:
    """Return variants that keep nothing, but have all that can be had then."""
    return [asleep("none", "none", ["cache", "metrics"])]


@cache
def at_work() -> list[Answers]:
    """Return variants with workers: without a database, or `met`, each queue once with a cache.

    Each once with metrics, too.
    """
    points = [("api", "none", "none", kind, "redis", ["metrics"]) for kind in ("celery", "rq")]
    pairs = met(QUEUES)
    kinds = len(CHOICES["auth"])
    for n, (turn, part) in product(range(len(QUEUES)), enumerate(("cache", "metrics"), 1)):
        pair = pairs[n * kinds + (n + turn) % kinds]
        pair["features"] = [part, *pair["features"]]
    return [dict(zip(CORE, point, strict=True)) for point in points] + pairs


def floors() -> list[Answers]:
    """Return variants in which each dependency meets those that it works with."""
    bare = [v for v in at_work() if v["auth"] == "none" != v["database"]]
    return [*stateless(), asleep("postgresql", "both", []), *bare]


def lives() -> list[Answers]:
    """Return variants that are edited for a year: each database, each kind of accounts, jobs."""
    cached = [v for v in at_work() if v["auth"] == "session" and "cache" in v["features"]]
    return [*presets(), asleep("mysql", "both", ["example"]), *cached]


def changes() -> list[tuple[Answers, Answers]]:
    """Return each answer changed to each other one, where the rest is as presets have it.

    Of features one is added or dropped at a time, or all of them.
    """
    usual = [implied({"preset": preset}) for preset in CHOICES["preset"]]

    def others(before: Answers, after: Answers) -> set[str]:
        return {key for key in CORE if before[key] != after[key]}

    def one_or_all(before: list[str], after: list[str]) -> bool:
        return len(set(before) ^ set(after)) <= 1 or not (before and after)

    return [
        (before, after)
        for before in variants()
        for after in variants()
        if len(others(before, after)) == 1
        and one_or_all(before["features"], after["features"])
        and any(others(before, answers) <= others(before, after) for answers in usual)
    ]


def presets() -> list[Answers]:
    """Return the kinds of code that presets make."""
    made = [implied({"preset": preset}) for preset in CHOICES["preset"]]
    cores = [{key: answers[key] for key in CORE} for answers in made]
    return [answers for n, answers in enumerate(cores) if answers not in cores[:n]]


@cache
def pairwise() -> list[Answers]:
    """Return answers in which each two choices meet that may, over all questions."""
    asked = {**CHOICES, "features": subsets(CHOICES["features"])}
    points = product(*(asked[key] for key in CORE))
    rows = [v for point in points if not refusal(v := dict(zip(CORE, point, strict=True)))]
    others = [dict(zip(TEXTS, point, strict=True)) for point in product(*map(asked.get, TEXTS))]
    # The others come in turn, so that each meets each of the rows somewhere.
    left = [
        {**row, **others[(n * 7 + turn) % len(others)]}
        for n, row in enumerate(rows)
        for turn in range(4)
    ]
    met = [{(a, str(row[a]), b, str(row[b])) for a, b in combinations(asked, 2)} for row in left]
    wanted, chosen = set().union(*met), []
    while wanted:
        best = max(range(len(left)), key=lambda n: len(met[n] & wanted))
        chosen.append({key: left[best][key] for key in asked})
        wanted -= met[best]
    return chosen


def given_combinations() -> Iterator[Answers]:
    """Yield everything that a person can type about the core: each question or not.

    Of workers, with each preset and database: what else is typed says nothing about them. Of
    features one at most: no rule is about two.
    """
    options: dict[str, list[Any]] = {
        **CHOICES,
        "features": [[], *([f] for f in CHOICES["features"])],
    }
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
