"""The dashboard shows what is there, with units and the alerts' limits, and Grafana finds it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.expressions import (
    DASHBOARD,
    OF_PROMETHEUS,
    ROOT,
    alert_rules,
    emitted,
    names_in,
    problems_of,
)

DASH: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
PANELS: list[dict[str, Any]] = [each for each in DASH["panels"] if each["type"] != "row"]
VARIABLES = {each["name"]: each for each in DASH["templating"]["list"]}
PROVISIONING = ROOT / "deploy/grafana/provisioning"
PROMTOOL = shutil.which("promtool")
every_panel = pytest.mark.parametrize("panel", PANELS, ids=[each["title"] for each in PANELS])


def expressions(panel: dict[str, Any]) -> list[str]:
    return [each["expr"] for each in panel["targets"]]


def test_rows_and_panels_are_told_apart() -> None:
    ids = [each["id"] for each in DASH["panels"]]
    assert len(ids) == len(set(ids))
    titles = [each["title"] for each in DASH["panels"]]
    assert len(titles) == len(set(titles))
    rows = [each["title"] for each in DASH["panels"] if each["type"] == "row"]
    assert rows == ["Overview", "Pacing", "Speech", "Engines", "Carriers", "Node"]


def test_no_panel_covers_another() -> None:
    taken: set[tuple[int, int]] = set()
    for place in (each["gridPos"] for each in DASH["panels"]):
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, place
        taken |= cells


@every_panel
def test_a_panel_explains_itself(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    values = [each["value"] for each in defaults["thresholds"]["steps"]]
    assert values[0] is None, "Grafana's base"
    assert all(one < other for one, other in pairwise(values[1:]))
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@every_panel
def test_a_panel_shows_only_what_the_daemon_emits(panel: dict[str, Any]) -> None:
    for expression in expressions(panel):
        assert names_in(expression)
        assert problems_of(expression) == []
        for name in names_in(expression) - {"ALERTS"}:
            assert re.search(rf'{name}\{{instance=~"\$instance"', expression), name
        assert set(re.findall(r"\$(\w+)", expression)) <= {*VARIABLES, "__rate_interval"}


def test_every_metric_is_shown() -> None:
    shown = {name for panel in PANELS for each in expressions(panel) for name in names_in(each)}
    families = {re.sub(r"_(bucket|sum|count)$", "", each) for each in emitted()}
    of_shown = {re.sub(r"_(bucket|sum|count)$", "", each) for each in shown}
    assert families == of_shown - set(OF_PROMETHEUS)


def limits() -> Iterator[tuple[dict[str, Any], str, float]]:
    """Panels that show what an alert looks at, and where it fires."""
    fires_above = {
        each["alert"]: float(found[1])
        for each in alert_rules()
        if (found := re.search(r"> ([\d.]+)$", each["expr"])) is not None
    }
    for panel in PANELS:
        for alert in re.findall(r"(Trioaudio\w+) fires", panel["description"]):
            same_unit = panel["fieldConfig"]["defaults"]["unit"] in ("s", "percentunit")
            if alert in fires_above and same_unit:
                yield panel, alert, fires_above[alert]


def test_limits_are_those_of_the_alerts() -> None:
    found = list(limits())
    assert {alert for _, alert, _ in found} >= {
        *("TrioaudioFramesLate", "TrioaudioFirstWordLate", "TrioaudioBargeInSlow"),
        *("TrioaudioNearlyFull", "TrioaudioDeadAir", "TrioaudioCallsFailing"),
        "TrioaudioEngineNearlyFull",
    }
    for panel, alert, limit in found:
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert steps[1]["value"] == limit, (panel["title"], alert)


def test_alerts_a_panel_names_are_there() -> None:
    named = {
        alert
        for panel in PANELS
        for alert in re.findall(r"(Trioaudio[A-Z]\w+)", panel["description"])
    }
    assert named <= {each["alert"] for each in alert_rules()}


def test_variables() -> None:
    assert list(VARIABLES) == ["datasource", "instance", "carrier"]
    for name in ("instance", "carrier"):
        assert VARIABLES[name]["includeAll"]
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", VARIABLES[name]["definition"])
        assert found is not None
        (metric,) = names_in(found[1])
        assert metric in emitted()
        assert found[2] in {*emitted()[metric], "instance"}


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool on PATH")
def test_prometheus_can_read_every_expression(tmp_path: Path) -> None:
    rules = [
        {"record": f"x:{panel['id']}:{number}", "expr": each.replace("$__rate_interval", "1m")}
        for panel in PANELS
        for number, each in enumerate(expressions(panel))
    ]
    path = tmp_path / "rules.yml"
    path.write_bytes(msgspec.yaml.encode({"groups": [{"name": "x", "rules": rules}]}))
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, "check", "rules", str(path)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_grafana_is_told_where_it_all_is() -> None:
    (source,) = msgspec.yaml.decode((PROVISIONING / "datasources/prometheus.yml").read_bytes())[
        "datasources"
    ]
    assert source["type"] == VARIABLES["datasource"]["query"]
    scrape = msgspec.yaml.decode((ROOT / "deploy/prometheus/prometheus.yml").read_bytes())
    assert source["jsonData"]["timeInterval"] == scrape["global"]["scrape_interval"]
    (provider,) = msgspec.yaml.decode((PROVISIONING / "dashboards/trioaudio.yml").read_bytes())[
        "providers"
    ]
    assert provider["type"] == "file"
    assert provider["options"]["path"].startswith("/var/lib/grafana/")
