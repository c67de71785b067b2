from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.api.encoding import encode
from trioaudio.api.events import CallAnswered, CallStarted, DtmfCame

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # halves of surrogate pairs too
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
    max_leaves=20,
)


@given(ANY_JSON)
def test_whatever_a_far_end_wrote_can_be_told_and_read(metadata: object) -> None:
    event = CallAnswered(
        call="c", at=1.0, peer="p", carrier_call_id=None, stream_id=None, metadata=metadata
    )
    told = encode(event)
    read = msgspec.json.decode(told, type=CallAnswered)
    assert read.call == "c"
    assert json.loads(told)["event"] == "call.answered"
    try:
        json.dumps(metadata, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    assert read.metadata == metadata
    assert told == msgspec.json.encode(event)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\ud800", "\ufffd"),
        ("a\udfffb", "a\ufffdb"),
        ("\ud83d\ude00", "\U0001f600"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("नमस्ते \U0001f600 \ud800", "नमस्ते \U0001f600 \ufffd"),
    ],
)
def test_half_a_pair_is_replaced_wherever_it_stands(text: str, told: str) -> None:
    event = CallStarted(call=text, at=1.0, carrier="raw", to=None, labels={text: text})
    read = json.loads(encode({"id": 1, "events": [event, (text, math.nan)]}))
    assert read["events"][0]["call"] == told
    assert read["events"][0]["labels"] == {told: told}
    assert read["events"][1] == [told, None]


def test_what_is_no_message_is_a_mistake() -> None:
    with pytest.raises(TypeError):
        encode([DtmfCame(call="\ud800", at=1.0, digit="1", duration_ms=None), object()])
