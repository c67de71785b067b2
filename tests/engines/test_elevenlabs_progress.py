"""Words and clauses out of alignments, in all the ways a service may write them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.engine import WordTiming
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.engines._elevenlabs_messages import Alignment, explain, judge, read_reply
from trioaudio.engines._elevenlabs_progress import Progress
from trioaudio.engines._status import broke_protocol, unavailable

LETTER_MS = 50.0


def aligned(text: str, start_ms: float = 0.0) -> Alignment:
    starts = tuple(start_ms + n * LETTER_MS for n in range(len(text)))
    return Alignment(tuple(text), starts, tuple(each + LETTER_MS for each in starts))


def length(text: str) -> float:
    return len(text) * LETTER_MS


def words(found: list[WordTiming]) -> list[tuple[int, int, float]]:
    return [(each.clause, each.start, each.at_ms) for each in found]


def test_words_are_timed_from_their_chunk_and_clauses_come_with_their_audio() -> None:
    progress = Progress(base_ms=1000.0)
    progress.begin("One two.", 3)
    assert words(progress.take(aligned("One tw"), length("One tw"))) == [(3, 0, 1000.0)]
    assert progress.come() is None
    assert words(progress.take(aligned("o. "), length("o. "))) == [(3, 4, 1200.0)]
    assert progress.come() == 4
    assert progress.come() is None


def test_an_alignment_ahead_of_its_audio_does_not_make_a_clause_come() -> None:
    progress = Progress()
    progress.begin("One two.", 0)
    assert len(progress.take(aligned("One two. "), 100.0)) == 2
    assert progress.come() is None
    assert progress.take(None, 300.0) == []
    assert progress.come() is None
    progress.take(None, 50.0)
    assert progress.come() == 1


def test_an_alignment_behind_its_audio_is_timed_from_the_last_one() -> None:
    progress = Progress()
    progress.begin("One two.", 0)
    progress.take(None, 350.0)
    assert words(progress.take(aligned("One two. "), 100.0)) == [(0, 0, 0.0), (0, 4, 200.0)]
    assert progress.come() == 1


def test_times_may_be_counted_from_the_beginning() -> None:
    progress = Progress()
    progress.begin("A long first clause.", 0)
    progress.begin("Second one.", 1)
    first = "A long first clause. "
    progress.take(aligned(first), length(first))
    found = progress.take(aligned("Second one. ", length(first)), length("Second one. "))
    assert words(found) == [(1, 0, length(first)), (1, 7, length(first) + 350)]
    assert progress.come() == 2


def test_numbers_read_as_words_are_timed_and_what_follows_is_found() -> None:
    progress = Progress()
    progress.begin("It costs 3.50 today.", 0)
    spoken = "It costs three dollars fifty today. "
    found = progress.take(aligned(spoken), length(spoken))
    assert [each.start for each in found] == [0, 3, 9, 14]
    assert found[2].at_ms == spoken.index("three") * LETTER_MS
    assert found[3].at_ms == spoken.index("today") * LETTER_MS
    assert progress.come() == 1


def test_a_number_at_the_end_leaves_the_end_open_but_not_unknown() -> None:
    progress = Progress()
    progress.begin("It costs 3.50.", 0)
    spoken = "It costs three fifty. "
    progress.take(aligned(spoken), length(spoken))
    assert progress.come() is None
    assert progress.is_trusted
    assert progress.is_through


def test_a_pass_that_begins_its_clause_anew_tells_no_word_twice() -> None:
    progress = Progress()
    progress.begin("Hello there my friend.", 0)
    first = progress.take(aligned("Hello there my "), length("Hello there my "))
    again = progress.take(aligned("Hello there my friend. "), length("friend. "))
    assert [each.start for each in first] == [0, 6, 12]
    assert [each.start for each in again] == [15]


def test_an_alignment_of_another_text_is_not_trusted() -> None:
    progress = Progress()
    progress.begin("Guten Tag zusammen.", 0)
    assert not progress.is_trusted
    progress.take(aligned("ni hao da jia "), 700.0)
    assert progress.is_aligned
    assert not progress.is_trusted
    assert progress.come() is None


def test_a_dash_is_no_word_that_is_waited_for() -> None:
    progress = Progress()
    progress.begin("Yes —", 0)
    progress.take(aligned("Yes "), 200.0)
    assert progress.come() == 1


@given(st.lists(st.integers(1, 6), min_size=1, max_size=12), st.booleans())
def test_however_it_is_cut_the_words_are_the_same(cuts: list[int], absolute: bool) -> None:
    text = "Now this is some text. "
    progress = Progress()
    progress.begin(text.strip(), 0)
    found: list[WordTiming] = []
    at = n = 0
    while at < len(text):
        part = text[at : at + cuts[n % len(cuts)]]
        found += progress.take(aligned(part, length(text[:at]) if absolute else 0), length(part))
        at, n = at + len(part), n + 1
    starts = [0, 4, 9, 12, 17]
    assert [each.start for each in found] == starts
    if not absolute:
        assert [each.at_ms for each in found] == [each * LETTER_MS for each in starts]
    assert progress.come() == 1


@pytest.mark.parametrize(
    "names",
    [
        ("chars", "charStartTimesMs", "charDurationsMs"),
        ("chars", "charsStartTimesMs", "charsDurationsMs"),
        ("characters", "char_start_times_ms", "char_durations_ms"),
    ],
)
def test_alignments_are_read_in_every_spelling(names: tuple[str, str, str]) -> None:
    value = dict(zip(names, (["a", "b"], [0, 40], [40, 60]), strict=True))
    for holder in ("alignment", "normalizedAlignment", "normalized_alignment"):
        reply = read_reply(json.dumps({"audio": "AAA=", "alignment": None, holder: value}))
        assert reply.alignment == Alignment(("a", "b"), (0.0, 40.0), (40.0, 100.0))
        assert reply.audio == b"\0\0"


@pytest.mark.parametrize(
    "broken",
    [
        7,
        {},
        {"chars": []},
        {"chars": ["a"], "charStartTimesMs": [0], "charDurationsMs": []},
        {"chars": ["a"], "charStartTimesMs": ["0"], "charDurationsMs": [1]},
        {"chars": [1], "charStartTimesMs": [0], "charDurationsMs": [1]},
        {"chars": [], "charStartTimesMs": [], "charDurationsMs": []},
    ],
)
def test_a_broken_alignment_is_none_and_its_audio_is_kept(broken: object) -> None:
    reply = read_reply(json.dumps({"audio": "AAA=", "alignment": broken}))
    assert reply.alignment is None
    assert reply.audio


def test_context_and_final_are_read_in_both_spellings() -> None:
    assert read_reply('{"contextId": "a", "isFinal": true}').is_final
    reply = read_reply('{"context_id": "a", "is_final": true, "audio": null}')
    assert (reply.context, reply.is_final) == ("a", True)
    assert not read_reply('{"contextId": "a", "isFinal": null}').is_final


@pytest.mark.parametrize("junk", ["", "[]", "no JSON", b"\0\1", '{"audio": "%%%"}'])
def test_junk_is_an_error_of_the_protocol(junk: str | bytes) -> None:
    with pytest.raises(EngineError) as caught:
        read_reply(junk)
    assert caught.value.kind is EngineFault.PROTOCOL


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("invalid_api_key", EngineFault.AUTH),
        ("quota_exceeded", EngineFault.QUOTA),
        ("too_many_concurrent_requests", EngineFault.RATE),
        ("Maximum simultaneous contexts per WebSocket connection exceeded", EngineFault.RATE),
        ("system_busy", EngineFault.UNAVAILABLE),
        ("voice_not_found", EngineFault.BAD_REQUEST),
        ("input_timeout_exceeded", EngineFault.TIMEOUT),
        ("something new", EngineFault.UNAVAILABLE),
    ],
)
def test_the_services_words_tell_the_kind(words: str, kind: EngineFault) -> None:
    assert judge(words) is kind
    reply = read_reply(json.dumps({"error": words, "code": 1008, "contextId": "c"}))
    assert reply.error is not None
    assert reply.error.kind is kind
    assert reply.error.retryable == (
        kind not in (EngineFault.AUTH, EngineFault.QUOTA, EngineFault.BAD_REQUEST)
    )


def test_the_words_of_a_close_frame_tell_the_kind_too() -> None:
    closed = unavailable("elevenlabs", "it closed the connection (code 1008, quota_exceeded)")
    assert explain(closed).kind is EngineFault.QUOTA
    lost = unavailable("elevenlabs", "the connection was lost")
    assert explain(lost) is lost
    broken = broke_protocol("elevenlabs", "invalid")
    assert explain(broken) is broken
