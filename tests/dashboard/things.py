"""Views and rows for tests: whole, and with nothing real in them."""

from __future__ import annotations

from typing import Any

from trioaudio.api.views import CallView, EngineView, NodeView, SayingView
from trioaudio.dashboard.columns import Sight
from trioaudio.dashboard.nodes import Fleet, Node
from trioaudio.observe.live_picture import UNICODE, Glyphs

BORN = 1_700_000_000.0
SAYING = "Good morning. Your order left our house at seven and will be with you this evening."


def sight(now: float = 100.0, glyphs: Glyphs = UNICODE) -> Sight:
    return Sight(now=now, wall=BORN + 1000 + now, glyphs=glyphs)


def saying(text: str = SAYING, heard: int = 14, **facts: Any) -> SayingView:
    told: dict[str, Any] = {
        "utterance": 1,
        "text": text,
        "begin": 0,
        "heard": heard,
        "characters": len(text),
        "spoken_by": ["espeak"],
        **facts,
    }
    return SayingView(**told)


def call_view(call: str = "c_00000001abcdef", **facts: Any) -> CallView:
    told: dict[str, Any] = {
        "call": call,
        "state": "up",
        "carrier": "twilio",
        "carrier_call_id": "CA1",
        "stream_id": "MZ1",
        "to": "+14155550100",
        "caller_id": "+14155550199",
        "created_at": BORN,
        "answered_at": BORN + 1,
        "ended_at": None,
        "cause": None,
        "reason": None,
        "sample_rate": 8000,
        "encoding": "mulaw",
        "peer": "192.0.2.7:4040",
        "media_url": None,
        "speaking": True,
        "paused": False,
        "speaking_until": None,
        "utterances": 3,
        "waiting": 1,
        "lead_ms": 180.0,
        "underruns": 0,
        "frames_sent": 100,
        "lateness_p99_ms": 0.4,
        "recording": False,
        "traceparent": None,
        "labels": {},
        **facts,
    }
    return CallView(**told)


def node_view(**facts: Any) -> NodeView:
    told: dict[str, Any] = {
        "version": "0.1.0",
        "state": "ready",
        "reason": None,
        "started_at": BORN,
        "calls": 3,
        "calls_most": 100,
        "calls_total": 10,
        "cpu": 0.25,
        "lateness_p99_ms": 0.6,
        "carriers": ["twilio"],
        "engines": ["espeak"],
        "media_urls": [],
        **facts,
    }
    return NodeView(**told)


def node_with(*views: CallView, name: str = "http://127.0.0.1:8089") -> Node:
    node = Node(name)
    node.take_node(node_view(calls=len(views)), 100.0, BORN + 1100)
    node.engines = [EngineView(engine="espeak", position=0, embedded=True, resting=False)]
    node.take_all(views, 100.0)
    return node


def fleet_of(count: int) -> Fleet:
    views = [
        call_view(
            f"c_{number:08x}",
            created_at=BORN + number,
            to=f"+1415555{number:04d}",
            saying=saying(heard=number % 60),
            lateness_p99_ms=number / 10,
            underruns=number % 3,
        )
        for number in range(count)
    ]
    return Fleet([node_with(*views)])
