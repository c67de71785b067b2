from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import attrs
import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from trioaudio.api.shapes import CallCause, Cause
from trioaudio.calls.stages import STAGES
from trioaudio.core.engine import EngineLoad
from trioaudio.core.facts import (
    CallControlFailed,
    CallPlaced,
    DoorRefused,
    EngineRestarted,
    EngineRested,
    EngineReturned,
    EngineSwitched,
    Fact,
    FirstFrameSent,
    FramesExpired,
    LegConnected,
    LegEnded,
    MoreDoorRefusals,
    PromptNotKept,
    RecoveryBegan,
    Resynced,
    Stalled,
    Underrun,
    UtteranceSent,
    WebhookFailed,
)
from trioaudio.core.percentiles import Histogram
from trioaudio.observe.exposition import CONTENT_TYPE, SAMPLES_A_STEP
from trioaudio.observe.metrics import NodeMetrics
from trioaudio.observe.node_snapshot import NodeSnapshot
from trioaudio.pacer import PacerStatistics

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
CARRIERS, ENGINES = ("telecmi", "twilio"), ("cartesia", "espeak")

NOTHING = NodeSnapshot(
    calls={},
    capacity=0,
    ready=False,
    draining=False,
    speech_frames={},
    idle_frames={},
    lateness={},
    refusing={"full": False},
    refused={"full": 0},
    load={"cpu": 0.0},
    load_limits={"cpu": 0.0},
    certificate_expiries={"media": 0.0},
)


LOAD = EngineLoad(open=3, opening=1, speaking=12, waiting=2, most=15)


class Node:
    """A node whose snapshot can be set."""

    def __init__(self, now: NodeSnapshot = NOTHING) -> None:
        self.now = now
        self.metrics = NodeMetrics(CARRIERS, ENGINES, "1.2.3", self.snapshot)

    async def snapshot(self) -> NodeSnapshot:
        return self.now

    def text(self) -> bytes:
        return b"".join(self.metrics.slices(self.now))

    def samples(self) -> dict[str, float]:
        return samples(self.text())


def samples(text: bytes) -> dict[str, float]:
    """As a Prometheus server reads them."""
    return {
        sample.name
        + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): (
            sample.value
        )
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def changed_by(*facts: Fact) -> dict[str, float]:
    node = Node()
    before = node.samples()
    for fact in facts:
        node.metrics.tell("telecmi", fact)
    after = node.samples()
    assert set(before) == set(after), "a label set that was not there before its first event"
    return {name: after[name] for name in after if after[name] != before[name]}


def families(text: bytes) -> Iterator[tuple[str, str, list[str]]]:
    """Names, kinds and labels, as they are told."""
    for family in text_string_to_metric_families(text.decode()):
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        name = family.name + ("_total" if family.type == "counter" else "")
        yield name, family.type, sorted(labels)


def test_everything_is_there_from_the_start_and_is_nothing() -> None:
    values = Node().samples()
    assert {name for name, value in values.items() if value} == {
        "trioaudio_build_info version=1.2.3",
        "trioaudio_up_engines engine=cartesia",
        "trioaudio_up_engines engine=espeak",
    }
    for cause in get_args(CallCause):
        assert f"trioaudio_calls_total carrier=twilio result={cause}" in values
    for cause in get_args(Cause):
        assert f"trioaudio_utterances_total cause={cause}" in values
    assert "trioaudio_frame_lateness_seconds_bucket carrier=telecmi le=0.02" in values
    assert "trioaudio_engine_failovers_total from=espeak to=cartesia" in values


def test_the_page_lists_every_metric_with_its_labels_and_no_other() -> None:
    rows = re.findall(
        r"^\| `(trioaudio_\w+)` \| (\w+) \| ([^|]*) \|", PAGE.read_text("utf-8"), re.MULTILINE
    )
    documented = [
        (name, kind, sorted(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows
    ]
    told = Node(attrs.evolve(NOTHING, engine_loads={"cartesia": LOAD})).text()
    assert sorted(documented) == sorted(families(told))


def test_no_label_grows_with_the_calls() -> None:
    told = Node(attrs.evolve(NOTHING, engine_loads={"cartesia": LOAD})).text()
    labels = {label for _, _, each in families(told) for label in each}
    assert labels == {
        *("carrier", "cause", "cache", "channel", "engine", "from", "how", "kind", "listener"),
        *("measure", "reason"),
        *("result", "stage", "state", "status", "to", "verdict", "version"),
    }


@pytest.mark.parametrize(
    ("fact", "change"),
    [
        (
            Underrun(0.25),
            {"underruns_total carrier=telecmi": 1, "underrun_seconds_total carrier=telecmi": 0.25},
        ),
        (Resynced(0.5), {"resyncs_total carrier=telecmi": 1}),
        (Stalled(), {"ws_send_stalls_total carrier=telecmi": 1}),
        (LegEnded(None, "1000"), {"legs_ended_total carrier=telecmi verdict=closed": 1}),
        (LegEnded("lost", "reset"), {"legs_ended_total carrier=telecmi verdict=lost": 1}),
        (LegEnded("refused", "403"), {"legs_ended_total carrier=telecmi verdict=refused": 1}),
        (LegEnded("bug", "oops"), {"legs_ended_total carrier=telecmi verdict=bug": 1}),
        (LegConnected("1.2.3.4", 1), {}),
        (LegConnected("1.2.3.4", 2), {"ws_reconnects_total carrier=telecmi result=connected": 1}),
        (RecoveryBegan("wait", 2), {"ws_reconnects_total carrier=telecmi result=tried": 1}),
        (CallControlFailed("hang up", "404"), {"control_failures_total carrier=telecmi": 1}),
        (
            EngineSwitched(1, "cartesia", "espeak", "a reason in words"),
            {
                "engine_failovers_total from=cartesia to=espeak": 1,
                "engine_requests_total engine=cartesia result=failed": 1,
            },
        ),
        (EngineRested("cartesia", 5, "x"), {"engine_rests_total engine=cartesia": 1}),
        (EngineRestarted("espeak", "x"), {"engine_restarts_total engine=espeak": 1}),
        (EngineReturned("cartesia"), {}),
        (PromptNotKept("disk"), {"prompts_not_kept_total": 1}),
        (DoorRefused("1.2.3.4", 403, "x"), {"door_refusals_total status=403": 1}),
        (MoreDoorRefusals(7, 60, "1.2.3.4"), {"door_refusals_total status=untold": 7}),
        (WebhookFailed("x", 3, 5), {"webhook_failures_total": 1, "webhook_events_lost_total": 3}),
        (CallPlaced("CM-1", None), {}),
        (FirstFrameSent(1, 1.0), {}),
        (UtteranceSent(1, 5, 1.0), {}),
        (FramesExpired(3), {}),
    ],
)
def test_a_fact_is_counted(fact: Fact, change: dict[str, float]) -> None:
    assert changed_by(fact) == {f"trioaudio_{name}": value for name, value in change.items()}


def test_calls_and_barge_ins() -> None:
    node = Node()
    node.metrics.call_ended("telecmi", "hung-up", 42.0)
    node.metrics.call_ended("telecmi", "not-answered", None)
    node.metrics.barged_in("telecmi", 0.015)
    node.metrics.auth_failed()
    node.metrics.drain_forced()
    values = node.samples()
    assert values["trioaudio_calls_total carrier=telecmi result=hung-up"] == 1
    assert values["trioaudio_calls_total carrier=telecmi result=not-answered"] == 1
    assert values["trioaudio_call_duration_seconds_count carrier=telecmi"] == 1
    assert values["trioaudio_call_duration_seconds_sum carrier=telecmi"] == 42
    assert values["trioaudio_call_duration_seconds_bucket carrier=telecmi le=30.0"] == 0
    assert values["trioaudio_call_duration_seconds_bucket carrier=telecmi le=60.0"] == 1
    assert values["trioaudio_barge_in_seconds_bucket carrier=telecmi le=0.01"] == 0
    assert values["trioaudio_barge_in_seconds_bucket carrier=telecmi le=0.02"] == 1
    assert values["trioaudio_auth_failures_total"] == values["trioaudio_drain_forced_total"] == 1


def test_utterances() -> None:
    node = Node()
    told = node.metrics.utterance_completed
    told("cartesia", "normal", "acked", 0.25, cached=False, characters={"cartesia": 30})
    told(
        "cartesia",
        "barge-in",
        "estimated",
        0.3,
        cached=False,
        characters={"cartesia": 20},
        unheard_s=1.5,
    )
    told("cartesia", "normal", "acked", 0.01, cached=True)
    told("espeak", "error", None, None, cached=False)
    told(None, "cancelled", None, None, cached=False)
    values = node.samples()
    expected = {
        "utterances_total cause=normal": 2,
        "utterances_total cause=barge-in": 1,
        "utterances_total cause=error": 1,
        "utterances_total cause=cancelled": 1,
        "playout_certainty_total how=acked": 2,
        "playout_certainty_total how=estimated": 1,
        "first_frame_seconds_count cache=miss engine=cartesia": 2,
        "first_frame_seconds_count cache=hit engine=cartesia": 1,
        "first_frame_seconds_count cache=miss engine=espeak": 0,
        "engine_requests_total engine=cartesia result=spoken": 2,
        "engine_requests_total engine=cartesia result=failed": 0,
        "engine_requests_total engine=espeak result=failed": 1,
        "engine_characters_total engine=cartesia": 50,
        "unheard_seconds_total engine=cartesia": 1.5,
    }
    assert {name: values[f"trioaudio_{name}"] for name in expected} == expected


def test_stages_of_an_utterance() -> None:
    node = Node()
    stages = [("queue", 0.25), ("engine", 0.125), ("leading_silence", 0.03)]
    node.metrics.utterance_completed(
        "cartesia", "normal", "acked", 0.5, cached=False, stages=stages
    )
    node.metrics.utterance_completed(None, "cancelled", None, None, cached=False)
    values = node.samples()
    for stage in STAGES:
        told = [seconds for name, seconds in stages if name == stage]
        assert values[f"trioaudio_stage_seconds_count stage={stage}"] == len(told)
        assert values[f"trioaudio_stage_seconds_sum stage={stage}"] == sum(told)
    assert values["trioaudio_stage_seconds_bucket le=0.1 stage=engine"] == 0
    assert values["trioaudio_stage_seconds_bucket le=0.2 stage=engine"] == 1


def test_what_is_pulled() -> None:
    lateness = Histogram()
    for seconds in (0.0004, 0.004, 0.04, 4.0):
        lateness.add(seconds)
    node = Node(
        NodeSnapshot(
            calls={"telecmi": 3, "raw": 1},
            capacity=200,
            ready=True,
            draining=True,
            refusing={"full": True, "cpu": False},
            refused={"full": 18, "cpu": 0},
            load={"cpu": 0.5, "lateness": 0.004, "loop-lag": 0.002},
            load_limits={"cpu": 0.75},
            speech_frames={"telecmi": 1000},
            idle_frames={"telecmi": 7, "twilio": 8},
            lateness={"telecmi": lateness},
            flushed_frames=5,
            expired_frames=6,
            pacer=PacerStatistics(turns=10, wakeups=9, failures=1, waiting=4),
            cache_hits=11,
            cache_misses=12,
            engines_resting={"cartesia"},
            engine_loads={"cartesia": LOAD},
            lead_s={"telecmi": 0.25, "raw": 0.125},
            channels={"playout": 16, "more": 17},
            cpu=0.5,
            loop_lag_s=0.003,
            certificate_expiries={"media": 1_800_000_000.0},
            slow_steps=2,
            subscribers_cut=13,
            records_lost=14,
            log_lines_lost=15,
        )
    )
    values = node.samples()
    bucket = "frame_lateness_seconds_bucket carrier=telecmi le="
    expected = {
        "calls_active carrier=telecmi": 3,
        "calls_active carrier=twilio": 0,
        "calls_active carrier=raw": 1,  # configured since the start
        "capacity_calls": 200,
        "ready": 1,
        "draining": 1,
        "refusing reason=full": 1,
        "refusing reason=cpu": 0,
        "calls_refused_total reason=full": 18,
        "load measure=loop-lag": 0.002,
        "load_limit measure=cpu": 0.75,
        "tls_certificate_expiry_timestamp_seconds listener=media": 1_800_000_000,
        "frames_sent_total carrier=telecmi kind=speech": 1000,
        "frames_sent_total carrier=telecmi kind=idle": 7,
        "frames_sent_total carrier=twilio kind=idle": 8,
        "frames_dropped_total reason=flushed": 5,
        "frames_dropped_total reason=expired": 6,
        f"{bucket}0.0005": 1,
        f"{bucket}0.02": 2,
        f"{bucket}1.0": 3,
        f"{bucket}+Inf": 4,
        "frame_lateness_seconds_count carrier=telecmi": 4,
        "pacer_turns_total": 10,
        "pacer_wakeups_total": 9,
        "pacer_failures_total": 1,
        "pacer_waiting": 4,
        "cache_requests_total result=hit": 11,
        "cache_requests_total result=miss": 12,
        "up_engines engine=cartesia": 0,
        "up_engines engine=espeak": 1,
        "engine_connections engine=cartesia state=open": 3,
        "engine_connections engine=cartesia state=opening": 1,
        "engine_contexts engine=cartesia state=speaking": 12,
        "engine_contexts engine=cartesia state=waiting": 2,
        "engine_contexts_most engine=cartesia": 15,
        "carrier_lead_seconds carrier=telecmi": 0.25,
        "carrier_lead_seconds carrier=twilio": 0,
        "carrier_lead_seconds carrier=raw": 0.125,
        "channel_depth channel=playout": 16,
        "channel_depth channel=events": 0,
        "channel_depth channel=more": 17,
        "cpu_ratio": 0.5,
        "loop_lag_seconds": 0.003,
        "slow_steps_total": 2,
        "subscribers_cut_total": 13,
        "call_records_lost_total": 14,
        "log_lines_lost_total": 15,
    }
    assert {name: values[f"trioaudio_{name}"] for name in expected} == expected
    sum_s = values["trioaudio_frame_lateness_seconds_sum carrier=telecmi"]
    assert sum_s == pytest.approx(4.0444)
    assert not any("load_limit measure=lateness" in name for name in values), "it has none"
    assert not any("engine=espeak state=" in name for name in values), "it told of nothing"


def test_two_nodes_in_one_process_know_nothing_of_each_other() -> None:
    one, other = Node(), Node()
    one.metrics.auth_failed()
    assert one.samples()["trioaudio_auth_failures_total"] == 1
    assert other.samples()["trioaudio_auth_failures_total"] == 0


async def test_prometheus_text_format() -> None:
    text, content_type = await Node().metrics.render_in_steps()
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert b"_created" not in text
    heads = re.findall(rb"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(heads) == len(set(heads))
    assert text.endswith(b"\n")


def many() -> NodeMetrics:
    carriers = [f"carrier{n}" for n in range(20)]
    engines = [f"engine{n}" for n in range(10)]
    return NodeMetrics(carriers, engines, "1.2.3", Node().snapshot)


def test_no_step_renders_more_than_a_bounded_number_of_lines() -> None:
    slices = list(many().slices(NOTHING))
    assert max(each.count(b"\n") for each in slices) <= SAMPLES_A_STEP + 2
    assert sum(each.count(b"\n") for each in slices) > 1500


async def test_other_tasks_have_their_turn_while_it_is_rendered() -> None:
    metrics = many()
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        text, content_type = await metrics.render_in_steps()
        nursery.cancel_scope.cancel()
    assert text == b"".join(metrics.slices(NOTHING))
    assert content_type == CONTENT_TYPE
    assert turns > 50


def test_a_new_carrier_of_a_reload_is_counted() -> None:
    node = Node()
    node.metrics.tell("vonage", Stalled())
    assert node.samples()["trioaudio_ws_send_stalls_total carrier=vonage"] == 1
