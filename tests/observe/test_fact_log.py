from __future__ import annotations

from typing import get_args

import pytest
import structlog
from structlog.testing import capture_logs

from trioaudio.core import facts
from trioaudio.core.carrier import Complaint, Metadata, Stopped
from trioaudio.core.facts import Fact
from trioaudio.observe.fact_log import log_event, log_fact

FACTS: list[tuple[Fact, str, str]] = [
    (facts.LegConnected("1.2.3.4:5", 2), "info", "carrier connected"),
    (facts.LegEnded(None, "1000"), "info", "connection closed"),
    (facts.LegEnded("lost", "reset"), "warning", "connection ended"),
    (
        facts.LegEnded("bug", "internal error", ValueError("x")),
        "error",
        "a bug ended the call; please report it",
    ),
    (facts.RecoveryBegan("redial", 0.25), "warning", "recovering"),
    (facts.Underrun(0.1), "warning", "underrun: the engine was too slow"),
    (facts.Resynced(0.2), "warning", "resync: we were too late"),
    (facts.Stalled(), "warning", "the carrier takes no more for now"),
    (facts.CallPlaced("CA1", "queued"), "info", "call placed"),
    (
        facts.CallControlFailed("hang up", "no answer within 15 s"),
        "error",
        "the carrier did not do what it was asked",
    ),
    (facts.FramesExpired(3), "warning", "speech too old to be said was dropped"),
    (facts.EngineRestarted("espeak", "died"), "warning", "engine restarted"),
    (
        facts.EngineSwitched(1, "cartesia", "espeak", "it stalled"),
        "warning",
        "engine failed; another goes on",
    ),
    (facts.EngineRested("cartesia", 5.0, "no key"), "error", "engine not asked for a while"),
    (facts.EngineReturned("cartesia"), "info", "engine speaks again"),
    (facts.PromptNotKept("the disk is full"), "warning", "prompt not kept"),
    (facts.DoorRefused("1.2.3.4:5", 404, "no"), "warning", "connection refused at the door"),
    (
        facts.DoorRefused("1.2.3.4:5", 500, "internal error", ValueError("x")),
        "error",
        "a bug refused a carrier; please report it",
    ),
    (
        facts.MoreDoorRefusals(7, 60.0, "1.2.3.4"),
        "warning",
        "more connections refused at the door",
    ),
    (facts.WebhookFailed("HTTP 503", 0, 7), "warning", "events wait for the webhook"),
    (facts.WebhookFailed("HTTP 503", 1, 7), "error", "events not delivered"),
    (facts.FirstFrameSent(1, 1.0), "info", "first frame sent"),
    (facts.UtteranceSent(1, 2, 3.0), "info", "all frames sent"),
]


@pytest.mark.parametrize(("fact", "level", "event"), FACTS)
def test_every_fact_is_one_line(fact: Fact, level: str, event: str) -> None:
    with capture_logs() as lines:
        log_fact(structlog.get_logger(), fact)
    assert [(line["log_level"], line["event"]) for line in lines] == [(level, event)]


def test_no_fact_is_forgotten() -> None:
    assert {type(fact) for fact, _, _ in FACTS} == set(get_args(Fact))


def test_what_the_carrier_reports() -> None:
    with capture_logs() as lines:
        log_event(structlog.get_logger(), Complaint("no such stream", "404"))
        log_event(structlog.get_logger(), Metadata({"secret": "4111"}))
        log_event(structlog.get_logger(), Stopped())
    assert [line["log_level"] for line in lines] == ["warning", "info", "info"]
    assert lines[2]["event_name"] == "Stopped"
    assert "4111" not in str(lines)
