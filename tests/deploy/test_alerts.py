"""Alerts name what is there, link to what to do, and fire when they should and only then."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.expressions import ALERTS, ROOT, alert_rules, names_in, problems_of

FOLDER = ALERTS.parent
RULES = list(alert_rules())
OPERATIONS = (ROOT / "docs/operations.md").read_text("utf-8")
PROMTOOL = shutil.which("promtool")

needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="needs promtool (Debian's package prometheus) on PATH"
)
every_rule = pytest.mark.parametrize("rule", RULES, ids=[each["alert"] for each in RULES])


def promtool(*arguments: str, cwd: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL is not None
    return subprocess.run(
        [PROMTOOL, *arguments], cwd=cwd, check=False, capture_output=True, text=True, timeout=60
    )


def anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@every_rule
def test_an_alert_names_only_what_the_daemon_emits(rule: dict[str, Any]) -> None:
    assert names_in(rule["expr"])
    assert problems_of(rule["expr"]) == []


@pytest.mark.parametrize(
    "expression",
    [
        "trioaudio_no_such_metric > 0",
        'trioaudio_engine_contexts{state="asleep"} > 0',
        'trioaudio_calls_total{result=~"bug|no-such-result"} > 0',
        "sum without (carier) (trioaudio_calls_active) > 0",
    ],
)
def test_what_is_not_there_is_found(expression: str) -> None:
    assert len(problems_of(expression)) == 1


@every_rule
def test_an_alert_says_what_it_means_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    told = rule["annotations"]
    assert set(told) == {"summary", "description", "runbook"}
    assert "$labels." in told["summary"], "of whom it speaks"
    name = rule["alert"]
    assert told["runbook"].endswith(f"/docs/operations.md#alert-{name.lower()}")
    assert anchor(f"Alert {name}") in map(
        anchor, re.findall(r"^#+ (.+)$", OPERATIONS, re.MULTILINE)
    )


def test_nothing_is_said_of_an_alert_there_is_not() -> None:
    told = re.findall(r"^### Alert (\w+)$", OPERATIONS, re.MULTILINE)
    assert sorted(told) == sorted(each["alert"] for each in RULES)


def test_every_alert_is_tried_both_ways() -> None:
    tests = msgspec.yaml.decode((FOLDER / "alerts_test.yml").read_bytes())["tests"]
    fires: set[str] = set()
    is_quiet: set[str] = set()
    for case in [case for test in tests for case in test["alert_rule_test"]]:
        (fires if case["exp_alerts"] else is_quiet).add(case["alertname"])
    assert fires == is_quiet == {each["alert"] for each in RULES}


@needs_promtool
def test_prometheus_takes_the_rules() -> None:
    done = promtool("check", "rules", "alerts.yml")
    assert done.returncode == 0, done.stderr
    assert f"{len(RULES)} rules found" in done.stdout


@needs_promtool
def test_alerts_fire_when_they_should_and_only_then() -> None:
    done = promtool("test", "rules", "alerts_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    for name in ("prometheus.yml", "alerts.yml"):
        shutil.copy(FOLDER / name, tmp_path)
    without_token = promtool("check", "config", "prometheus.yml", cwd=tmp_path)
    assert without_token.returncode == 1
    assert "trioaudio.token" in without_token.stdout + without_token.stderr
    (tmp_path / "trioaudio.token").write_text("ta_x", encoding="utf-8")
    done = promtool("check", "config", "prometheus.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_job_is_called_as_the_alerts_have_it() -> None:
    configuration = msgspec.yaml.decode((FOLDER / "prometheus.yml").read_bytes())
    (job,) = configuration["scrape_configs"]
    (down,) = [each for each in RULES if each["alert"] == "TrioaudioDown"]
    assert f'job="{job["job_name"]}"' in down["expr"]
    assert configuration["rule_files"] == [ALERTS.name]
