"""A real Prometheus, with our configuration and rules, asks a daemon and fires a provoked alert."""

from __future__ import annotations

import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from system.processes import Runner, Running, wait

pytestmark = pytest.mark.system

FOLDER = Path(__file__).parents[2] / "deploy/prometheus"
PROMETHEUS = shutil.which("prometheus")
PROVOKED = "TrioaudioAuthFailures"
WRONG = {"Authorization": "Bearer ta_nobodys"}


@pytest.fixture
def daemon(runner: Runner) -> str:
    """A daemon that is ready; the URL of its control API."""
    running = runner.start(
        *("serve", "--media-listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0"),
        env={
            "TRIOAUDIO_STATE_FOLDER": str(runner.folder / "state"),
            "TRIOAUDIO_CACHE_FOLDER": str(runner.folder / "cache"),
        },
    )
    running.until(lambda: " ready" in running.err)
    return next(
        word.removeprefix("control=") for word in running.err.split() if word.startswith("control=")
    )


@pytest.fixture
def prometheus(runner: Runner, daemon: str) -> Iterator[httpx.Client]:
    """A Prometheus that asks it every second; a client of its API."""
    read: dict[str, Any] = msgspec.yaml.decode((FOLDER / "prometheus.yml").read_bytes())
    read["global"] = dict.fromkeys(("scrape_interval", "evaluation_interval"), "1s")
    read["rule_files"] = [str(FOLDER / each) for each in read["rule_files"]]
    (job,) = read["scrape_configs"]
    job["scrape_timeout"] = "1s"
    job["authorization"]["credentials_file"] = str(runner.folder / "state/control.token")
    job["static_configs"] = [{"targets": [daemon.removeprefix("http://")]}]
    (runner.folder / "prometheus.yml").write_bytes(msgspec.yaml.encode(read))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    assert PROMETHEUS is not None
    running = runner.start(
        *("--config.file=prometheus.yml", "--storage.tsdb.path=tsdb"),
        *(f"--web.listen-address={address}", "--log.level=warn"),
        command=(PROMETHEUS,),
    )
    with httpx.Client(base_url=f"http://{address}", timeout=5) as client:
        until(running, lambda: _ready(client))
        yield client


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def until(running: Running | None, said: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something to be so that is asked for over HTTP."""
    end = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < end, "" if running is None else running.err
        wait(0.1)


def asked(client: httpx.Client, path: str, **query: str) -> Any:
    answer = client.get(f"/api/v1/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def value(client: httpx.Client, expression: str) -> float | None:
    """What an expression of one value comes to; None if there is nothing yet."""
    result = asked(client, "query", query=expression)["result"]
    return float(result[0]["value"][1]) if result else None


@pytest.mark.skipif(PROMETHEUS is None, reason="needs prometheus (Debian's package) on PATH")
def test_a_provoked_alert_fires(runner: Runner, daemon: str, prometheus: httpx.Client) -> None:
    with httpx.Client(base_url=daemon) as anybody:
        until(None, lambda: value(prometheus, "count_over_time(trioaudio_ready[1m])") is not None)
        assert value(prometheus, "trioaudio_auth_failures_total") == 0
        alerts = asked(prometheus, "alerts")["alerts"]
        assert PROVOKED not in [each["labels"]["alertname"] for each in alerts]
        for _ in range(25):
            assert anybody.get("/v1/calls", headers=WRONG).status_code == 401

        def firing() -> list[dict[str, Any]]:
            # A busy machine may have others fire as well.
            alerts: list[dict[str, Any]] = asked(prometheus, "alerts")["alerts"]
            ours = [each for each in alerts if each["labels"]["alertname"] == PROVOKED]
            return [each for each in ours if each["state"] == "firing"]

        until(None, firing)
        (alert,) = firing()
        assert alert["labels"] == {
            "alertname": PROVOKED,
            "severity": "warning",
            "job": "trioaudio",
            "instance": daemon.removeprefix("http://"),
        }
        assert "without a good token" in alert["annotations"]["summary"]
        (target,) = asked(prometheus, "targets")["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", "")
        assert value(prometheus, 'up{job="trioaudio"}') == 1
        # It has all that the daemon tells, with the same values.
        kinds = asked(prometheus, "targets/metadata")
        told = anybody.get("/metrics").text
        heads = [line.split()[2:4] for line in told.splitlines() if line.startswith("# TYPE")]
        assert [[each["metric"], each["type"]] for each in sorted(kinds, key=_name)] == sorted(
            heads
        )
        assert value(prometheus, "trioaudio_auth_failures_total") == 25
    for each in runner._all:
        each.signal(signal.SIGTERM)
        assert each.wait().code == 0, each.err


def _name(kind: dict[str, Any]) -> str:
    return str(kind["metric"])
