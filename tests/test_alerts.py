"""Alerts, as Prometheus evaluates them: each can fire, and none does for nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import space
import yaml
from conftest import missing
from helpers import run

REQUESTS = "http_server_request_duration_seconds"
OTHERS = "http_client_request_duration_seconds"
STATEMENTS = "database_statement_duration_seconds"
FAILED = 'jobs{status="failed"}'
QUEUED = 'jobs{status="queued"}'
# What a service tells that is well: a sample a minute, for half an hour.
WELL = {
    "up": "1x30",
    "http_server_active_requests": "0x30",
    REQUESTS + '_count{status="200"}': "0+100x30",
    REQUESTS + '_count{status="500"}': "0x30",
    REQUESTS + '_bucket{le="1"}': "0+100x30",
    REQUESTS + '_bucket{le="5"}': "0+100x30",
    REQUESTS + '_bucket{le="+Inf"}': "0+100x30",
    OTHERS + '_count{failed="no",target="payments"}': "0+100x30",
    OTHERS + '_count{failed="yes",target="payments"}': "0x30",
    "database_connections_used": "2x30",
    "database_connections_limit": "15x30",
    STATEMENTS + '_bucket{le="0.5"}': "0+100x30",
    STATEMENTS + '_bucket{le="5"}': "0+100x30",
    STATEMENTS + '_bucket{le="+Inf"}': "0+100x30",
    FAILED: "3x30",
    QUEUED: "0x30",
    "jobs_oldest_queued_seconds": "0x30",
}
# What fires each, and the labels that it has of the series.
FIRES: dict[str, dict[str, str | None]] = {
    "ServiceNotScraped": {"http_server_active_requests": None},
    "InstanceAway": {"up": "0x30"},
    "RequestsFail": {REQUESTS + '_count{status="500"}': "0+2x30"},
    "RequestsAreSlow": {REQUESTS + '_bucket{le="1"}': "0+90x30"},
    "OtherServiceFails": {OTHERS + '_count{failed="yes",target="payments"}': "0+10x30"},
    "ConnectionsRunOut": {"database_connections_used": "15x30"},
    "StatementsAreSlow": {STATEMENTS + '_bucket{le="0.5"}': "0+90x30"},
    # Two are replayed and gone, then another one fails.
    "JobsFail": {FAILED: "3x10 1 2x20"},
    "JobsWait": {QUEUED: "150x30"},
    "JobsNotCounted": {FAILED: None, QUEUED: None},
    "JobsWaitLong": {"jobs_oldest_queued_seconds": "1000x30"},
}
LABELS = {"InstanceAway": {"instance": "a"}, "OtherServiceFails": {"target": "payments"}}
# What looks like trouble, and is none.
QUIET: dict[str, dict[str, str | None]] = {
    "nothing": {},
    "an instance that starts while jobs wait for a moment": {QUEUED: "_x18 150x1"},
    "failed jobs that are purged": {FAILED: "3x10 0x20"},
    "few requests that fail": {REQUESTS + '_count{status="500"}': "0+0.5x30"},
}


@pytest.fixture(scope="module")
def rules(rendered: Callable[[space.Answers], Path]) -> list[Path]:
    """Return the rules of a service that has all of them."""
    with_metrics = (each for each in space.at_work() if "metrics" in each["features"])
    answers = next(each for each in with_metrics if each["database"] != "none")
    return sorted(rendered(answers).glob("deploy/prometheus/*.yaml"))


def series(changed: dict[str, str | None]) -> list[dict[str, str]]:
    """Return the input of a test: what is well, but for what is changed."""
    told = {**WELL, **changed}
    given = []
    for name, values in told.items():
        metric, _, labels = name.rstrip("}").partition("{")
        more = "".join(f",{label}" for label in labels.split(",") if label)
        full = f'{metric}{{job="my_service",instance="a"{more}}}'
        given += [{"series": full, "values": values}] if values else []
    return given


def evaluate(
    request: pytest.FixtureRequest, rules: list[Path], folder: Path, test: dict[str, Any]
) -> None:
    """Have promtool evaluate what alerts fire after twenty minutes."""
    if not (promtool := shutil.which("promtool")):
        missing(request, "promtool cannot be found")
    files = [str(file) for file in rules]
    tests = {"rule_files": files, "evaluation_interval": "15s", "tests": [test]}
    (folder / "alerts.json").write_text(json.dumps(tests), encoding="utf-8")
    run(promtool, "test", "rules", "alerts.json", cwd=folder)


def alerts(rules: list[Path]) -> dict[str, dict[str, Any]]:
    """Return all alerts by their names."""
    texts = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in rules]
    return {rule["alert"]: rule for text in texts for g in text["groups"] for rule in g["rules"]}


def test_each_alert_is_tried(rules: list[Path]) -> None:
    assert alerts(rules).keys() == FIRES.keys()


@pytest.mark.parametrize("name", FIRES)
def test_alert_fires(
    request: pytest.FixtureRequest,
    rules: list[Path],
    tmp_path: Path,
    name: str,
    prove: Callable[[str], None],
) -> None:
    rule = alerts(rules)[name]
    labels = {"job": "my_service", **rule["labels"], **LABELS.get(name, {})}
    told = {"exp_labels": labels, "exp_annotations": rule["annotations"]}
    expected = {"eval_time": "20m", "alertname": name, "exp_alerts": [told]}
    test = {"interval": "1m", "input_series": series(FIRES[name]), "alert_rule_test": [expected]}
    evaluate(request, rules, tmp_path, test)
    prove("alerts that fired")


@pytest.mark.parametrize("name", QUIET)
def test_no_alert_fires(
    request: pytest.FixtureRequest, rules: list[Path], tmp_path: Path, name: str
) -> None:
    none = [{"eval_time": "20m", "alertname": alert, "exp_alerts": []} for alert in alerts(rules)]
    test = {"interval": "1m", "input_series": series(QUIET[name]), "alert_rule_test": none}
    evaluate(request, rules, tmp_path, test)
