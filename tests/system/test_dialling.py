"""`trioaudio dial` as its users have it: a call placed at a simulated carrier, said, and ended."""

from __future__ import annotations

import json
import sys

import pytest

from system.processes import SHORT, Runner, Running

pytestmark = pytest.mark.system

REST = (sys.executable, "-m", "trioaudio.simulators.carrier_rest")
DIAL = ("dial", "--to", "+919800000000", "--from", "+918040000000", "--text", SHORT)
HERE = ("--listen", "127.0.0.1:0", "--plain")


def rest_side(runner: Runner, carrier: str, *arguments: str) -> tuple[Running, dict[str, str]]:
    """Start a carrier's REST side, and return the settings that lead there."""
    running = runner.start("--carrier", carrier, *arguments, command=REST)
    running.until(lambda: '"listening"' in running.out)
    url = json.loads(running.out.splitlines()[0])["url"]
    own = {
        "telecmi": {"APP_ID": "1000001", "SECRET": "simulated-secret", "REST_URL": f"{url}/v2"},
        "twilio": {
            "ACCOUNT_SID": "1000001",
            "AUTH_TOKEN": "simulated-secret",
            "REST_URL": url,
        },
        "plivo": {"AUTH_ID": "1000001", "AUTH_TOKEN": "simulated-secret", "REST_URL": url},
    }[carrier]
    return running, {f"TRIOAUDIO_{carrier}_{name}".upper(): each for name, each in own.items()}


def events(running: Running, name: str) -> list[dict[str, object]]:
    found = [json.loads(line) for line in running.out.splitlines()]
    return [each for each in found if each["event"] == name]


@pytest.mark.parametrize(
    ("carrier", "more"),
    [("telecmi", ()), ("twilio", ()), ("plivo", ("--answer-listen", "127.0.0.1:0"))],
)
def test_a_call_is_placed_said_and_ended(
    runner: Runner, carrier: str, more: tuple[str, ...]
) -> None:
    rest, env = rest_side(runner, carrier)
    done = runner.run(*DIAL, "--carrier", carrier, *HERE, *more, "--report", "-", env=env)
    assert done.code == 0, done
    assert len(events(rest, "placed")) == 1
    rest.until(lambda: bool(events(rest, "call-over")))
    (over,) = events(rest, "call-over")
    report = over["report"]
    assert isinstance(report, dict)
    assert report["played_ms"] > 100
    # TeleCMI ends by a message on the stream.
    assert len(events(rest, "ended")) == (0 if carrier == "telecmi" else 1)


def test_nobody_answers(runner: Runner) -> None:
    rest, env = rest_side(runner, "twilio", "--fault", "unanswered")
    env["TRIOAUDIO_ANSWER_TIMEOUT_S"] = "1"
    done = runner.run(*DIAL, "--carrier", "twilio", *HERE, env=env)
    assert done.code == 5
    assert "twilio placed the call and did not connect its audio" in done.err
    assert len(events(rest, "ended")) == 1


def test_the_carrier_refuses(runner: Runner) -> None:
    rest, env = rest_side(runner, "twilio", "--fault", "refuse=403")
    done = runner.run(*DIAL, "--carrier", "twilio", *HERE, env=env)
    assert done.code == 5
    assert "twilio refuses (HTTP 403, code 20150)" in done.err
    assert "simulated-secret" not in done.err
    assert events(rest, "placed") == []
